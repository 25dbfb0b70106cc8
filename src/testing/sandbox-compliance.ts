import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sandbox, SandboxEnd, SandboxLimits, SandboxSpec } from '../ports/mod.ts'
import { ESCAPE_PROGRAM, PROBES, ROOT_PROBES, layBait } from './escape-probes.ts'

const MIB = 2 ** 20

export const TEST_LIMITS: SandboxLimits = {
  timeoutMs: 20_000, graceMs: 500, memoryBytesMax: 512 * MIB, processesMax: 64, cpusMax: 1, outputBytesMax: MIB, fileBytesMax: 64 * MIB, diskBytesMax: 256 * MIB,
}

export type SpecChanges = Partial<Omit<SandboxSpec, 'limits'>> & { readonly limits?: Partial<SandboxLimits> }

export interface Outcome { readonly end: SandboxEnd; readonly stdout: string; readonly stderr: string }

export const testSpec = (workspacePath: string, command: readonly string[], changes: SpecChanges = {}): SandboxSpec => ({
  command, workspace: { path: workspacePath, writable: true }, mounts: [], environment: {}, network: { kind: 'none' }, label: 'compliance',
  ...changes, limits: { ...TEST_LIMITS, ...changes.limits },
})

/** Runs a program to its end and reads all it said. */
export const runToEnd = async (sandbox: Sandbox, spec: SandboxSpec): Promise<Outcome> => {
  const process = await sandbox.start(spec)
  process.stdin.end()
  const [stdout, stderr, end] = await Promise.all([text(process.stdout), text(process.stderr), process.ended])
  return { end, stdout, stderr }
}

export const text = async (stream: AsyncIterable<unknown>): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export interface SandboxUnderTest {
  readonly open: () => Sandbox
  /** Whether usage comes from the kernel's accounting and the processors are held. */
  readonly isExact: boolean
  /** Host folders of resource groups that runs have left behind; must be none after each. */
  readonly leftovers: () => readonly string[]
}

