import { describe, expect, it } from 'vitest'
import { ChorusError, fail, oid, ok } from '../../core/mod.ts'
import { ScriptedWorkspaces } from '../../testing/scripted-workspaces.ts'
import { detectProject, readProject } from './project.ts'
import { detectSetup, looksLikeNetwork, setupKey } from './setup-plan.ts'

const project = (files: Readonly<Record<string, string>>, file = {}, python = false) => detectProject(new Map(Object.entries(files)), file, python)

describe('detectProject()', () => {
  it.each([
    ['a test script', { 'package.json': '{"scripts":{"test":"node --test"}}' }, ['npm test']],
    ['the script that npm init writes', { 'package.json': '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}' }, []],
    ['a broken package.json', { 'package.json': '{' }, []],
    ['a test target', { Makefile: 'build:\n\ttrue\ntest: build\n\ttrue\n' }, ['make test']],
    ['a variable named test', { Makefile: 'test := 1\n' }, []],
    ['pytest.ini', { 'pytest.ini': '' }, ['python3 -m pytest']],
    ['pytest in pyproject.toml', { 'pyproject.toml': '[tool.pytest.ini_options]\n' }, ['python3 -m pytest']],
    ['go.mod', { 'go.mod': 'module x' }, ['go test ./...']],
    ['Cargo.toml', { 'Cargo.toml': '' }, ['cargo test']],
    ['npm before make', { 'package.json': '{"scripts":{"test":"x"}}', Makefile: 'test:\n' }, ['npm test']],
    ['nothing', {}, []],
  ])('finds the checks by %s', (_name, files, checks) => {
    expect(project(files)).toMatchObject({ checks, checksFrom: checks.length === 0 ? 'none' : 'detected' })
  })

  it('takes the checks of chorus.yaml before any other, and its patterns', () => {
    const found = project({ 'package.json': '{"scripts":{"test":"node --test","lint":"node scripts/lint.js"}}' }, { checks: ['make check'], protected: ['infra/'] })
    expect(found).toMatchObject({ checks: ['make check'], checksFrom: 'chorus.yaml', patterns: ['infra/'] })
    expect(found.checkCommands).toEqual(['make check', 'node --test', 'node scripts/lint.js'])
  })

  it('finds Python tests by their files', () => {
    expect(project({}, {}, true).checks).toEqual(['python3 -m pytest'])
  })
})

describe('readProject()', () => {
  const BASE = oid('b'.repeat(40))
  it('reads the files of the commit', async () => {
    const { sources } = new ScriptedWorkspaces({ [BASE]: { 'tests/test_a.py': '', 'AGENTS.md': 'Use tabs.' } })
    expect(await readProject(sources, BASE, () => ok({}))).toMatchObject({ ok: true, value: { checks: ['python3 -m pytest'], guidance: 'Use tabs.' } })
  })
  it('says what is wrong with chorus.yaml', async () => {
    const { sources } = new ScriptedWorkspaces({ [BASE]: { 'chorus.yaml': 'x' } })
    expect(await readProject(sources, BASE, () => fail('checks: list expected'))).toEqual({ ok: false, reason: `chorus.yaml at ${'b'.repeat(12)} is not valid: checks: list expected` })
  })
  it('refuses a file that is too large, and lets other failures through', async () => {
    const { sources } = new ScriptedWorkspaces({ [BASE]: { 'package.json': 'x'.repeat(2 ** 20 + 1) } })
    expect(await readProject(sources, BASE, () => ok({}))).toMatchObject({ ok: false })
    const broken = { ...sources, read: () => Promise.reject(new ChorusError('IO_FAILED', 'disk')) }
    await expect(readProject(broken, BASE, () => ok({}))).rejects.toMatchObject({ code: 'IO_FAILED' })
  })
})

describe('detectSetup()', () => {
  const setup = (files: Readonly<Record<string, string>>, configured?: readonly string[]) => detectSetup(new Map(Object.entries(files)), configured)
  it.each([
    ['an npm lockfile', { 'package-lock.json': '{"packages":{"":{},"node_modules/a":{}}}' }, 'npm ci --no-audit --no-fund', 'node_modules'],
    ['a broken npm lockfile', { 'package-lock.json': '{' }, 'npm ci --no-audit --no-fund', 'node_modules'],
    ['pnpm', { 'pnpm-lock.yaml': 'packages:\n  a: {}\n' }, 'pnpm install --frozen-lockfile', 'node_modules'],
    ['yarn', { 'yarn.lock': '' }, 'yarn install --frozen-lockfile', 'node_modules'],
    ['requirements', { 'requirements.txt': '# none\nflask==3\n' }, 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt', '.venv'],
    ['go.sum', { 'go.sum': 'x' }, 'go mod vendor', 'vendor'],
  ])('reads %s', (_name, files, command, folder) => {
    expect(setup(files)).toMatchObject({ commands: [command], folders: [folder] })
  })
  it.each([[{ 'package-lock.json': '{"packages":{"":{"name":"demo"}}}' }], [{ 'package-lock.json': '{"lockfileVersion":1}' }], [{ 'requirements.txt': '# none\n' }], [{}]])('needs nothing for %o', (files) => {
    expect(setup(files)).toBeUndefined()
  })
  it('takes the commands of chorus.yaml first', () => {
    expect(setup({ 'yarn.lock': '' }, ['make deps'])?.commands).toEqual(['make deps'])
  })
  it('keeps results apart by lockfile, manifest, platform, and by the change they come from', () => {
    const plan = (lock: string, manifest = '{}') => {
      const found = setup({ 'yarn.lock': lock, 'package.json': manifest })
      if (found === undefined) throw new Error('a plan expected')
      return found
    }
    const keys = [
      setupKey(plan('a'), { platform: 'n24', change: undefined }), setupKey(plan('b'), { platform: 'n24', change: undefined }), setupKey(plan('a', '{"x":1}'), { platform: 'n24', change: undefined }),
      setupKey(plan('a'), { platform: 'n22', change: undefined }), setupKey(plan('a'), { platform: 'n24', change: 'c1' }),
    ]
    expect(new Set(keys).size).toBe(5)
    expect(setupKey(plan('a'), { platform: 'n24', change: undefined })).toBe(keys[0])
  })
})

describe('looksLikeNetwork()', () => {
  it.each([['npm error code ECONNREFUSED', true], ['npm error 503 Service Unavailable - GET', true], ['npm error code EUSAGE', false], ['SyntaxError in build.js', false]])('%s: %s', (text, expected) => {
    expect(looksLikeNetwork(text)).toBe(expected)
  })
})
