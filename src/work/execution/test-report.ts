/**
 * Results per test, read from what a test runner printed: TAP and the spec reporter of node --test, pytest -rA,
 * go test -v, cargo test, vitest and jest. The text comes from untrusted programs: it only serves to tell which tests
 * were green before, never to call a run green. Linear in the text; what is over a limit is left out.
 */
export type TestStatus = 'pass' | 'fail'

const LINES_MAX = 200_000
const LINE_LENGTH_MAX = 2_000
const NAME_LENGTH_MAX = 500
const TESTS_MAX = 20_000
const DEPTH_MAX = 16

export const parseTestReport = (text: string): ReadonlyMap<string, TestStatus> => {
  const tests = new Map<string, TestStatus>()
  const path: string[] = []
  const tap = /^TAP version 1[34]\s*$/m.test(text.slice(0, 65_536))
  const put = (name: string, status: TestStatus): void => {
    const key = name.slice(0, NAME_LENGTH_MAX)
    // Two tests of one name count as green only together.
    if (tests.get(key) === 'fail' || (!tests.has(key) && tests.size >= TESTS_MAX)) return
    tests.set(key, status)
  }
  for (const line of linesOf(text)) {
    // The spec reporter repeats the failures, without their suites, below this line.
    if (!tap && line.startsWith('✖ failing tests:')) break
    const found = tap ? readTap(line, path) : readSpec(line, path) ?? readOthers(line)
    if (found !== undefined) put(found.name, found.status)
  }
  return tests
}

/** True when the "test" is a whole file: it shows up only when the file failed as such, or holds no test. */
export const isFileResult = (name: string): boolean => /\.(?:[cm]?[jt]sx?|py)$/.test(name) && !name.includes(' ')

interface Found { readonly name: string; readonly status: TestStatus }

const readTap = (line: string, path: string[]): Found | undefined => {
  const subtest = /^( *)# Subtest: (.*)$/.exec(line)
  if (subtest !== null) {
    enter(path, (subtest[1] ?? '').length / 4, subtest[2] ?? '')
    return undefined
  }
  const result = /^( *)(not ok|ok) \d+(?: - (.*))?$/.exec(line)
  if (result === null) return undefined
  const [, indent = '', verdict, rest = ''] = result
  // A directive starts at a '#' that is not escaped: skipped and todo tests say nothing.
  if (/(?:^|[^\\])# (?:SKIP|TODO)\b/i.test(rest)) return undefined
  return { name: nameAt(path, indent.length / 4, rest), status: verdict === 'ok' ? 'pass' : 'fail' }
}

const readSpec = (line: string, path: string[]): Found | undefined => {
  const result = /^( *)([✔✖▶﹣]) (.*)$/u.exec(line)
  if (result === null) return undefined
  const [, indent = '', mark, rest = ''] = result
  const depth = indent.length / 2
  const timed = / \(\d+(?:\.\d+)?ms\)(?: # .*)?$/.exec(rest)
  const name = timed === null ? rest : rest.slice(0, timed.index)
  if (mark === '▶') {
    // With a time it closes a suite (older Node), without one it opens it.
    if (timed === null) enter(path, depth, name)
    return undefined
  }
  if (mark === '﹣' || timed?.[0].includes(' # ') === true) return undefined
  return { name: nameAt(path, depth, name), status: mark === '✔' ? 'pass' : 'fail' }
}

const readOthers = (line: string): Found | undefined => {
  const pytest = /^(PASSED|FAILED|ERROR) (\S+::.*)$/.exec(line)
  if (pytest !== null) return { name: (pytest[2] ?? '').split(' - ')[0] ?? '', status: pytest[1] === 'PASSED' ? 'pass' : 'fail' }
  const go = /^ *--- (PASS|FAIL): (\S+) \(/.exec(line)
  if (go !== null) return { name: go[2] ?? '', status: go[1] === 'PASS' ? 'pass' : 'fail' }
  const cargo = /^test (\S+)(?: - .*)? \.\.\. (ok|FAILED)$/.exec(line)
  if (cargo !== null) return { name: cargo[1] ?? '', status: cargo[2] === 'ok' ? 'pass' : 'fail' }
  const jest = /^(PASS|FAIL) +(\S+\.[cm]?[jt]sx?)(?: |$)/.exec(line)
  if (jest !== null) return { name: jest[2] ?? '', status: jest[1] === 'PASS' ? 'pass' : 'fail' }
  const vitest = /^ *([✓❯×]) (?:\|[^|]*\| )?(\S+\.[cm]?[jt]sx?)( > .*| \(\d+ tests?.*)$/u.exec(line)
  if (vitest === null) return undefined
  const rest = (vitest[3] ?? '').startsWith(' > ') ? (vitest[3] ?? '').replace(/ \d+ ?m?s$/, '') : ''
  return { name: `${vitest[2] ?? ''}${rest}`, status: vitest[1] === '✓' ? 'pass' : 'fail' }
}

const enter = (path: string[], depth: number, name: string): void => {
  if (!Number.isInteger(depth) || depth >= DEPTH_MAX) return
  path.length = Math.min(path.length, depth)
  path[depth] = name
}

const nameAt = (path: readonly string[], depth: number, name: string): string =>
  [...path.slice(0, Math.min(Math.floor(depth), DEPTH_MAX)).map((part) => part ?? ''), name].join(' > ')

function* linesOf(text: string): Generator<string> {
  let start = 0
  for (let count = 0; start < text.length && count < LINES_MAX; count += 1) {
    const found = text.indexOf('\n', start)
    const end = found === -1 ? text.length : found
    if (end - start <= LINE_LENGTH_MAX) yield text.slice(start, end).replace(/\u001b\[[0-9;]*m/g, '').replace(/\r$/, '')
    start = end + 1
  }
}
