import { describe, expect, it } from 'vitest'
import type { CommandRun } from './checks.ts'
import { covers, isReproduced, judgeChecks, mentions } from './evidence.ts'
import type { ChecksQuestion } from './evidence.ts'
import { parseTestReport } from './test-report.ts'

const run = (command: string, code: number, tests: Readonly<Record<string, 'pass' | 'fail'>> = {}, more: Partial<CommandRun> = {}): CommandRun => ({
  command, green: code === 0, end: { outcome: 'exited', code, outputBytesDropped: 0, usage: { wallMs: 1, cpuMs: 1, memoryBytesPeak: 1, processesPeak: 1, source: 'exact' } },
  output: '', outputHash: '', tests: new Map(Object.entries(tests)), complete: true, ...more,
})
/** As the sandbox ended it, not the command itself. */
const cut = (command: string, tests: Readonly<Record<string, 'pass' | 'fail'>> = {}, outcome: 'timeout' | 'out-of-memory' | 'disk-full' | 'killed' = 'timeout'): CommandRun => {
  const whole = run(command, 1, tests)
  return { ...whole, end: { ...whole.end, outcome, code: null } }
}
const ask = (question: Partial<ChecksQuestion>): ReturnType<typeof judgeChecks> =>
  judgeChecks({ check: undefined, taskType: 'development', addedPaths: [], base: [], now: [], ...question })
const PROVED = { ok: true, proved: true, flags: [] }
const UNPROVEN = { ok: true, proved: false, flags: [] }
const refused = (...problems: readonly [kind: string, test?: string][]) =>
  ({ ok: false, problems: problems.map(([kind, test]) => expect.objectContaining({ kind, test }) as unknown) })

