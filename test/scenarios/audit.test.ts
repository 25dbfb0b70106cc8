import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { headFile, openHypercoreLog, readHypercoreLog, readSignedHead, signedHeadPath } from '../../src/adapters/hypercore/mod.ts'
import { parseSignedHead, verifyLog } from '../../src/memory/audit/mod.ts'
import { ABOUT, forged, never, signerOf, startedAuditLog, writeStory } from '../../src/testing/log-store-audit.ts'

const signer = signerOf(1)
const stranger = signerOf(2)
const token = ['ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('')

describe('a node\'s audit log on disk', () => {
  let folder: string
  beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-test-audit-')) })
  afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

  it('is verified from its folder without the node\'s key, and holds no secret on disk', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await startedAuditLog(store, headFile(signedHeadPath(folder)), signer)
    await writeStory(log)
    await log.append('task_failed', { ...ABOUT, reason: `refused: ${token}`, attempt: 1, epoch: 1 })
    // Read while the node runs: what is not yet flushed comes from the journal.
    const reader = await readHypercoreLog(folder)
    const head = parseSignedHead(await readSignedHead(folder) ?? '')
    expect(await verifyLog(reader, { heads: [head ?? never()] })).toMatchObject({ ok: true, entries: 11, node: signer.node })
    await reader.close()
    await store.close()
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      expect((await readFile(path.join(entry.parentPath, entry.name))).includes(token.slice(4)), entry.name).toBe(false)
    }
  })

  it('of a killed node is verified as it lies there: every acknowledged entry, torn journal and store included', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', NODE, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    let acknowledged = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Math.max(acknowledged, Number(line) + 1)
      if (acknowledged >= 150) child.kill('SIGKILL')
    }
    await gone
    const journal = await readFile(path.join(folder, 'journal'))
    await writeFile(path.join(folder, 'journal'), Buffer.concat([journal, journal.subarray(8, 20)]))
    const walFolder = path.join(folder, 'core', 'db')
    for (const name of await readdir(walFolder)) if (name.endsWith('.log')) await truncate(path.join(walFolder, name), 2_000)

    const reader = await readHypercoreLog(folder)
    const head = parseSignedHead(await readSignedHead(folder) ?? '')
    expect(head?.length).toBeGreaterThanOrEqual(acknowledged)
    const verdict = await verifyLog(reader, { expectedNode: signer.node, heads: [head ?? never()] })
    expect(verdict).toMatchObject({ ok: true, problems: [] })
    expect(verdict.entries).toBeGreaterThanOrEqual(acknowledged)
    expect(reader.replayed).toBeGreaterThan(0)
    await reader.close()

    const store = await openHypercoreLog({ folder })
    const log = await startedAuditLog(store, headFile(signedHeadPath(folder)), signer)
    expect(log.length).toBe(verdict.entries)
    await log.append('session_started', { version: '0.1.0', log_key: 'ab' })
    await store.close()
  })

  it('notices a record that was rewritten in the store, with all its checksums right', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await startedAuditLog(store, headFile(signedHeadPath(folder)), signer)
    await writeStory(log)
    const entry = await store.read(8)
    await store.close()
    await rewriteBlock(folder, 8, forged(entry, { session: 'other' }, stranger))
    const reader = await readHypercoreLog(folder)
    const head = parseSignedHead(await readSignedHead(folder) ?? '')
    const verdict = await verifyLog(reader, { heads: [head ?? never()] })
    expect(verdict.problems.map(({ index }) => index)).toEqual(expect.arrayContaining([8, 9]))
    await reader.close()
    const again = await openHypercoreLog({ folder })
    await expect(startedAuditLog(again, headFile(signedHeadPath(folder)), signer)).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    await again.close()
  })

  it('notices that both the tail and the store\'s own head were set back', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await startedAuditLog(store, headFile(signedHeadPath(folder)), signer)
    await writeStory(log)
    const signed = await readFile(signedHeadPath(folder))
    const short = { key: Buffer.from(store.key).toString('hex'), length: 7, treeHash: Buffer.from(await store.treeHash(7)).toString('hex') }
    await store.close()
    await setBack(folder, 7)
    await writeFile(path.join(folder, 'head'), JSON.stringify({ version: 1, ...short }))
    await truncate(path.join(folder, 'journal'), 8)
    const again = await openHypercoreLog({ folder })
    expect(again.length).toBe(7)
    await expect(startedAuditLog(again, headFile(signedHeadPath(folder)), signer)).rejects.toMatchObject({ code: 'LOG_CORRUPT', message: expect.stringContaining('10 entries expected by the signed head, 7 found') as string })
    expect(await readFile(signedHeadPath(folder))).toEqual(signed)
    await again.close()
  })
})

const source = (file: string): string => JSON.stringify(path.resolve(import.meta.dirname, '../../src', file))

/** A process that logs without end, several entries at once, and says which ones it was told are safe. */
const NODE = `
import { headFile, openHypercoreLog, signedHeadPath } from ${source('adapters/hypercore/mod.ts')}
import { signerOf, startedAuditLog } from ${source('testing/log-store-audit.ts')}
const folder = process.argv[1]
const log = await startedAuditLog(await openHypercoreLog({ folder }), headFile(signedHeadPath(folder)), signerOf(1))
const worker = async () => { for (;;) console.log(await log.append('system_error', { error: 'something happened' })) }
await Promise.all([worker(), worker(), worker()])
`

interface InnerCore {
  ready(): Promise<void>
  close(): Promise<void>
  truncate(length: number): Promise<void>
  readonly core: { readonly state: { readonly storage: { write(): { putBlock(index: number, block: Uint8Array): void; flush(): Promise<void> } } } }
}

const innerCore = async (folder: string): Promise<InnerCore> => {
  const { default: Hypercore } = await import('hypercore')
  const core = new Hypercore(Hypercore.defaultStorage(path.join(folder, 'core'))) as unknown as InnerCore
  await core.ready()
  return core
}

/** As someone with write access to the disk would, through the store's own code. */
const rewriteBlock = async (folder: string, index: number, block: Uint8Array): Promise<void> => {
  const core = await innerCore(folder)
  const write = core.core.state.storage.write()
  write.putBlock(index, Buffer.from(block))
  await write.flush()
  await core.close()
}

const setBack = async (folder: string, length: number): Promise<void> => {
  const core = await innerCore(folder)
  await core.truncate(length)
  await core.close()
}
