import { spawn } from 'node:child_process'
import { chownSync, globSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runToEnd, testSpec, text } from '../../testing/sandbox-compliance.ts'
import { BubblewrapSandbox } from './mod.ts'

const isRoot = process.getuid?.() === 0
const MODULE = path.join(import.meta.dirname, 'mod.ts')
const instance = `orphan${process.pid}`.slice(0, 16)

const groups = (): string[] => globSync(`/sys/fs/cgroup/{,*/}chorus-${instance}-*`)

/** Host processes whose command line holds the word. */
const processesWith = (word: string): string[] => readdirSync('/proc').filter((name) => {
  try {
    return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(word)
  } catch {
    return false
  }
})

/** A program that starts a sandbox around a daemon and says so. */
const starter = (options: { readonly workspace: string; readonly word: string; readonly limits: string }): string => `
import { BubblewrapSandbox } from ${JSON.stringify(MODULE)}
const sandbox = new BubblewrapSandbox({ instance: ${JSON.stringify(instance)}, limits: ${JSON.stringify(options.limits)} })
const started = await sandbox.start(${JSON.stringify(testSpec(options.workspace, ['sh', '-c', `setsid sh -c 'while :; do sleep 1; done' ${options.word} & echo up; sleep 600`, options.word]))})
started.stdout.once('data', () => console.log('up'))
`

