import type { Oid } from '../../core/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import type { FileChange, SourceTree } from '../../ports/mod.ts'
import { addedText, hidesContent, isCut } from './added-text.ts'
import type { Inspection } from './attempt-state.ts'
import type { ExecutionOptions } from './options.ts'
import { readProject } from './project.ts'
import type { ParseProject } from './project.ts'
import { twinsOf } from './names.ts'
import { comparedPaths } from './protected.ts'

export interface InspectionParts {
  readonly sources: SourceTree
  readonly parseProject: ParseProject
  readonly inspect: (text: string) => Promise<readonly { readonly rule: string }[]>
  readonly options: ExecutionOptions
  readonly base: Oid
  readonly commit: Oid
  readonly changes: readonly FileChange[]
  readonly message: string
  /** Undefined for a replayed change: it was searched when it was made, and its diff would hold what others did meanwhile. */
  readonly diff: ((bytesMax: number) => Promise<string>) | undefined
}

const COMPARED_BYTES_MAX = 2 ** 20

/** Gathers what the machine judges a change by. */
export const inspectChange = async (parts: InspectionParts): Promise<Inspection> => {
  const { sources, base, commit, changes, options } = parts
  const diff = await parts.diff?.(options.diffBytesMax) ?? ''
  const findings = diff === '' ? [] : await parts.inspect([parts.message, ...changes.map(({ path }) => path), addedText(diff)].join('\n'))
  const contents = new Map<string, { before: string | undefined; after: string | undefined }>()
  for (const path of comparedPaths(changes)) contents.set(path, { before: await textAt(sources, base, path), after: await textAt(sources, commit, path) })
  const tree = changes.some(({ kind }) => kind === 'added') ? await sources.list(commit, '') : []
  const project = await readProject(sources, commit, parts.parseProject)
  return {
    commit, contents,
    twins: twinsOf(changes, tree.map(({ path }) => path)),
    secretRules: [...new Set(findings.map(({ rule }) => rule))],
    diffCut: isCut(diff, options.diffBytesMax),
    hidesContent: hidesContent(diff),
    setup: project.ok ? project.value.setup : undefined,
  }
}

/** A base's view of a change made on another: what the new base already has is modified there. */
export const replayedChanges = (changes: readonly FileChange[], onto: ReadonlySet<string>): readonly FileChange[] =>
  changes.map((change) => change.kind === 'added' && onto.has(change.path) ? { ...change, kind: 'modified', modeBefore: '100644' } : change)

const textAt = async (sources: SourceTree, commit: Oid, path: string): Promise<string | undefined> => {
  try {
    const bytes = await sources.read(commit, path, { bytesMax: COMPARED_BYTES_MAX })
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8')
  } catch (thrown) {
    // A file that is too large cannot be compared: the judgement then parks the change.
    if (thrown instanceof ChorusError && thrown.code === 'LIMIT_EXCEEDED') return undefined
    throw thrown
  }
}
