import { describe, expect, it } from 'vitest'
import type { FileChange } from '../../ports/mod.ts'
import { quoted, twinsOf } from './names.ts'
import { comparedPaths, isTestPath, judgeChanges } from './protected.ts'
import type { ChangesQuestion } from './protected.ts'

const change = (path: string, kind: FileChange['kind'] = 'modified', modes: Partial<FileChange> = {}): FileChange => ({
  path, kind, modeBefore: kind === 'added' ? '000000' : '100644', modeAfter: kind === 'deleted' ? '000000' : '100644', ...modes,
})
const judge = (changes: readonly FileChange[], more: Partial<ChangesQuestion> = {}) =>
  judgeChanges({ changes, checkCommands: ['npm test', 'sh scripts/check.sh'], patterns: [], contents: new Map(), twins: new Map(), ...more })

describe('judgeChanges()', () => {
  it.each([
    ['edits an existing test', change('test/sum.test.js')],
    ['deletes an existing test', change('src/sum.test.ts', 'deleted')],
    ['edits an existing test', change('tests/fixtures/data.json')],
    ['edits an existing test', change('src/__snapshots__/a.snap')],
    ['edits an existing test', change('pkg/sum_test.go')],
    ['is named by a check command', change('scripts/check.sh')],
    ['is named by a check command', change('scripts/check.sh', 'deleted')],
    ['is CI configuration', change('.github/workflows/ci.yml', 'added')],
    ['is CI configuration', change('.GitHub/workflows/ci.yml', 'added')],
    ['is CI configuration', change('.gitlab-ci.yml')],
    ['is CI configuration', change('ci/Jenkinsfile', 'added')],
    ['holds hooks', change('.husky/pre-commit', 'added')],
    ['configures hooks', change('lefthook.yml', 'added')],
    ['changes how git reads files', change('sub/.gitattributes', 'added')],
    ['changes submodules', change('.gitmodules', 'added')],
    ['is a submodule', change('lib', 'added', { modeAfter: '160000' })],
    ['is a submodule', change('lib', 'deleted', { modeBefore: '160000' })],
    ['is a new or changed symbolic link', change('data', 'added', { modeAfter: '120000' })],
    ['is a new or changed symbolic link', change('data', 'type-changed', { modeAfter: '120000' })],
    ['configures the swarm', change('.chorus/tasks/1.md', 'added')],
    ['configures the swarm', change('chorus.yaml', 'added')],
    ['is installed, not written', change('node_modules/.bin/node', 'added')],
    ['configures a package manager', change('.npmrc', 'added')],
    ['configures tests', change('vitest.config.ts', 'added')],
    ['configures tests', change('tests/conftest.py', 'added')],
    ['defines check commands', change('GNUmakefile', 'added')],
    ['instructs agents', change('AGENTS.md')],
    ['is an unusual path', change('a\nb', 'added')],
    ['is an unusual path', change('../out', 'added')],
    ['is git\'s own', change('sub/.git/config', 'added')],
    ['defines check commands', change('package.json', 'deleted')],
    ['is an unusual path', change('\u202Egpj.exe', 'added')],
    ['is an unusual path', change('src/\uFFFDa', 'added')],
    ['is an unusual path', change('src/sum\u200b.js', 'added')],
    ['configures tests', change('vite.config.ts')],
    ['configures tests', change('karma.conf.js', 'added')],
    ['configures tests', change('babel.config.cjs', 'added')],
    ['configures tests', change('pkg/.babelrc', 'added')],
    ['configures tests', change('tsconfig.test.json')],
    ['configures tests', change('.cargo/config.toml', 'added')],
    ['configures checks', change('eslint.config.js')],
    ['configures checks', change('.eslintignore', 'added')],
    ['configures checks', change('mypy.ini', 'added')],
    ['stands in for a test library', change('pytest.py', 'added')],
    ['stands in for a test library', change('unittest/__init__.py', 'added')],
    ['defines check commands', change('pom.xml')],
  ] as const)('parks: %s (%o)', (why, one) => {
    const { reasons } = judge([change('src/fine.js'), one])
    expect(reasons).toEqual([`${quoted(one.path)}: ${why}`])
  })

  it.each([
    change('src/sum.js'), change('src/old.js', 'deleted'), change('test/new.test.js', 'added'), change('docs/latest.md'), change('src/contest.js'), change('package.json', 'added'),
    change('link', 'deleted', { modeBefore: '120000' }), change('src/vite.js'), change('docs/pytest.md', 'added'), change('tests/unittest/test_a.py', 'added'), change('src/config.json'), change('ü/ñ.js', 'added'), change('.gitignore'), change('src/github/client.js'),
  ])('lets through %o', (one) => {
    expect(judge([one]).reasons).toEqual([])
  })

  it.each([
    ['dependencies', { dependencies: { a: '1' } }, { dependencies: { a: '2' } }, true],
    ['a script', { scripts: { test: 'node --test' } }, { scripts: { test: 'true' } }, false],
    ['an added script', { scripts: { test: 'node --test' } }, { scripts: { test: 'node --test', pretest: 'true' } }, false],
    ['the configuration of jest', {}, { jest: { testMatch: [] } }, false],
  ])('compares package.json: %s', (_name, before, after, allowed) => {
    const contents = new Map([['package.json', { before: JSON.stringify(before), after: JSON.stringify(after) }]])
    const { reasons, flags } = judge([change('package.json')], { contents })
    expect(reasons.length === 0).toBe(allowed)
    expect(flags).toEqual(['package-manifest-changed'])
  })

  it('parks package.json that is unreadable or broken', () => {
    expect(judge([change('package.json')]).reasons).toHaveLength(1)
    expect(judge([change('package.json')], { contents: new Map([['package.json', { before: '{}', after: '{' }]]) }).reasons).toHaveLength(1)
  })

  it('compares the test sections of pyproject.toml', () => {
    const text = (options: string, name = 'demo'): string => `[project]\nname = "${name}"\n[tool.pytest.ini_options]\n${options}\n[tool.black]\nline = 1\n`
    const verdict = (after: string) => judge([change('pyproject.toml')], { contents: new Map([['pyproject.toml', { before: text('addopts = "-q"'), after }]]) }).reasons.length
    expect(verdict(text('addopts = "-q"', 'other'))).toBe(0)
    expect(verdict(text('addopts = "--ignore=tests"'))).toBe(1)
  })

  it.each([
    ['tox.ini', '', '[testenv]\ndeps = x\n', false],
    ['setup.cfg', '', '[tool:pytest]\naddopts = -p evil\n', false],
    ['setup.cfg', '', '[metadata]\nname = x\n', true],
    ['go.mod', 'module x\nrequire a v1\n', 'module x\nrequire a v2\n', true],
    ['go.mod', 'module x\n', 'module x\nreplace github.com/stretchr/testify => ./fake\n', false],
    ['go.mod', 'module x\nreplace (\n)\n', 'module x\nreplace (\n\tb => ./c\n)\n', false],
    ['Cargo.toml', '[dependencies]\na = "1"\n', '[dependencies]\na = "2"\n', true],
    ['Cargo.toml', '[package]\nname = "x"\n', '[package]\nname = "x"\nautotests = false\n', false],
    ['Cargo.toml', '', '[[test]]\nname = "t"\nharness = false\n', false],
  ])('compares %s: %j to %j', (path, before, after, allowed) => {
    const one = change(path, before === '' && path !== 'Cargo.toml' ? 'added' : 'modified')
    expect(comparedPaths([one])).toEqual([path])
    const contents = new Map([[path, { before: one.kind === 'added' ? undefined : before, after }]])
    expect(judge([one], { contents }).reasons.length === 0).toBe(allowed)
  })

  it.each([
    ['cd pkg && node check.js', 'pkg/check.js', true], ['npm --prefix pkg run x; node ./lib/check.js', 'pkg/lib/check.js', true],
    ['make -C pkg verify.mk', 'pkg/verify.mk', true], ['node check.js', 'examples/check.js', false], ['cd pkg && node check.js', 'pkg/index.js', false],
  ])('%s protects %s: %s', (command, path, protectedPath) => {
    expect(judge([change(path)], { checkCommands: [command] }).reasons.length > 0).toBe(protectedPath)
  })

  it.each([
    ['infra/', 'infra/a/b.tf', true], ['*.sql', 'schema.sql', true], ['*.sql', 'db/schema.sql', false], ['**/*.sql', 'db/schema.sql', true], ['**/*.sql', 'schema.sql', true],
    ['src/*/secret.js', 'src/a/secret.js', true], ['src/*/secret.js', 'src/a/b/secret.js', false], ['a.b', 'axb', false], ['*'.repeat(3) + 'a/*b*c*d*e*f*g*h*i', 'x', true],
  ])('the pattern %s and %s: %s', (pattern, path, protectedPath) => {
    expect(judge([change(path, 'added')], { patterns: [pattern] }).reasons.length > 0).toBe(protectedPath)
  })

  it('names added tests, lockfiles and added programs', () => {
    const verdict = judge([change('test/new.test.js', 'added'), change('package-lock.json'), change('bin/run', 'added', { modeAfter: '100755' }), change('src/x.js', 'added')])
    expect(verdict).toEqual({ reasons: [], flags: ['lockfile-changed', 'executable-added'], addedTests: ['test/new.test.js'], lockfileChanged: true })
  })

  it('bounds its reasons', () => {
    const { reasons } = judge(Array.from({ length: 100 }, (_, index) => change(`test/${index}.js`)))
    expect(reasons).toHaveLength(21)
    expect(reasons.at(-1)).toBe('and 80 more')
  })
})