/** What every sandbox owes its callers, tried for real. The escapes are tried on the plain host too, where they must succeed. */
export const sandboxCompliance = (name: string, { open, isExact, leftovers }: SandboxUnderTest): void => {
  describe(`${name} as a sandbox`, () => {
    const sandbox = open()
    let folder = ''
    let workspace = ''
    const run = (command: readonly string[], changes?: SpecChanges): Promise<Outcome> => runToEnd(sandbox, testSpec(workspace, command, changes))
    const sh = (script: string, changes?: SpecChanges): Promise<Outcome> => run(['sh', '-c', script], changes)

    beforeAll(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-sandbox-'))
      await chmod(folder, 0o755)
      workspace = path.join(folder, 'workspace')
      await mkdir(workspace)
      await writeFile(path.join(workspace, 'given.txt'), 'given\n')
    })
    afterAll(async () => {
      expect(leftovers()).toEqual([])
      await rm(folder, { recursive: true, force: true })
    })

    it('probe() reports that it runs, and what it found inside', async () => {
      expect(await sandbox.probe()).toMatchObject({
        available: true, facts: { node: process.version, npm: expect.stringMatching(/^\d+\./), git: expect.stringContaining('git version'), network: true },
      })
    })

    it('runs a command in the workspace with its input, output, exit code and environment, and nothing else of ours', async () => {
      const started = await sandbox.start(testSpec(workspace, ['sh', '-c', 'pwd; cat given.txt; cat; echo made >made.txt; env | sort; exit 7'], { environment: { TASK_ID: 't 1' } }))
      started.stdin.end('asked\n')
      const [stdout, end] = await Promise.all([text(started.stdout), started.ended])
      expect(end).toMatchObject({ outcome: 'exited', code: 7, outputBytesDropped: 0 })
      expect(stdout).toContain('/workspace\ngiven\nasked\n')
      const names = stdout.split('\n').slice(3).map((line) => line.split('=')[0]).filter((name) => name !== '')
      expect(names).toEqual(['HOME', 'LANG', 'NO_PROXY', 'PATH', 'PWD', 'TASK_ID', 'TMPDIR', 'no_proxy'])
      expect(await readFile(path.join(workspace, 'made.txt'), 'utf8')).toBe('made\n')
    })

    it('gives a signal as 128 + its number, and a missing program as 127', async () => {
      expect((await sh('kill -SEGV $$')).end).toMatchObject({ outcome: 'exited', code: 139 })
      expect((await run(['no-such-program'])).end).toMatchObject({ outcome: 'exited', code: 127 })
    })

    it('lets no probe escape, each of which succeeds on the plain host', async () => {
      const bait = await layBait()
      process.env['HOST_SECRET'] = bait.token
      try {
        const words = ['-e', ESCAPE_PROGRAM, JSON.stringify(bait)]
        const control = spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout.trim().split('\n')
        const expected = process.getuid?.() === 0 ? PROBES : PROBES.filter((probe) => !ROOT_PROBES.includes(probe))
        expect(control.filter((line) => line.startsWith('ESCAPE ')).map((line) => line.slice(7)).sort()).toEqual(expect.arrayContaining([...expected].sort()))
        const inside = await run(['node', ...words])
        expect(inside.stdout.trim().split('\n').sort()).toEqual(PROBES.map((probe) => `held ${probe}`).sort())
      } finally {
        delete process.env['HOST_SECRET']
        await bait.remove()
      }
    })

    it('a read-only workspace and a read-only mount stay as they are, a writable mount does not', async () => {
      for (const name of ['kept', 'open']) await mkdir(path.join(folder, name))
      await chmod(path.join(folder, 'open'), 0o777)
      await writeFile(path.join(folder, 'kept', 'index.js'), 'module.exports = 1')
      const mounts = [
        { source: path.join(folder, 'kept'), target: '/workspace/node_modules', writable: false },
        { source: path.join(folder, 'open'), target: '/opt/cache', writable: true },
      ]
      const { stdout } = await sh('cat node_modules/index.js; for f in here node_modules/here /opt/cache/here; do touch $f 2>/dev/null && echo wrote $f; done', {
        workspace: { path: workspace, writable: false }, mounts,
      })
      expect(stdout).toBe('module.exports = 1wrote /opt/cache/here\n')
    })

    it('does not walk through a link that lies where something is to be mounted', async () => {
      await symlink('/etc', path.join(workspace, 'astray'))
      const starting = sandbox.start(testSpec(workspace, ['true'], { mounts: [{ source: workspace, target: '/workspace/astray/deep', writable: false }] }))
      await expect(starting).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    })

    it('has no network of its own', async () => {
      const { stdout } = await run(['node', '-e', `require('node:dns').lookup('example.com', (e) => console.log(e.code)); fetch('http://192.0.2.1').catch((e) => console.log(e.cause.code))`])
      expect(stdout.trim().split('\n').sort()).toEqual([expect.stringMatching(/^(EAI_AGAIN|ENOTFOUND)$/), 'ENETUNREACH'])
    })

    it('reaches a socket of the host at its port, from the first moment of the command', async () => {
      const gate = path.join(folder, 'gate')
      await mkdir(gate, { mode: 0o711 })
      const server = createServer((socket) => { socket.end('here') })
      await new Promise<void>((resolve) => server.listen(path.join(gate, 's'), resolve))
      await chmod(path.join(gate, 's'), 0o666)
      const script = `require('node:net').connect(8080, '127.0.0.1').pipe(process.stdout)`
      const { stdout, end } = await run(['node', '-e', script], { network: { kind: 'socket', socketPath: path.join(gate, 's'), port: 8080 } })
      server.close()
      expect([stdout, end.code]).toEqual(['here', 0])
    })

    it('ends a tree over its memory as out-of-memory', async () => {
      const { end } = await run(['node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))'], { limits: { memoryBytesMax: 200 * MIB } })
      expect(end).toMatchObject({ outcome: 'out-of-memory', code: null })
    })

    it('holds a fork bomb', async () => {
      const { end, stderr } = await sh('bomb() { bomb | bomb & }; bomb; sleep 1', { limits: { processesMax: 40 } })
      expect(stderr).toContain('Cannot fork')
      expect(end.usage.processesPeak).toBeLessThanOrEqual(41)
    })

    it('holds the processors and measures what was used', async () => {
      const burn = `const until = process.cpuUsage().user + 600000; while (process.cpuUsage().user < until) for (let i = 0; i < 1e6; i += 1) Math.sqrt(i); const u = process.cpuUsage(); console.log((u.user + u.system) / 1000)`
      const { end, stdout } = await run(['node', '-e', burn], { limits: { cpusMax: isExact ? 0.5 : 1 } })
      const burntMs = Number(stdout)
      expect(end.usage.source).toBe(isExact ? 'exact' : 'sampled')
      // Sampled usage misses what happened since the last look.
      expect(end.usage.cpuMs).toBeGreaterThan(burntMs * (isExact ? 0.85 : 0.5))
      expect(end.usage.cpuMs).toBeLessThan(burntMs * 1.15 + 40)
      if (isExact) expect(end.usage.wallMs).toBeGreaterThan(burntMs * 1.5)
      expect(end.usage.memoryBytesPeak).toBeGreaterThan(5 * MIB)
    })

    it('ends what is over its time politely first', async () => {
      const { end, stdout } = await sh(`trap 'echo polite; exit 0' TERM; echo on; sleep 60 & wait`, { limits: { timeoutMs: 300 } })
      expect(end).toMatchObject({ outcome: 'timeout', code: null })
      expect(stdout).toBe('on\npolite\n')
    })

    it('ends what ignores that, daemons in sessions of their own included', async () => {
      const { end } = await sh(`trap '' TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & while :; do sleep 1; done`, { limits: { timeoutMs: 200, graceMs: 200 } })
      expect(end.outcome).toBe('timeout')
      expect(end.usage.wallMs).toBeLessThan(5_000)
    })

    it('ends a daemon that a command leaves behind', async () => {
      const { end, stdout } = await sh('(setsid sh -c "while :; do sleep 0.1; date >>late.txt; done" &); echo gone')
      expect([stdout, end.outcome, end.code]).toEqual(['gone\n', 'exited', 0])
      const after = existsSync(path.join(workspace, 'late.txt')) ? await readFile(path.join(workspace, 'late.txt'), 'utf8') : ''
      await runToEnd(sandbox, testSpec(workspace, ['sleep', '0.5']))
      expect(existsSync(path.join(workspace, 'late.txt')) ? await readFile(path.join(workspace, 'late.txt'), 'utf8') : '').toBe(after)
    })

    it('cuts a flood of output and counts what it dropped', async () => {
      const { end, stdout } = await sh('head -c 3000000 /dev/zero; head -c 1000 /dev/zero >&2', { limits: { outputBytesMax: 100_000 } })
      expect([stdout.length, end.outputBytesDropped, end.code]).toEqual([100_000, 2_900_000, 0])
    })

    it('ends a run that fills the disk', async () => {
      const filled = path.join(folder, 'filled')
      await mkdir(filled)
      const spec = testSpec(filled, ['sh', '-c', 'for i in 1 2 3 4; do head -c 15000000 /dev/zero >f$i; done; sleep 30'], { limits: { diskBytesMax: 40_000_000 } })
      expect((await runToEnd(sandbox, spec)).end).toMatchObject({ outcome: 'disk-full', code: null })
    })

    it('bounds a single file, /tmp, the home folder and /dev/shm', async () => {
      const fill = (file: string): string => `head -c 20000000 /dev/zero >${file} 2>/dev/null; stat -c %s ${file}; rm ${file};`
      const { stdout } = await sh(`trap '' XFSZ; ${['big', '/tmp/big', '~/big', '/dev/shm/big'].map(fill).join('')}`, { limits: { fileBytesMax: 8_000_000 } })
      const sizes = stdout.trim().split('\n').map(Number)
      expect(sizes).toHaveLength(4)
      for (const size of sizes) expect(size).toBeLessThanOrEqual(8_003_584)
    })

    it('kill() ends the tree, twice as well as once', async () => {
      const started = await sandbox.start(testSpec(workspace, ['sleep', '60']))
      const [first, second] = await Promise.all([started.kill(), started.kill()])
      expect(first).toMatchObject({ outcome: 'killed', code: null })
      expect(second).toBe(first)
      expect(await started.ended).toBe(first)
    })

    it('an aborted signal ends the tree, and starts none', async () => {
      const abort = new AbortController()
      const started = await sandbox.start(testSpec(workspace, ['sleep', '60'], { signal: abort.signal }))
      abort.abort(new Error('enough'))
      expect((await started.ended).outcome).toBe('killed')
      await expect(sandbox.start(testSpec(workspace, ['true'], { signal: abort.signal }))).rejects.toThrow('enough')
    })

    it('runs ten at once', async () => {
      const runs = await Promise.all(Array.from({ length: 10 }, (_, index) => sh(`sleep 0.1; echo ${index}`)))
      expect(runs.map((one) => [one.end.code, one.stdout])).toEqual(Array.from({ length: 10 }, (_, index) => [0, `${index}\n`]))
    })

    it('says SANDBOX_UNAVAILABLE when it cannot be set up', async () => {
      const starting = sandbox.start(testSpec(workspace, ['true'], { mounts: [{ source: path.join(folder, 'absent'), target: '/opt/absent', writable: false }] }))
      await expect(starting).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' })
    })
  })
}
