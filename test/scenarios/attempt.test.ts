import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { BubblewrapSandbox } from '../../src/adapters/bubblewrap/mod.ts'
import { CommandRunner } from '../../src/adapters/command/mod.ts'
import { HttpEgress } from '../../src/adapters/egress/mod.ts'
import { GitRepository, GitSourceTree, GitWorkspaces } from '../../src/adapters/git/mod.ts'
import { RepairRunner } from '../../src/adapters/repair/mod.ts'
import { DiskSetupCache } from '../../src/adapters/setup-cache/mod.ts'
import { SystemClock } from '../../src/adapters/system/mod.ts'
import { epoch, oid, ok, taskKey } from '../../src/core/mod.ts'
import type { NodeId, Oid } from '../../src/core/mod.ts'
import type { AgentRunner, Egress, Task } from '../../src/ports/mod.ts'
import { makeFolder, makeWorkRepository } from '../../src/testing/git-fixture.ts'
import type { FixtureFiles, FixtureFolder, WorkRepository } from '../../src/testing/git-fixture.ts'
import { Execution, defaultExecutionOptions } from '../../src/work/execution/mod.ts'
import type { AttemptOutcome, AttemptRequest } from '../../src/work/execution/mod.ts'

/** The attempt on the real thing: git, bubblewrap, egress gates and engines; no doubles. */
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

const run = promisify(execFile)
const CHECK = 'node --test test/sum.test.js'
const FILES: FixtureFiles = {
  'package.json': '{"name":"demo","type":"module","scripts":{"test":"node --test"}}\n',
  'src/sum.js': 'export const sum = (a, b) => a - b\n',
  'test/sum.test.js': `import { test } from 'node:test'
import assert from 'node:assert'
import { sum } from '../src/sum.js'
test('zero', () => assert.equal(sum(0, 0), 0))
test('adds', () => assert.equal(sum(1, 2), 3))
`,
  'test/other.test.js': `import { test } from 'node:test'\ntest('other', () => undefined)\n`,
}
const TASK: Task = {
  key: taskKey({ provider: 'local', repository: 'demo', number: '7' }), provider: 'local', repository: 'demo', number: '7', title: 'sum() subtracts', description: 'It should add.',
  labels: ['bug'], priority: 4, type: 'bug_fix', requiredRole: undefined, requiredExpertise: [], dependsOn: [], check: CHECK, state: 'open', url: undefined, createdAtMs: 0, contentHash: 'h',
}
const FIX = 'sed -i "s/a - b/a + b/" src/sum.js'

interface Scene {
  readonly folder: FixtureFolder
  readonly work: WorkRepository
  readonly repository: GitRepository
  readonly base: Oid
  attempt(runner: AgentRunner, more?: Partial<Omit<AttemptRequest, 'task'>> & { readonly task?: Partial<Task> }): Promise<AttemptOutcome>
}

const stage = async (files: FixtureFiles = FILES, egress: Egress = new HttpEgress({ owner: { uid: 10_001, gid: 10_001 } })): Promise<Scene> => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const work = await makeWorkRepository(folder.join('work'), files)
  const repository = new GitRepository({ folder: folder.join('store'), remote: work.path })
  await repository.start()
  cleanups.push(() => repository.stop())
  const { tip } = await repository.refresh()
  if (tip === undefined) throw new Error('a commit expected')
  const owner = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : undefined
  const sandbox = new BubblewrapSandbox({ instance: 'attempttest' })
  cleanups.push(() => sandbox.reap())
  const execution = new Execution({
    sandbox, egress, workspaces: new GitWorkspaces({ repository, folder: folder.join('open'), owner }), sources: new GitSourceTree(repository), clock: new SystemClock(), logger: SILENT,
    setupCache: new DiskSetupCache(folder.join('cache')), parseProject: () => ok({}), inspect: () => Promise.resolve([]), redact: (text) => Promise.resolve(text), options: defaultExecutionOptions,
  })
  return {
    folder, work, repository, base: tip,
    attempt: async (runner, more = {}) => {
      const outcome = await execution.attempt({
        base: tip, claim: { epoch: epoch(1), oid: oid('a'.repeat(40)), node: '12D3KooWNode' as NodeId, logAddress: 'log:abc/4' }, role: 'developer', agentId: 'agent-1',
        runner, signal: new AbortController().signal, onProgress: () => undefined, ...more, task: { ...TASK, ...more.task },
      })
      if (outcome.kind === 'verified') cleanups.push(() => outcome.dispose())
      else expect(await readdir(folder.join('open'))).toEqual([])
      return outcome
    },
  }
}
const script = (text: string): AgentRunner => new CommandRunner({ command: ['sh', '-c', text] })
const show = async ({ repository }: Scene, ...args: readonly string[]): Promise<string> => (await repository.local(args)).toString('utf8')

