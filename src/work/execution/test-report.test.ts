import { describe, expect, it } from 'vitest'
import { isFileResult, parseTestReport } from './test-report.ts'

const TABLE: readonly (readonly [string, string, Record<string, 'pass' | 'fail'>])[] = [
  ['the spec reporter of node --test, with suites, skips and the repeated failures', [
    'ok 3 - fake', '✔ adds numbers (0.78ms)', '✖ fails # here (0.76ms)', '▶ suite', '  ✔ inner ok (1.6ms)', '  ✖ inner bad (0.1ms)', '  ﹣ skipped (0.3ms) # SKIP',
    '  ✔ todo (0.09ms) # TODO', '✖ suite (2.8ms)', '▶ parent', '  ✔ sub (0.9ms)', '✔ parent (2.2ms)', '✖ test/b.test.js (33ms)', 'ℹ tests 11', '', '✖ failing tests:', '',
    'test at test/a.test.js:2:31', '✖ inner bad (0.7ms)',
  ].join('\n'), {
    'adds numbers': 'pass', 'fails # here': 'fail', 'suite > inner ok': 'pass', 'suite > inner bad': 'fail', suite: 'fail', 'parent > sub': 'pass', parent: 'pass', 'test/b.test.js': 'fail',
  }],
  ['TAP of node --test', [
    '> demo@1.0.0 test', 'TAP version 13', '# ok 3 - fake', '# Subtest: adds', 'ok 1 - adds', '  ---', '  duration_ms: 0.6', '  ...', '# Subtest: suite', '    # Subtest: inner bad',
    '    not ok 1 - inner bad', '    # Subtest: skipped', '    ok 2 - skipped # SKIP', '    1..2', 'not ok 2 - suite', 'not ok 3 - fails \\# here', '✔ printed by the code (1ms)',
  ].join('\n'), { adds: 'pass', 'suite > inner bad': 'fail', suite: 'fail', 'fails \\# here': 'fail' }],
  ['colours and carriage returns', '\u001b[32m✔ adds \u001b[90m(1ms)\u001b[39m\u001b[39m\r\n', { adds: 'pass' }],
  ['pytest -rA', 'PASSED tests/test_a.py::test_x\nFAILED tests/test_a.py::test_y[1] - assert 1 == 2\nERROR tests/test_b.py::test_z\n', { 'tests/test_a.py::test_x': 'pass', 'tests/test_a.py::test_y[1]': 'fail', 'tests/test_b.py::test_z': 'fail' }],
  ['go test -v', '=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- FAIL: TestB/sub (0.00s)\n', { TestA: 'pass', 'TestB/sub': 'fail' }],
  ['cargo test', 'test tests::adds ... ok\ntest tests::bad ... FAILED\ntest tests::later ... ignored\n', { 'tests::adds': 'pass', 'tests::bad': 'fail' }],
  ['vitest', ' ✓ src/a.test.ts (3 tests) 4ms\n ❯ src/b.test.ts (2 tests | 1 failed) 5ms\n ✓ src/c.test.ts > suite > name 2ms\n', { 'src/a.test.ts': 'pass', 'src/b.test.ts': 'fail', 'src/c.test.ts > suite > name': 'pass' }],
  ['jest', 'PASS src/a.test.js\nFAIL src/b.test.js (5.1 s)\n', { 'src/a.test.js': 'pass', 'src/b.test.js': 'fail' }],
  ['one name twice, green only if both are', '✔ same (1ms)\n✖ same (1ms)\n✔ same (1ms)\n', { same: 'fail' }],
  ['text that is no report', 'hello\nok\n', {}],
]

describe('parseTestReport()', () => {
  it.each(TABLE)('reads %s', (_name, text, expected) => {
    expect(Object.fromEntries(parseTestReport(text))).toEqual(expected)
  })

  it('bounds names, lines, tests and depth of hostile text', () => {
    const many = Array.from({ length: 30_000 }, (_, index) => `✔ t${index} (1ms)`).join('\n')
    expect(parseTestReport(many).size).toBe(20_000)
    expect(parseTestReport(`✔ ${'x'.repeat(5_000)} (1ms)`).size).toBe(0)
    expect([...parseTestReport(`✔ ${'x'.repeat(1_500)} (1ms)`).keys()][0]).toHaveLength(500)
    const deep = Array.from({ length: 100 }, (_, depth) => `${'  '.repeat(depth)}▶ s${depth}`).join('\n')
    expect([...parseTestReport(`${deep}\n${'  '.repeat(100)}✔ leaf (1ms)`).keys()][0]?.split(' > ')).toHaveLength(17)
  })

  it('is linear on text made to be slow', () => {
    const started = performance.now()
    parseTestReport(`${' '.repeat(1_900)}✔ ${'( '.repeat(20)}\n`.repeat(2_000))
    parseTestReport(`✔ ${' (1'.repeat(600)}\n`.repeat(2_000))
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('isFileResult()', () => {
  it.each([['test/a.test.js', true], ['/workspace/test/a.test.mts', true], ['tests/test_a.py', true], ['adds numbers', false], ['reads a.js', false]])('%s: %s', (name, expected) => {
    expect(isFileResult(name)).toBe(expected)
  })
})