const TABLE: readonly (readonly [string, Partial<ChecksQuestion>, unknown])[] = [
  ['the named check turns green', { check: 'c', base: [run('c', 1)], now: [run('c', 0)] }, PROVED],
  ['the named check stays red', { check: 'c', base: [run('c', 1)], now: [run('c', 1)] }, refused(['check-red'])],
  ['the named check was green already', { check: 'c', base: [run('c', 0)], now: [run('c', 0)] }, UNPROVEN],
  ['red tests of the named check pass now', { check: 'c', base: [run('c', 1, { a: 'fail', b: 'pass' })], now: [run('c', 0, { a: 'pass', b: 'pass' })] }, PROVED],
  ['exit code 0 while the report says fail', { check: 'c', base: [run('c', 1, { a: 'fail' })], now: [run('c', 0, { a: 'fail' })] }, refused(['check-red', 'a'])],
  ['exit code 0, and the red test is gone', { check: 'c', base: [run('c', 1, { a: 'fail' })], now: [run('c', 0, {})] }, refused(['vanished', 'a'])],
  ['exit code 0, and only the file is left', { check: 'c', base: [run('c', 1, { a: 'fail' })], now: [run('c', 0, { 'test/a.test.js': 'pass' })] }, refused(['vanished', 'a'])],
  ['a file that could not load shows its tests now', { check: 'c', base: [run('c', 1, { 'test/a.test.js': 'fail' })], now: [run('c', 0, { a: 'pass' })] }, PROVED],
  ['a file without tests is judged whole, and flagged', { check: 'c', base: [run('c', 1, { 'test/a.test.js': 'fail' })], now: [run('c', 0, { 'test/a.test.js': 'pass' })] }, { ...PROVED, flags: ['no-single-test-seen'] }],
  ['faked passes do not help a red exit code', { check: 'c', base: [run('c', 1, { a: 'fail' })], now: [run('c', 1, { a: 'pass' })] }, refused(['check-red'])],
  ['a red test is missing where output is dropped now', { check: 'c', base: [run('c', 1, { a: 'fail' })], now: [run('c', 0, {}, { complete: false })] }, refused(['unseen', 'a'])],
  ['a green test is missing where output is dropped now', { base: [run('p', 0, { a: 'pass', b: 'pass' })], now: [run('p', 0, { a: 'pass' }, { complete: false })] }, refused(['unseen', 'b'])],
  ['one of the tests may be missing where output was dropped before', { check: 'c', base: [run('c', 1, { a: 'fail', b: 'fail' }, { complete: false })], now: [run('c', 0, { a: 'pass' })] }, PROVED],
  ['but not all of them', { check: 'c', base: [run('c', 1, { a: 'fail', b: 'pass' }, { complete: false })], now: [run('c', 0, {})] }, refused(['vanished', 'a'])],
  ['a check that the change adds proves nothing', { check: 'node --test ./test/a.test.js', addedPaths: ['test/a.test.js'], base: [run('node --test ./test/a.test.js', 1)], now: [run('node --test ./test/a.test.js', 0)] }, { ...UNPROVEN, flags: ['check-added-by-change'] }],
  ['a green command turned red', { base: [run('p', 0)], now: [run('p', 1)] }, refused(['turned-red'])],
  ['a green test turned red in a red command', { base: [run('p', 1, { a: 'pass', b: 'fail' })], now: [run('p', 1, { a: 'fail', b: 'pass' })] }, refused(['turned-red', 'a'])],
  ['a green test vanished from a green command', { base: [run('p', 0, { a: 'pass' })], now: [run('p', 0, {})] }, refused(['vanished', 'a'])],
  ['proved, but something else turned red', { check: 'c', base: [run('c', 1), run('p', 0)], now: [run('c', 0), run('p', 1)] }, refused(['turned-red'])],
  ['a command that was not run again', { base: [run('p', 0)], now: [] }, refused(['vanished'])],
  ['red before and after, and nothing moved, for a repair', { taskType: 'bug_fix', base: [run('p', 1, { a: 'fail' })], now: [run('p', 1, { a: 'fail' })] }, refused(['unmoved'])],
  ['red before and after, for other work', { base: [run('p', 1, { a: 'fail' })], now: [run('p', 1, { a: 'fail' })] }, { ...UNPROVEN, flags: ['checks-red-at-base'] }],
  ['one of two red tests repaired', { taskType: 'bug_fix', base: [run('p', 1, { a: 'fail', b: 'fail' })], now: [run('p', 1, { a: 'pass', b: 'fail' })] }, { ...UNPROVEN, flags: ['checks-red-at-base'] }],
  ['a project check turns green, none named', { taskType: 'bug_fix', base: [run('p', 1)], now: [run('p', 0)] }, UNPROVEN],
  ['a named check that ran out of time at base proves nothing', { check: 'c', base: [cut('c')], now: [run('c', 0)] }, UNPROVEN],
  ['nor one that ran out of memory', { check: 'c', base: [cut('c', {}, 'out-of-memory')], now: [run('c', 0)] }, UNPROVEN],
  ['nor one that filled the disk', { check: 'c', base: [cut('c', {}, 'disk-full')], now: [run('c', 0)] }, UNPROVEN],
  ['nor one that was killed', { check: 'c', base: [cut('c', {}, 'killed')], now: [run('c', 0)] }, UNPROVEN],
  ['nor one whose tests were red before it was cut short', { check: 'c', base: [cut('c', { a: 'fail' })], now: [run('c', 0, { a: 'pass' })] }, UNPROVEN],
  ['a command that was cut short at base may have been green: red now is no longer allowed', { base: [cut('p')], now: [run('p', 1)] }, refused(['turned-red'])],
  ['the same beside a named check that turned green', { check: 'c', base: [run('c', 1), cut('p', { a: 'pass' })], now: [run('c', 0), run('p', 1, { a: 'pass' })] }, refused(['turned-red'])],
  ['a command that was cut short at base and is green now hides nothing', { check: 'c', base: [run('c', 1), cut('p')], now: [run('c', 0), run('p', 0)] }, PROVED],
  ['cut short at base and green now moved nothing that is known', { taskType: 'bug_fix', base: [cut('p'), run('q', 1)], now: [run('p', 0), run('q', 1)] }, refused(['unmoved'])],
  ['green at base and cut short now', { base: [run('p', 0)], now: [cut('p')] }, refused(['cut-short'])],
  ['tests that passed at base in a red command, and were not reached now', { base: [run('p', 1, { a: 'pass', b: 'pass', c: 'fail' })], now: [cut('p', { a: 'pass', c: 'fail' })] }, refused(['cut-short'])],
  ['one that fails before the end is named', { base: [run('p', 0, { a: 'pass', b: 'pass' })], now: [cut('p', { a: 'fail' })] }, refused(['cut-short'], ['turned-red', 'a'])],
  ['the named check is cut short now', { check: 'c', base: [run('c', 1)], now: [cut('c')] }, refused(['cut-short'])],
  ['no checks at all', {}, { ...UNPROVEN, flags: ['no-checks'] }],
]