describe('an attempt with a command as its agent', () => {
  it('proves a right fix, and commits it with its trailers', async () => {
    const scene = await stage()
    const outcome = await scene.attempt(script(`${FIX}; echo fixed`))
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'proved', flags: [], metadata: { execution_type: 'command', files_generated: ['src/sum.js'] } })
    if (outcome.kind !== 'verified') return
    expect(await show(scene, 'show', '-s', '--format=%P%n%B', outcome.commit)).toBe(`${scene.base}\nsum() subtracts (7)\n\nChorus-Task: local:demo#7\nChorus-Claim: 1 ${'a'.repeat(40)}\nChorus-Node: 12D3KooWNode\nChorus-Log: log:abc/4\n\n`)
    expect(await show(scene, 'show', `${outcome.commit}:src/sum.js`)).toBe('export const sum = (a, b) => a + b\n')
    expect(outcome.checks.map(({ command, green, testsPassed }) => ({ command, green, testsPassed }))).toEqual([{ command: CHECK, green: true, testsPassed: 2 }, { command: 'npm test', green: true, testsPassed: 3 }])
    expect(outcome.metadata.resource_usage.cpu_ms).toBeGreaterThan(0)
  })

  it.each([
    ['a wrong fix and "all tests pass"', 'sed -i "s/a - b/a * b/" src/sum.js; echo all tests pass', 'must be green and is red'],
    ['a fix that breaks another test', `${FIX}; sed -i "s/a + b/a + b + (a === 0 ? 1 : 0)/" src/sum.js`, 'was green before the change and is red now'],
    ['a source that ends the process with 0', 'echo "process.exit(0); export const sum = 1" > src/sum.js', 'is not run any more'],
    ['nothing done at all', 'echo all tests pass', 'the agent changed nothing'],
  ])('fails on %s', async (_name, text, reason) => {
    const scene = await stage()
    expect(await scene.attempt(script(text))).toMatchObject({ kind: 'failed', reason: expect.stringContaining(reason) as string })
  })

  it.each([
    ['a test made harmless', 'echo > test/sum.test.js', 'edits an existing test'],
    ['another test script', `${FIX}; sed -i "s/node --test/true/" package.json`, 'changes check commands'],
    ['a program in place of node', `${FIX}; mkdir -p node_modules/.bin; printf '#!/bin/sh\\n' > node_modules/.bin/node; chmod +x node_modules/.bin/node`, 'is installed, not written'],
    ['a link out of the tree', `${FIX}; ln -s /etc/passwd notes`, 'symbolic link'],
    ['a CI job', `${FIX}; mkdir -p .github/workflows; echo x > .github/workflows/ci.yml`, 'is CI configuration'],
  ])('parks %s, with the patch kept', async (_name, text, reason) => {
    const scene = await stage()
    const outcome = await scene.attempt(script(text))
    expect(outcome).toMatchObject({ kind: 'parked', reason: expect.stringContaining(reason) as string })
    if (outcome.kind === 'parked') expect((await show(scene, 'cat-file', '-t', outcome.commit ?? '')).trim()).toBe('commit')
  })

  it('calls a change reproduced when its own new test is red without it', async () => {
    const scene = await stage({ ...FILES, 'test/sum.test.js': null })
    const added = `cat > test/adds.test.js <<'E'
import { test } from 'node:test'
import assert from 'node:assert'
import { sum } from '../src/sum.js'
test('adds two', () => assert.equal(sum(1, 2), 3))
E`
    expect(await scene.attempt(script(`${FIX}\n${added}`), { task: { check: undefined } })).toMatchObject({ kind: 'verified', evidence: 'reproduced' })
    expect(await scene.attempt(script(added.replace('(1, 2), 3', '(3, 2), 1')), { task: { check: undefined } })).toMatchObject({ kind: 'verified', evidence: 'unproven' })
  })

  it('does not call a check proved that was red for want of tests, which the change then wrote itself', async () => {
    const scene = await stage()
    const check = 'ls test/feature/*.test.js && node --test test/feature/*.test.js'
    const own = 'mkdir test/feature; echo "import test from \'node:test\'; test(\'feature\', () => {})" > test/feature/a.test.js'
    expect(await scene.attempt(script(`${FIX}; ${own}`), { task: { check } })).toMatchObject({ kind: 'verified', evidence: 'unproven', flags: expect.arrayContaining(['check-added-by-change']) as string[] })
    const added = 'cp test/sum.test.js test/more.test.js'
    expect(await scene.attempt(script(`${FIX}; ${added}`))).toMatchObject({ kind: 'verified', evidence: 'proved' })
  })

  it('replays the change on a main that moved, and judges it there', async () => {
    const scene = await stage()
    const outcome = await scene.attempt(script(FIX))
    if (outcome.kind !== 'verified') throw new Error(`verified expected, got ${JSON.stringify(outcome)}`)
    const moved = await scene.work.commit({ 'src/other.js': 'export {}\n' })
    await scene.repository.refresh()
    const again = await outcome.again(moved)
    expect(again).toMatchObject({ kind: 'verified', base: moved, evidence: 'proved' })
    if (again.kind === 'verified') expect(await show(scene, 'diff', '--name-only', moved, again.commit)).toBe('src/sum.js\n')
    const taken = await scene.work.commit({ 'src/sum.js': 'export const sum = (a, b) => [a, b]\n' })
    await scene.repository.refresh()
    expect(await outcome.again(taken)).toMatchObject({ kind: 'conflict', reason: expect.stringContaining('src/sum.js') as string })
  })

  it('is cancelled only when the programs of the agent are gone', async () => {
    const scene = await stage()
    const controller = new AbortController()
    const mark = `7${process.pid}`
    const attempt = scene.attempt(script(`setsid sleep ${mark} & sleep ${mark}`), { signal: controller.signal })
    await until(async () => await sleeping(mark) === 2)
    controller.abort(new Error('the claim was lost'))
    expect(await attempt).toEqual({ kind: 'cancelled' })
    expect(await sleeping(mark)).toBe(0)
  })
})