describe('comparedPaths()', () => {
  it('asks only for edited files whose content decides', () => {
    expect(comparedPaths([change('package.json'), change('a/package.json'), change('tox.ini', 'added'), change('b/package.json', 'added'), change('src/a.js')])).toEqual(['package.json', 'a/package.json', 'tox.ini'])
  })
})

describe('isTestPath()', () => {
  it.each([['a.test.ts', true], ['src/a.spec.js', true], ['test_a.py', true], ['a/test/b/c.txt', true], ['src/ATest.java', true], ['src/latest.js', false], ['src/testing.js', false], ['attestation.js', false]])('%s: %s', (path, expected) => {
    expect(isTestPath(path)).toBe(expected)
  })
})

describe('twinsOf()', () => {
  const tree = ['src/sum.js', 'src/SUM.js', 'test/sum.test.js', 'Test/Sum.test.js', 'caf\u00e9.js', 'cafe\u0301.js', 'src/new.js']
  it.each([
    ['src/SUM.js', 'src/sum.js'], ['Test/Sum.test.js', 'test/sum.test.js'], ['cafe\u0301.js', 'caf\u00e9.js'],
  ])('knows %s, which is one file with another on some systems, and it parks', (path, twin) => {
    const changes = [change(path, 'added')]
    expect([...twinsOf(changes, tree)]).toEqual([[path, twin]])
    expect(judge(changes, { twins: twinsOf(changes, tree) }).reasons).toEqual([expect.stringContaining('differs from')])
  })

  it('finds none for a new name, nor for a file that was there', () => {
    expect(twinsOf([change('src/new.js', 'added'), change('src/sum.js')], tree).size).toBe(0)
  })
})

it('names a path without characters that a screen would hide or follow', () => {
  expect(judge([change('src/\u202egpj\u200b.js', 'added')]).reasons).toEqual(['"src/\\u202egpj\\u200b.js": is an unusual path'])
})
