/** What a scripted model asks its agent to do, one step per call. */
export type ModelStep =
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'read'; readonly file: string }
  | { readonly kind: 'write'; readonly file: string; readonly content: string }
  /** Ends the turn. */
  | { readonly kind: 'say'; readonly text: string }

/** A play for one kind of prompt. The first whose `when` holds is played. */
export interface ModelScript {
  readonly when?: (prompt: string) => boolean
  readonly steps: readonly ModelStep[]
}

export interface Change {
  /** Relative to the workspace. */
  readonly file: string
  readonly content: string
  readonly check: string
}

/** Runs the tests, reads the file, writes it, says that it is done: what an honest agent does. */
export const honestScript = (change: Change): ModelScript => ({
  steps: [
    { kind: 'run', command: `${change.check} 2>&1 | tail -20` },
    { kind: 'read', file: change.file },
    { kind: 'write', file: change.file, content: change.content },
    { kind: 'run', command: `${change.check} 2>&1 | tail -20` },
    { kind: 'say', text: `Corrected ${change.file}; the tests pass now.` },
  ],
})

/** Writes what does not help, and says that all tests pass. */
export const lyingScript = (change: Pick<Change, 'file' | 'content'>): ModelScript => ({
  steps: [
    { kind: 'read', file: change.file },
    { kind: 'write', file: change.file, content: change.content },
    { kind: 'say', text: 'Done. All tests pass.' },
  ],
})

/** Lies in the first round, and repairs its work when it is shown what the checks printed. */
export const correctedScripts = (wrong: Pick<Change, 'file' | 'content'>, right: Change): readonly ModelScript[] => [
  { when: (prompt) => prompt.includes('<check-output>'), steps: honestScript(right).steps },
  lyingScript(wrong),
]

/** How an agent calls its tools. */
export interface ToolNames {
  readonly call: (step: Exclude<ModelStep, { readonly kind: 'say' }>) => { readonly name: string; readonly arguments: string }
}

const WORKSPACE = '/workspace'

export const opencodeTools: ToolNames = {
  call: (step) => {
    switch (step.kind) {
      case 'run': return { name: 'bash', arguments: JSON.stringify({ command: step.command, description: 'Runs the tests' }) }
      case 'read': return { name: 'read', arguments: JSON.stringify({ filePath: `${WORKSPACE}/${step.file}` }) }
      case 'write': return { name: 'write', arguments: JSON.stringify({ filePath: `${WORKSPACE}/${step.file}`, content: step.content }) }
    }
  },
}