describe('judgeChecks()', () => {
  it.each(TABLE)('%s', (_name, question, expected) => {
    expect(ask(question)).toEqual(expected)
  })
})

describe('isReproduced()', () => {
  const addedTests = ['test/new.test.js']
  it.each([
    ['green without and with nothing but the test red', run('p', 0), run('p', 1), run('p', 0), true],
    ['the added test is green without the change', run('p', 0), run('p', 0), run('p', 0), false],
    ['out of time says nothing', run('p', 0), { ...run('p', 1), end: { ...run('p', 1).end, outcome: 'timeout' as const, code: null } }, run('p', 0), false],
    ['a base run that was cut short does not say which tests are new', cut('p', { other: 'pass' }), run('p', 1, { old: 'fail' }), run('p', 1, { old: 'pass' }), false],
    ['nor one whose output was dropped', run('p', 1, {}, { complete: false }), run('p', 1, { old: 'fail' }), run('p', 1, { old: 'pass' }), false],
    ['a pass in a run that was cut short is none', run('p', 1), run('p', 1, { new: 'fail' }), cut('p', { new: 'pass' }), false],
    ['in a red command, by the test alone', run('p', 1, { old: 'fail' }), run('p', 1, { old: 'fail', new: 'fail' }), run('p', 1, { old: 'fail', new: 'pass' }), true],
    ['a test that was red before does not count', run('p', 1, { old: 'fail' }), run('p', 1, { old: 'fail' }), run('p', 0, { old: 'pass' }), false],
    ['an added file that does not load without the change', run('p', 1, { old: 'fail' }), run('p', 1, { old: 'fail', '/workspace/test/new.test.js': 'fail' }), run('p', 0, { old: 'pass', fresh: 'pass' }), true],
  ])('%s', (_name, base, overlay, now, expected) => {
    expect(isReproduced({ base: [base], overlay: [overlay], now: [now], addedTests })).toBe(expected)
  })
})

describe('mentions()', () => {
  it.each([
    ['node --test ./test/a.test.js', 'test/a.test.js', true], ['sh -c "cd x && sh scripts/check.sh"', 'scripts/check.sh', true], ['pytest tests/test_a.py::test_x', 'tests/test_a.py', true],
    ['node --test test', 'test/a.test.js', false], ['node a.test.js.bak', 'a.test.js', false],
  ])('%s names %s: %s', (command, path, expected) => {
    expect(mentions(command, path)).toBe(expected)
  })
})

describe('covers()', () => {
  it.each([
    ['node --test qa/', 'qa/a.js', true], ['node --test ./qa', 'qa/deep/a.js', true], ['node --test "qa/**/*.check.js"', 'qa/a.check.js', true], ['node --test *.check.js', 'a.check.js', true],
    ['node qa.js', 'qa.js', true], ['node --test qa/', 'src/a.js', false], ['[ -f x ] && exit $?', 'src/a.js', false], ['sh .', 'src/a.js', false],
  ])('%s covers %s: %s', (command, path, expected) => {
    expect(covers(command, path)).toBe(expected)
  })
})

describe('judgeChecks() on real reports', () => {
  it('sees through a process that ends itself with 0', () => {
    const before = run('c', 1, Object.fromEntries(parseTestReport('✔ zero (1ms)\n✖ adds (1ms)\n')))
    const after = run('c', 0, Object.fromEntries(parseTestReport('✔ test/sum.test.js (1ms)\n')))
    expect(ask({ check: 'c', base: [before], now: [after] })).toMatchObject({ ok: false })
  })
})