describe('sandboxes whose coordinator was killed', () => {
  let folder = ''
  let workspace = ''
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-orphans-'))
    await chmod(folder, 0o777)
    workspace = path.join(folder, 'workspace')
    mkdirSync(workspace)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('that was probed just then: reap() removes the folder, and nothing that only looks like it', async () => {
    const left = path.join(os.tmpdir(), `chorus-probe-${instance}-1-abc`)
    const [another, link] = [path.join(os.tmpdir(), `chorus-probe-z${instance}-1-abc`), path.join(os.tmpdir(), `chorus-probe-${instance}-1-def`)]
    mkdirSync(path.join(left, 'workspace'), { recursive: true })
    mkdirSync(another)
    symlinkSync(folder, link)
    try {
      await new BubblewrapSandbox({ instance }).reap()
      expect(globSync([left, another, link, workspace]).sort()).toEqual([another, link, workspace].sort())
    } finally {
      for (const file of [left, another, link]) await rm(file, { recursive: true, force: true })
    }
  })

  it.each(isRoot ? ['auto', 'rlimit'] : ['rlimit'])('die with it (limits: %s), and reap() removes what stays', async (limits) => {
    const word = `orphan-${limits}-${process.pid}`
    const file = path.join(folder, 'starter.ts')
    await writeFile(file, starter({ workspace, word, limits }))
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect(processesWith(word).length).toBeGreaterThan(1)
    expect(groups().length > 0).toBe(limits === 'auto')
    child.kill('SIGKILL')
    await vi.waitFor(() => { expect(processesWith(word)).toEqual([]) }, { timeout: 5_000, interval: 20 })

    const sandbox = new BubblewrapSandbox({ instance })
    expect(await sandbox.reap()).toBe(limits === 'auto' ? 1 : 0)
    expect(groups()).toEqual([])
    expect(await sandbox.reap()).toBe(0)
  })

  if (isRoot) {
    it('reap() kills what still lives in a group of an earlier process, and leaves this one\'s alone', async () => {
      const sandbox = new BubblewrapSandbox({ instance })
      const mine = await sandbox.start(testSpec(workspace, ['sleep', '60']))
      const parents = globSync('/sys/fs/cgroup/{,*/}').filter((parent) => globSync(`${parent}/chorus-${instance}-*`).length > 0)
      const sleeper = spawn('sleep', ['60'])
      const ended = new Promise<string | null>((resolve) => sleeper.once('exit', (_code, signal) => { resolve(signal) }))
      for (const parent of parents) {
        mkdirSync(path.join(parent, `chorus-${instance}-earlier-1-1`))
        await writeFile(path.join(parent, `chorus-${instance}-earlier-1-1`, 'cgroup.procs'), String(sleeper.pid))
      }
      expect(await sandbox.reap()).toBe(1)
      expect(await ended).toBe('SIGKILL')
      expect(groups().length).toBe(parents.length)
      expect((await mine.kill()).outcome).toBe('killed')
      expect(groups()).toEqual([])
    })

    it('a caller that is not root runs with limits per process, as itself', async () => {
      const file = path.join(folder, 'caller.ts')
      // vitest cannot be loaded outside of its runner, so the caller does without the suite.
      await writeFile(file, `
import { mkdtempSync, statSync } from 'node:fs'
import { BubblewrapSandbox } from ${JSON.stringify(MODULE)}
const sandbox = new BubblewrapSandbox({ instance: 'nobody' })
const probe = await sandbox.probe()
const workspace = mkdtempSync(${JSON.stringify(path.join(folder, 'nobody-'))})
const spec = { ...${JSON.stringify(testSpec('', []))}, workspace: { path: workspace, writable: true } }
const started = await sandbox.start({ ...spec, command: ['sh', '-c', 'echo x >made; id -u; bomb() { bomb | bomb & }; bomb; sleep 1'], limits: { ...spec.limits, processesMax: 30 } })
started.stdin.end()
const end = await started.ended
console.log(JSON.stringify({ probe, end, inside: String(started.stdout.read()).trim(), owner: statSync(workspace + '/made').uid, bomb: String(started.stderr.read()).includes('Cannot fork') }))
`)
      const caller = spawn(process.execPath, [file], { uid: 65_534, gid: 65_534, env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'inherit'] })
      const said: unknown = JSON.parse(await text(caller.stdout))
      expect(said).toMatchObject({
        probe: { available: true, facts: { limits: 'rlimit', usage: 'sampled', uid: '65534', network: true } },
        end: { outcome: 'exited', code: 0, usage: { source: 'sampled' } }, inside: '1000', owner: 65_534, bomb: true,
      })
    })

    it('a workspace and a Node that the sandbox user cannot walk to are lent to it, and nothing stays behind', async () => {
      const hidden = path.join(folder, 'hidden')
      mkdirSync(path.join(hidden, 'workspace'), { recursive: true, mode: 0o700 })
      const sandbox = new BubblewrapSandbox({ instance })
      const { end, stdout, stderr } = await runToEnd(sandbox, testSpec(path.join(hidden, 'workspace'), ['sh', '-c', 'echo made >made.txt; id -u; grep -E "^(CapEff|Groups)" /proc/self/status']))
      expect([stderr, stdout, end.code]).toEqual(['', '1000\nGroups:\t \nCapEff:\t0000000000000000\n', 0])
      expect(readFileSync(path.join(hidden, 'workspace', 'made.txt'), 'utf8')).toBe('made\n')
      expect(globSync(path.join(os.tmpdir(), `chorus-stage-${instance}-*`))).toEqual([])
      expect(readFileSync('/proc/mounts', 'utf8')).not.toContain('chorus-stage-')
    })

    it('reap() empties no folder that another user of the machine put in the way', async () => {
      const victim = path.join(folder, 'victim')
      mkdirSync(victim)
      await writeFile(path.join(victim, 'precious'), 'x')
      const [link, foreign] = ['a', 'b'].map((name) => path.join(os.tmpdir(), `chorus-stage-${instance}-1-${name}`)) as [string, string]
      try {
        symlinkSync(victim, link)
        mkdirSync(foreign)
        symlinkSync('/nowhere', path.join(foreign, '0'))
        chownSync(foreign, 65_534, 65_534)
        expect(await new BubblewrapSandbox({ instance }).reap()).toBe(0)
        expect(readdirSync(victim)).toEqual(['precious'])
      } finally {
        await rm(link, { force: true })
        await rm(foreign, { recursive: true, force: true })
      }
    })

    it('refuses a writable workspace that belongs to a person', async () => {
      chownSync(workspace, 1234, 1234)
      await expect(new BubblewrapSandbox({ instance }).start(testSpec(workspace, ['true']))).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    })

    it('runs as the owner of the workspace when that is one of the sandbox users', async () => {
      chownSync(workspace, 10_003, 10_003)
      await runToEnd(new BubblewrapSandbox({ instance }), testSpec(workspace, ['touch', 'made']))
      expect(statSync(path.join(workspace, 'made')).uid).toBe(10_003)
    })
  }
})
