import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openHypercoreLog, openHypercoreReplica } from './mod.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-test-replica-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

it('a replica follows a log over any byte stream, and keeps what it has when the writer is gone', async () => {
  const store = await openHypercoreLog({ folder: path.join(folder, 'writer') })
  await store.append(new TextEncoder().encode('before'))
  let grownTo = 0
  const options = { folder: path.join(folder, 'reader'), key: store.key, onGrown: (length: number) => { grownTo = length } }
  const replica = await openHypercoreReplica(options)
  const [here, there] = [store.replicate(true), replica.replicate(false)]
  here.pipe(there).pipe(here)
  const text = async (index: number): Promise<string> => new TextDecoder().decode(await replica.read(index))
  await vi.waitFor(async () => { expect(await text(0)).toBe('before') }, { timeout: 10_000 })
  await store.append(new TextEncoder().encode('after'))
  await vi.waitFor(async () => { expect(await text(1)).toBe('after') }, { timeout: 10_000 })
  expect(grownTo).toBe(2)
  expect(await replica.treeHash()).toEqual(await store.treeHash())
  const key = store.key
  here.destroy()
  there.destroy()
  await store.close()
  await replica.close()

  const again = await openHypercoreReplica({ folder: options.folder, key })
  expect(new TextDecoder().decode(await again.read(1))).toBe('after')
  await again.close()
})

it('a replica refuses a key that is none', async () => {
  await expect(openHypercoreReplica({ folder, key: new Uint8Array(31) })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
})
