import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { chorus, expect, lastJson, run, until } from './scenario.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

interface Prepared { readonly repository: string; readonly env: NodeJS.ProcessEnv }

/** A person's repository with a bug and a test that shows it. */
export const layRepositoryWithBug = async (folder: string, config = ''): Promise<Prepared> => {
  const repository = path.join(folder, 'sums')
  const env = { CHORUS_STATE: path.join(folder, 'state'), GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@localhost', GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@localhost' }
  mkdirSync(path.join(repository, 'test'), { recursive: true })
  writeFileSync(path.join(repository, 'package.json'), JSON.stringify({ name: 'sums', type: 'module', scripts: { test: 'node --test' } }))
  writeFileSync(path.join(repository, 'sum.js'), 'export const sum = (a, b) => a - b\n')
  writeFileSync(path.join(repository, 'test/sum.test.js'), "import test from 'node:test'\nimport assert from 'node:assert'\nimport { sum } from '../sum.js'\ntest('sums', () => assert.equal(sum(2, 3), 5))\n")
  if (config !== '') writeFileSync(path.join(repository, 'chorus.yaml'), config)
  await git(repository, 'init', '-q', '-b', 'main')
  await git(repository, 'add', '-A')
  await git(repository, '-c', 'user.name=P', '-c', 'user.email=p@localhost', 'commit', '-q', '-m', 'sums')
  return { repository, env }
}

/** The same, prepared with `init`. */
export const prepareRepository = async (context: ScenarioContext, folder: string, config = ''): Promise<Prepared> => {
  const { repository, env } = await layRepositoryWithBug(folder, config)
  lastJson(await chorus(context, ['init', '--json'], { cwd: repository, env }))
  return { repository, env }
}

export const git = async (folder: string, ...args: readonly string[]): Promise<string> => {
  const ended = await run('git', ['-C', folder, ...args])
  expect(ended.code === 0, `git ${args.join(' ')}: ${ended.stderr}`)
  return ended.stdout.trim()
}

export const startNode = (context: ScenarioContext, cwd: string, env: NodeJS.ProcessEnv): ChildProcess => {
  const child = spawn(process.execPath, [path.join(context.root, 'bin/chorus.js'), 'up', '--json'], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  return child
}

export const stopNode = async (child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

interface Row { readonly number: string; readonly state: string; readonly epoch: number; readonly reason: string | null; readonly result: { readonly branch?: string; readonly commit?: string } | null }
export const taskRow = async (context: ScenarioContext, cwd: string, env: NodeJS.ProcessEnv, number = '1'): Promise<Row> => {
  const { tasks } = lastJson(await chorus(context, ['task', 'list', '--json'], { cwd, env })) as unknown as { tasks: readonly Row[] }
  const row = tasks.find((task) => task.number === number)
  if (row === undefined) throw new Error(`no task ${number}`)
  return row
}

export const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync('/var/tmp/chorus-e2e-')
  try { await work(folder) } finally { rmSync(folder, { recursive: true, force: true }) }
}

/** Three commands in a repository of one's own: a reviewed branch, and nothing else touched. */
export const ownRepository: Scenario = {
  name: 'own-repository',
  run: (context) => inFolder(async (folder) => {
    const { repository, env } = await prepareRepository(context, folder)
    writeFileSync(path.join(repository, 'notes.txt'), 'mine\n')
    await git(repository, 'add', 'notes.txt')
    writeFileSync(path.join(repository, 'sum.js'), 'export const sum = (a, b) => a - b // being edited\n')
    const before = await git(repository, 'status', '--porcelain')
    lastJson(await chorus(context, ['task', 'add', 'Fix the sum', '--check', 'node --test test/sum.test.js', '--json'], { cwd: repository, env }))
    const node = startNode(context, repository, env)
    try {
      const row = await until('the task to be done', async () => { const found = await taskRow(context, repository, env); return found.state === 'done' ? found : undefined })
      expect(row.result?.branch === 'chorus/1', `a result on chorus/1 expected, got ${JSON.stringify(row.result)}`)
      expect((await git(repository, 'show', 'chorus/1:sum.js')).includes('a + b'), 'the branch must hold the fix')
      expect(await git(repository, 'log', '-1', '--format=%(trailers:key=Chorus-Task,valueonly)', 'chorus/1') === 'local:sums#1', 'the commit must carry the trailer')
      expect(await git(repository, 'status', '--porcelain') === before, 'index and work tree must be as they were')
    } finally {
      await stopNode(node)
    }
    const audit = lastJson(await chorus(context, ['audit', 'verify', '--json'], { cwd: repository, env }))
    expect(audit.ok === true, `the log must verify: ${JSON.stringify(audit)}`)
  }),
}

/** A node killed in the middle of an attempt comes back on its state folder and finishes, once. */
export const restart: Scenario = {
  name: 'restart',
  run: (context) => inFolder(async (folder) => {
    // An agent that takes its time, so that the kill comes in its middle.
    const config = [
      'repositories:', '  - provider: local', '    path: .', 'poll: 1s', 'claims: {lease: 6s, renew: 2s}',
      'execution:', '  engine: command', '  command: "sleep 3; sed -i s/-/+/ sum.js"', '',
    ].join('\n')
    const { repository, env } = await prepareRepository(context, folder, config)
    lastJson(await chorus(context, ['task', 'add', 'Fix the sum', '--check', 'node --test test/sum.test.js', '--json'], { cwd: repository, env }))
    const first = startNode(context, repository, env)
    await until('the first claim', async () => ((await taskRow(context, repository, env)).state === 'held' ? true : undefined))
    await new Promise((resolve) => { setTimeout(resolve, 1_500) })
    await stopNode(first, 'SIGKILL')
    const second = startNode(context, repository, env)
    try {
      const row = await until('the task to be done after the restart', async () => { const found = await taskRow(context, repository, env); return found.state === 'done' ? found : undefined })
      expect(row.epoch >= 2, `a new epoch after the restart expected, got ${row.epoch}`)
    } finally {
      await stopNode(second)
    }
    expect((await git(repository, 'log', '--all', '--format=%(trailers:key=Chorus-Task,valueonly,separator=%x0a)')).split('\n').filter((line) => line !== '').length === 1, 'exactly one delivered commit expected')
    const audit = lastJson(await chorus(context, ['audit', 'verify', '--json'], { cwd: repository, env }))
    expect(audit.ok === true, `the log must verify: ${JSON.stringify(audit)}`)
  }),
}