describe('an attempt with the engine that needs no model', () => {
  it('finds the slip and proves it', async () => {
    const scene = await stage()
    expect(await scene.attempt(new RepairRunner())).toMatchObject({ kind: 'verified', evidence: 'proved', metadata: { execution_type: 'repair', files_generated: ['src/sum.js'] } })
  })
})

describe('an attempt on a repository with dependencies', () => {
  it('installs them once through the registry gate, and works offline with them', async () => {
    const registry = await openRegistry({ name: 'plus', version: '1.0.0', source: 'export const plus = (a, b) => a + b\n' })
    const egress = new HttpEgress({ owner: { uid: 10_001, gid: 10_001 }, registry: registry.url, registryAllowPrivate: true, resolve: () => Promise.resolve(['127.0.0.1']) })
    const lock = {
      name: 'demo', lockfileVersion: 3, packages: {
        '': { name: 'demo', dependencies: { plus: '1.0.0' } },
        'node_modules/plus': { version: '1.0.0', resolved: `${registry.url}plus/-/plus-1.0.0.tgz`, integrity: registry.integrity },
      },
    }
    const scene = await stage({
      ...FILES, 'package.json': '{"name":"demo","type":"module","scripts":{"test":"node --test"},"dependencies":{"plus":"1.0.0"}}\n', 'package-lock.json': JSON.stringify(lock),
      'src/sum.js': `import { plus } from 'plus'\nexport const sum = (a, b) => plus(a, b) - 1\n`,
    }, egress)
    const fix = script('test -f node_modules/plus/index.js && ! touch node_modules/plus/x 2>/dev/null && sed -i "s/ - 1//" src/sum.js')
    expect(await scene.attempt(fix)).toMatchObject({ kind: 'verified', evidence: 'proved' })
    expect(registry.requests()).toBe(1)
    expect(await scene.attempt(fix)).toMatchObject({ kind: 'verified', evidence: 'proved' })
    expect(registry.requests()).toBe(1)
  })

  it('is unavailable, and no failed attempt, when the registry is away', async () => {
    const registry = await openRegistry({ name: 'plus', version: '1.0.0', source: '' })
    await registry.close()
    const egress = new HttpEgress({ owner: { uid: 10_001, gid: 10_001 }, registry: registry.url, registryAllowPrivate: true, resolve: () => Promise.resolve(['127.0.0.1']) })
    const lock = { name: 'demo', lockfileVersion: 3, packages: { '': { name: 'demo', dependencies: { plus: '1.0.0' } }, 'node_modules/plus': { version: '1.0.0', resolved: `${registry.url}plus/-/plus-1.0.0.tgz`, integrity: registry.integrity } } }
    const scene = await stage({ ...FILES, 'package.json': '{"name":"demo","dependencies":{"plus":"1.0.0"}}\n', '.npmrc': 'fetch-retries=0\n', 'package-lock.json': JSON.stringify(lock) }, egress)
    expect(await scene.attempt(script(FIX))).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('registry does not answer') as string })
  })
})

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }

/** A package registry with one package, on loopback, under a name that is not loopback's. */
const openRegistry = async (spec: { readonly name: string; readonly version: string; readonly source: string }) => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  await mkdir(folder.join('package'))
  await writeFile(folder.join('package/package.json'), JSON.stringify({ name: spec.name, version: spec.version, type: 'module', main: 'index.js' }))
  await writeFile(folder.join('package/index.js'), spec.source)
  await run('tar', ['-czf', folder.join('package.tgz'), '-C', folder.path, 'package'])
  const tarball = await readFile(folder.join('package.tgz'))
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end(tarball)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> => new Promise((resolve) => { server.close(() => { resolve() }) })
  cleanups.push(close)
  return { url: `http://registry.test:${port}/`, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`, requests: () => requests, close }
}

/** How many programs sleep for that many seconds, in any namespace. */
const sleeping = async (seconds: string): Promise<number> => {
  const lines = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line === `sleep\0${seconds}\0`).length
}

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come to hold')
    await new Promise((resolve) => { setImmediate(resolve) })
  }
}
