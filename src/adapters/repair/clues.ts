import path from 'node:path'

/** What a failing run and a task say about where the fault is. */
export interface Clues {
  /** `file:line` of source files in stacks and messages of the failing run. */
  readonly lines: ReadonlySet<string>
  /** Source files named there. */
  readonly files: ReadonlySet<string>
  /** Names that the task writes as code, that the failing test calls, and all words of the title: it is short. */
  readonly strongNames: ReadonlySet<string>
  /** Those of them that the title writes as code, or that both the task and the failing test name. */
  readonly chiefNames: ReadonlySet<string>
  /** Every other word of the task and the failing run; mostly plain English, so only a hint. */
  readonly weakNames: ReadonlySet<string>
  /** Imports away from a failing test: 1 = imported by it. */
  readonly distance: ReadonlyMap<string, number>
}

export interface ClueSources {
  readonly title: string
  readonly description: string
  /** Output of the failing checks, newest part. */
  readonly output: string
  /** All files of the workspace, tests included, by relative path. */
  readonly texts: ReadonlyMap<string, string>
  readonly isTest: (file: string) => boolean
}

/** Lines around a failing test's frame whose calls count. */
const LINES_AROUND = 3
const TEXT_CHARACTERS_MAX = 64 * 1024
const WORD = /[A-Za-z_$][\w$]{2,40}/g
const LOCATION = /(?:file:\/\/)?([\w@.+/-]+\.(?:[cm]?[jt]s|[jt]sx))(?::|\()(\d{1,6})/g
const IMPORT = /(?:from\s*|import\s*\(?\s*|require\s*\(\s*)['"](\.{1,2}(?:\/[^'"\n]{0,200})?)['"]/g
/** Words of test files that say nothing of the code under test. */
const TEST_WORDS = new Set([
  'test', 'describe', 'expect', 'assert', 'strictEqual', 'deepStrictEqual', 'deepEqual', 'equal', 'notEqual', 'throws', 'rejects', 'toBe', 'toEqual',
  'const', 'let', 'var', 'import', 'from', 'require', 'async', 'await', 'function', 'return', 'node', 'true', 'false', 'null', 'undefined', 'new', 'for', 'the', 'default',
])

export const cluesOf = (sources: ClueSources): Clues => {
  const output = sources.output.slice(-TEXT_CHARACTERS_MAX)
  const description = sources.description.slice(0, TEXT_CHARACTERS_MAX)
  const known = [...sources.texts.keys()]
  const lines = new Set<string>()
  const files = new Set<string>()
  const failing = new Set<string>()
  const titled = new Set(codeWords(sources.title))
  const told = new Set([...titled, ...codeWords(description)])
  const called = new Set<string>()
  for (const [, place = '', line = ''] of output.matchAll(LOCATION)) {
    const file = resolveNamed(place, known)
    if (file === undefined) continue
    if (sources.isTest(file)) {
      failing.add(file)
      for (const word of calledNear(sources.texts.get(file) ?? '', Number(line))) called.add(word)
    } else {
      files.add(file)
      lines.add(`${file}:${line}`)
    }
  }
  // Nothing named a test: all tests are suspect, so that what they import still comes before what they do not.
  const starts = failing.size > 0 ? failing : new Set(known.filter(sources.isTest))
  const weakNames = new Set([...words(description), ...words(output)])
  const strongNames = new Set([...told, ...called, ...words(sources.title)])
  const chiefNames = new Set([...titled, ...[...told].filter((name) => called.has(name))])
  return { lines, files, strongNames, chiefNames, weakNames, distance: importDistance(starts, sources.texts) }
}

/**
 * Words that are written as code: called, alone in backticks, or in camelCase or snake_case. What stands before a dot
 * (`semver.diff()`) is mostly the name of the whole, and says nothing.
 */
const codeWords = (text: string): readonly string[] => {
  const found = [...calledWords(text)]
  for (const [, quoted = ''] of text.matchAll(/`(?:[\w$]{1,40}\.)?([\w$]{2,40})`/g)) found.push(quoted)
  for (const word of words(text)) if (/[a-z][A-Z]|\w_\w/.test(word)) found.push(word)
  return found.filter((word) => !TEST_WORDS.has(word))
}

const calledWords = (text: string): readonly string[] =>
  [...text.matchAll(/[A-Za-z_$][\w$]{0,40}(?=\()/g)].map(([word]) => word).filter((word) => !TEST_WORDS.has(word))

const words = (text: string): readonly string[] => [...text.matchAll(WORD)].map(([word]) => word).filter((word) => !TEST_WORDS.has(word))

const calledNear = (text: string, line: number): readonly string[] =>
  calledWords(text.split('\n').slice(Math.max(0, line - 1 - LINES_AROUND), line + LINES_AROUND).join('\n'))

/** A path as some program printed it (absolute in the sandbox, or relative) to a known file. */
const resolveNamed = (printed: string, known: readonly string[]): string | undefined => {
  if (printed.includes('node_modules/')) return undefined
  const plain = path.posix.normalize(printed).replace(/^\/workspace\//, '').replace(/^\.\//, '')
  if (known.includes(plain)) return plain
  const ending = known.filter((file) => plain.endsWith(`/${file}`))
  return ending.sort((left, right) => right.length - left.length)[0]
}

/** Breadth first over relative imports, read by text: a file that does not parse still counts. */
const importDistance = (starts: ReadonlySet<string>, texts: ReadonlyMap<string, string>): ReadonlyMap<string, number> => {
  const distance = new Map<string, number>([...starts].map((file) => [file, 0]))
  const waiting = [...starts]
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    for (const [, target = ''] of (texts.get(file) ?? '').matchAll(IMPORT)) {
      const found = resolveImport(file, target, texts)
      if (found === undefined || distance.has(found)) continue
      distance.set(found, (distance.get(file) ?? 0) + 1)
      waiting.push(found)
    }
  }
  return distance
}

const ENDINGS = ['', '.js', '.ts', '.mjs', '.cjs', '.mts', '.cts', '.jsx', '.tsx', '/index.js', '/index.ts', '/index.mjs', '/index.cjs']

const resolveImport = (from: string, target: string, texts: ReadonlyMap<string, string>): string | undefined => {
  const plain = path.posix.join(path.posix.dirname(from), target).replace(/\/$/, '')
  for (const ending of ENDINGS) {
    const file = plain === '.' ? ending.replace(/^\//, '') : plain + ending
    if (texts.has(file)) return file
  }
  // TypeScript sources import each other under the name of what they are built to.
  const source = plain.replace(/\.([cm]?)js$/, '.$1ts')
  return texts.has(source) ? source : undefined
}
