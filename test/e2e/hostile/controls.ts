import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { until } from '../scenarios/scenario.ts'
import { gitTraps } from './agents-git.ts'
import type { Host } from './case.ts'
import { FIX } from './case.ts'
import { processesWith } from './look.ts'
import { lay } from './stage.ts'

/** Traps that plain git walks into: if it did not, not having walked into them would mean nothing. */
const SPRUNG = ['git-fsmonitor', 'git-hooks', 'git-hooks-path', 'git-include', 'git-filters', 'git-info-attributes', 'git-file']

/** What counts must count: each is shown once what it looks for, outside of every sandbox. Gives what was not seen. */
export const blindSpots = async (folder: string): Promise<readonly string[]> => {
  const home = path.join(folder, 'controls')
  mkdirSync(home)
  const traps = gitTraps.filter(({ name }) => SPRUNG.includes(name)).map((about) => {
    const [clone, canary] = [path.join(home, about.name), path.join(home, `${about.name}.canary`)]
    lay(clone, { 'src/sum.js': 'a - b\n', 'test/sum.test.js': '//\n' })
    const git = (...args: readonly string[]): void => { spawnSync('git', ['-C', clone, '-c', 'user.name=P', '-c', 'user.email=p@localhost', ...args], { stdio: 'ignore' }) }
    git('init', '-q')
    git('add', '-A')
    git('commit', '-q', '-m', 'base')
    const host: Host = { canary, mark: '', number: '1', remote: clone, repository: clone, state: home, home, port: 1 }
    // Whoever lays it calls the clone /workspace.
    execFileSync('sh', ['-c', `${about.agent(host).replaceAll('/workspace', clone)}; ${FIX}`], { cwd: clone, stdio: 'ignore' })
    for (const args of [['status'], ['add', '-A'], ['commit', '-m', 'x'], ['diff', 'HEAD~1'], ['checkout', '-q', '-b', 'y']]) git(...args)
    return existsSync(canary) ? [] : [`control: plain git did not walk into ${about.name}`]
  })
  return [...traps.flat(), ...await unseenProcess()]
}

const unseenProcess = async (): Promise<readonly string[]> => {
  const mark = `control${process.pid}x`
  const [byName, byEnvironment] = [
    spawn('sh', ['-c', 'while :; do sleep 1; done', mark], { stdio: 'ignore', detached: true }),
    spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, HOSTILE_MARK: mark } }),
  ]
  try {
    await until('the processes to be seen', () => Promise.resolve([byName, byEnvironment].every(({ pid = 0 }) => processesWith(mark).includes(pid)) ? true : undefined), 10_000)
    return []
  } catch (thrown) {
    return [`control: ${String(thrown)}`]
  } finally {
    for (const child of [byName, byEnvironment]) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  }
}
