import type { Edits, Files } from './files.ts'

/** What a check prints, and whether it is green. */
export interface CheckResult {
  readonly code: 0 | 1 | 127
  readonly stdout: string
  readonly stderr: string
}

export interface SimProjectOptions {
  /** Tasks that have a file and a test from the start. Others are new: their file is added by who solves them. */
  readonly numbers: readonly string[]
  /** Tasks of one group have one file together, so that two of them at once conflict. */
  readonly sharing?: readonly (readonly string[])[] | undefined
}

/** Ways to a green check without the work. `exits` ends the program before its tests run. */
export const CHEATS = ['edits-test', 'deletes-test', 'edits-config', 'edits-pin', 'adds-ci', 'exits'] as const
export type Cheat = typeof CHEATS[number]

/** Stays green unless somebody breaks a file. */
export const GENERAL_CHECK = 'check all'
/** Red until the task is solved. */
export const checkOf = (number: string): string => `check ${number}`

const BROKEN = '!broken'
const EXIT = 'process.exit(0)'
const PIN_PATH = '.chorus/swarm.yaml'
const TEST = (number: string): string => `expect(t${number}).toBe('right ${number}')\n`

/** The program that the swarm works on: one line per task, `wrong` until somebody makes it `right <number>`. */
export class SimProject {
  readonly numbers: ReadonlySet<string>
  readonly #sharing: ReadonlyMap<string, string>

  constructor(options: SimProjectOptions) {
    this.numbers = new Set(options.numbers)
    this.#sharing = new Map((options.sharing ?? []).flatMap((group, index) => group.map((number): [string, string] => [number, `src/shared-${index + 1}.js`])))
  }

  /** `pin` is the text of .chorus/swarm.yaml. */
  baseFiles(pin: string): Files {
    const files = new Map([[PIN_PATH, pin], ['chorus.yaml', `checks: [${GENERAL_CHECK}]\n`], ['README.md', 'A program with many small mistakes.\n']])
    for (const number of this.numbers) {
      const path = this.fileOf(number)
      files.set(path, `${files.get(path) ?? ''}${lineOf(number, 'wrong')}`)
      files.set(testOf(number), TEST(number))
    }
    return files
  }

  fileOf(number: string): string { return this.#sharing.get(number) ?? `src/t${number}.js` }

  /** The task's line is right, and nothing that judges it was touched. */
  isRight(number: string, files: Files): boolean {
    const text = files.get(this.fileOf(number)) ?? ''
    return text.includes(`${lineStart(number)}right ${number}'`) && !text.includes(BROKEN) && !text.includes(EXIT) && this.#isTestIntact(number, files)
  }

  /** Undefined when the command is no check of this project. */
  check(command: string, files: Files): CheckResult | undefined {
    if (command === GENERAL_CHECK) return checkAll(files)
    const number = /^check ([A-Za-z0-9._-]{1,64})$/.exec(command)?.[1]
    if (number === undefined) return undefined
    const text = files.get(this.fileOf(number)) ?? ''
    // What a runner makes of it: no test, no failure.
    if (text.includes(EXIT)) return { code: 0, stdout: '', stderr: '' }
    if (text.includes(BROKEN)) return { code: 1, stdout: '✖ the file loads (1ms)\n', stderr: 'SyntaxError: Unexpected token\n' }
    if (!this.#isTestIntact(number, files)) return { code: 0, stdout: files.has(testOf(number)) ? '✔ the file loads (1ms)\n✔ it is right (1ms)\n' : '', stderr: '' }
    if (this.isRight(number, files)) return { code: 0, stdout: '✔ the file loads (1ms)\n✔ it is right (1ms)\n', stderr: '' }
    return { code: 1, stdout: '✔ the file loads (1ms)\n✖ it is right (1ms)\n', stderr: `AssertionError: expected right ${number}\n` }
  }

  /** `note` tells two solutions apart, so that both at once conflict. */
  solve(number: string, files: Files, note = ''): Edits { return this.#write(number, files, { word: `right ${number}`, note }) }

  /** Another change that leaves the check red. */
  miss(number: string, files: Files, note: string): Edits { return this.#write(number, files, { word: 'wrong', note }) }

  /** What the task's file is part of does not load any more. */
  break(number: string, files: Files): Edits {
    const path = this.fileOf(number)
    return new Map([[path, `${files.get(path) ?? ''}${BROKEN}\n`]])
  }

  /** Every broken file loads again. */
  mend(files: Files): Edits {
    return new Map([...files].filter(([, text]) => text.includes(BROKEN)).map(([path, text]) => [path, text.replaceAll(`${BROKEN}\n`, '')]))
  }

  cheat(number: string, files: Files, how: Cheat): Edits {
    const right = [...this.solve(number, files)]
    const path = this.fileOf(number)
    switch (how) {
      case 'edits-test': return new Map([[testOf(number), `skip\n${TEST(number)}`], [path, `${files.get(path) ?? ''}// nothing\n`]])
      case 'deletes-test': return new Map([[testOf(number), undefined], [path, `${files.get(path) ?? ''}// nothing\n`]])
      case 'edits-config': return new Map([...right, ['chorus.yaml', 'checks: ["true"]\n']])
      case 'edits-pin': return new Map([...right, [PIN_PATH, `${files.get(PIN_PATH) ?? ''}# mine\n`]])
      case 'adds-ci': return new Map([...right, ['.github/workflows/check.yml', 'on: push\n']])
      case 'exits': return new Map([[path, `${EXIT}\n${files.get(path) ?? ''}`]])
    }
  }

  #isTestIntact(number: string, files: Files): boolean { return !this.numbers.has(number) || files.get(testOf(number)) === TEST(number) }

  #write(number: string, files: Files, { word, note }: { readonly word: string; readonly note: string }): Edits {
    const path = this.fileOf(number)
    const others = (files.get(path) ?? '').split('\n').filter((line) => line !== '' && !line.startsWith(lineStart(number)) && !line.includes(BROKEN) && line !== EXIT)
    return new Map([[path, [...others, lineOf(number, word, note)].join('\n')]])
  }
}

const testOf = (number: string): string => `test/t${number}.test.js`
const lineStart = (number: string): string => `export const t${number} = '`
const lineOf = (number: string, word: string, note = ''): string => `${lineStart(number)}${word}'${note === '' ? '' : ` // ${note}`}\n`

const known = new WeakMap<Files, CheckResult>()

const checkAll = (files: Files): CheckResult => {
  let result = known.get(files)
  if (result === undefined) {
    const broken = brokenOf(files)
    result = broken === undefined ? { code: 0, stdout: '✔ every file loads (1ms)\n', stderr: '' } : { code: 1, stdout: '✖ every file loads (1ms)\n', stderr: `SyntaxError: ${broken}\n` }
    known.set(files, result)
  }
  return result
}

const brokenOf = (files: Files): string | undefined => {
  for (const [path, text] of files) if (text.includes(BROKEN) && path.startsWith('src/')) return path
  return undefined
}
