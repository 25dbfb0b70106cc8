import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isNodeId, verify } from '../../core/mod.ts'
import type { Logger } from '../../ports/mod.ts'
import { SystemEntropy } from './entropy.ts'
import { markOf } from './process-mark.ts'
import { openStateFolder } from './state-folder.ts'

const entropy = new SystemEntropy()
let root: string
let folder: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'chorus-state-'))
  folder = path.join(root, 'node')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const recorder = (): { warnings: string[]; logger: Logger } => {
  const warnings: string[] = []
  const nothing = (): void => undefined
  const logger: Logger = { debug: nothing, info: nothing, error: nothing, warn: (message) => { warnings.push(message) }, child: () => logger }
  return { warnings, logger }
}

describe('openStateFolder', () => {
  it('makes a node key for its owner alone, and finds the same node again', async () => {
    const first = await openStateFolder(folder, { entropy })
    expect(first.origin).toBe('new')
    expect(isNodeId(first.identity.node)).toBe(true)
    expect(verify(first.identity.node, 'x', first.identity.signer.sign('x'))).toBe(true)
    expect((await stat(path.join(folder, 'node.key'))).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    await first.release()
    await first.release()
    const second = await openStateFolder(folder, { entropy })
    expect(second.origin).toBe('same')
    expect(second.identity.node).toBe(first.identity.node)
    await second.release()
  })

  it('does not show the key when the signer or the folder is printed', async () => {
    const state = await openStateFolder(folder, { entropy })
    const seed = Buffer.from(state.identity.seed).toString('base64url')
    expect(JSON.stringify(state.identity.signer)).not.toContain(seed)
    expect(await readFile(path.join(folder, 'state.json'), 'utf8')).not.toContain(seed)
    await state.release()
  })

  it('notices a copy and a move', async () => {
    await (await openStateFolder(folder, { entropy })).release()
    const copy = path.join(root, 'copy')
    await cp(folder, copy, { recursive: true })
    const opened = await openStateFolder(copy, { entropy })
    expect(opened.origin).toBe('copied')
    await opened.release()
    const again = await openStateFolder(copy, { entropy })
    expect(again.origin).toBe('same')
    await again.release()
    // The folder comes back from a backup, in its old place.
    await rm(folder, { recursive: true })
    await cp(copy, folder, { recursive: true })
    const restored = await openStateFolder(folder, { entropy })
    expect(restored.origin).toBe('copied')
    await restored.release()
    await rename(folder, path.join(root, 'moved'))
    const moved = await openStateFolder(path.join(root, 'moved'), { entropy })
    expect(moved.origin).toBe('copied')
    await moved.release()
  })

  it('closes a key that others may read, and says so', async () => {
    await (await openStateFolder(folder, { entropy })).release()
    await chmod(path.join(folder, 'node.key'), 0o644)
    const { warnings, logger } = recorder()
    await (await openStateFolder(folder, { entropy, logger })).release()
    expect(warnings).toHaveLength(1)
    expect((await stat(path.join(folder, 'node.key'))).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['node.key', '{"version":1,"kind":"ed25519","node":"x","seed":"c2hvcnQ"}'],
    ['node.key', 'not json at all'],
    ['node.key', '{"version":2}'],
    ['state.json', '{"version":2}'],
    ['state.json', '['],
  ])('refuses a %s that says %s without quoting a key', async (name, content) => {
    await (await openStateFolder(folder, { entropy })).release()
    await writeFile(path.join(folder, name), content, { mode: 0o600 })
    const failure = await openStateFolder(folder, { entropy }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'STATE_INVALID' })
    expect(String(failure)).not.toContain('c2hvcnQ')
    // The lock was given back: the folder can be mended and opened.
    await rm(path.join(folder, name))
    await (await openStateFolder(folder, { entropy })).release()
  })

  it('refuses a second opening by the same process', async () => {
    const state = await openStateFolder(folder, { entropy })
    await expect(openStateFolder(folder, { entropy })).rejects.toMatchObject({ code: 'STATE_LOCKED', data: { pid: process.pid } })
    await state.release()
  })

  it('names the process that has it, and takes the folder over when that process was killed', async () => {
    const script = path.join(root, 'holder.ts')
    await writeFile(script, `
      import { openStateFolder, SystemEntropy } from ${JSON.stringify(path.join(import.meta.dirname, 'mod.ts'))}
      await openStateFolder(process.argv[2], { entropy: new SystemEntropy() })
      process.send('open')
      setInterval(() => undefined, 1000)
    `)
    const holder = fork(script, [folder])
    expect((await once(holder, 'message'))[0]).toBe('open')
    await expect(openStateFolder(folder, { entropy })).rejects.toMatchObject({ code: 'STATE_LOCKED', data: { pid: holder.pid } })
    await expect(openStateFolder(folder, { entropy })).rejects.toThrow(`in use by process ${holder.pid}`)
    const ended = once(holder, 'exit')
    holder.kill('SIGKILL')
    await ended
    const state = await openStateFolder(folder, { entropy })
    expect(state.origin).toBe('same')
    await state.release()
  })

  it('is not fooled by another process that has the number of a dead holder', async () => {
    await (await openStateFolder(folder, { entropy })).release()
    const parent = await markOf(process.ppid)
    const lock = path.join(folder, 'lock', String(process.ppid))
    await writeFile(lock, JSON.stringify({ ...parent, start: '1' }))
    await (await openStateFolder(folder, { entropy })).release()
    await writeFile(lock, JSON.stringify(parent))
    await expect(openStateFolder(folder, { entropy })).rejects.toMatchObject({ code: 'STATE_LOCKED' })
  })

  it('says why a lock cannot be written, such as on a full disk', async () => {
    await (await openStateFolder(folder, { entropy })).release()
    await rm(path.join(folder, 'lock'), { recursive: true })
    // A folder that takes no files from anybody.
    await symlink('/proc/self/fdinfo', path.join(folder, 'lock'))
    await expect(openStateFolder(folder, { entropy })).rejects.toMatchObject({ code: 'IO_FAILED', setting: '--state', message: expect.stringMatching(/could not be written: E[A-Z]+/) as string })
  })

  it('clears a lock that a crash left half written', async () => {
    await (await openStateFolder(folder, { entropy })).release()
    await writeFile(path.join(folder, 'lock', '1'), '{"pid":1')
    await (await openStateFolder(folder, { entropy })).release()
    await expect(stat(path.join(folder, 'lock', '1'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('SystemEntropy', () => {
  it('draws within its bounds', () => {
    for (let draw = 0; draw < 200; draw += 1) {
      expect(entropy.integer(3)).toBeLessThan(3)
      expect(entropy.fraction()).toBeLessThan(1)
    }
    expect(entropy.integer(2 ** 50)).toBeLessThan(2 ** 50)
    expect(entropy.bytes(5)).toHaveLength(5)
    expect(entropy.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    expect(entropy.fork('a').uuid()).not.toBe(entropy.fork('a').uuid())
  })

  it('refuses an empty range', () => {
    expect(() => entropy.integer(0)).toThrow('positive')
  })
})
