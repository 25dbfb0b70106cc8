import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFile, cp, mkdir, mkdtemp, open, readdir, readFile, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import Hypercore from 'hypercore'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHypercoreLog, readHypercoreLog } from './mod.ts'
import type { HypercoreLogStore } from './mod.ts'

let folder: string
const children: ChildProcess[] = []
beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-test-log-')) })
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const entryText = (index: number): string => `entry ${index} ${'x'.repeat(index % 700)}`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A process of its own that appends from its log's end on, four at a time, and says which entries it was told are safe. */
const WRITER = `
import { openHypercoreLog } from ${JSON.stringify(path.join(import.meta.dirname, 'mod.ts'))}
const store = await openHypercoreLog({ folder: process.argv[1], journalBytesMax: Number(process.argv[2]) })
const limit = Number(process.argv[3])
let next = store.length
const text = ${entryText.toString()}
const worker = async () => {
  while (next < limit) {
    const index = next++
    console.log(await store.append(new TextEncoder().encode(text(index))))
  }
}
await Promise.all([worker(), worker(), worker(), worker()])
console.log('waiting')
setInterval(() => {}, 1000)
`

/** Runs the writer until `enough` says so, kills it with SIGKILL and resolves with the acknowledged indices. */
const killedWriter = async (options: { readonly limit?: number; readonly killAfter?: number; readonly journalBytesMax?: number }): Promise<readonly number[]> => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, folder, String(options.journalBytesMax ?? 1024 * 1024), String(options.limit ?? 1_000_000)],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'waiting') child.kill('SIGKILL')
    else acknowledged.push(Number(line))
    if (acknowledged.length >= (options.killAfter ?? Infinity)) child.kill('SIGKILL')
  }
  await gone
  return acknowledged
}

const expectEntries = async (store: Pick<HypercoreLogStore, 'length' | 'read'>, count: number): Promise<void> => {
  expect(store.length).toBeGreaterThanOrEqual(count)
  for (let index = 0; index < store.length; index += 1) expect(new TextDecoder().decode(await store.read(index))).toBe(entryText(index))
}

const database = (): string => path.join(folder, 'core', 'db')
const databaseFile = async (suffix: string): Promise<string> => {
  const names = (await readdir(database())).filter((name) => name.endsWith(suffix))
  const sizes = await Promise.all(names.map(async (name) => ({ name, size: (await stat(path.join(database(), name))).size })))
  const largest = sizes.sort((a, b) => b.size - a.size)[0]
  if (largest === undefined) throw new Error(`no ${suffix} file`)
  return path.join(database(), largest.name)
}

const flipByte = async (file: string, at: (size: number) => number): Promise<void> => {
  const handle = await open(file, 'r+')
  try {
    const { size } = await handle.stat()
    const byte = Buffer.alloc(1)
    await handle.read(byte, 0, 1, at(size))
    byte[0] = (byte[0] ?? 0) ^ 0xff
    await handle.write(byte, 0, 1, at(size))
  } finally {
    await handle.close()
  }
}

/** How many entries Hypercore itself no longer has. */
const lostEntries = async (): Promise<number> => {
  const reader = await readHypercoreLog(folder)
  await reader.close()
  return reader.replayed
}

const fill = async (count: number): Promise<void> => {
  const store = await openHypercoreLog({ folder })
  for (let index = 0; index < count; index += 1) await store.append(bytes(entryText(index)))
  await store.close()
}

describe('the log over Hypercore after a crash', () => {
  it('has every entry that was acknowledged, however often the process is killed', async () => {
    let safe = 0
    for (const killAfter of [1, 17, 60, 150, 233]) {
      const acknowledged = await killedWriter({ killAfter, journalBytesMax: killAfter * 300 })
      safe = Math.max(safe, ...acknowledged.map((index) => index + 1))
      const store = await openHypercoreLog({ folder })
      await expectEntries(store, safe)
      await store.close()
    }
    expect(safe).toBeGreaterThan(300)
  })

  it('gets back from the journal what Hypercore lost with the power', async () => {
    await killedWriter({ limit: 200 })
    const wal = await databaseFile('.log')
    await truncate(wal, Math.floor((await stat(wal)).size / 3))
    expect(await lostEntries()).toBeGreaterThan(50)
    const store = await openHypercoreLog({ folder })
    await expectEntries(store, 200)
    expect(await store.append(bytes(entryText(store.length)))).toBe(200)
    await store.close()
  })

  it('gets back what Hypercore drops without a word behind a flipped byte', async () => {
    await killedWriter({ limit: 200 })
    await flipByte(await databaseFile('.log'), (size) => Math.floor(size / 2))
    expect(await lostEntries()).toBeGreaterThan(50)
    const store = await openHypercoreLog({ folder })
    await expectEntries(store, 200)
    await store.close()
  })

  it('keeps its key when the power goes right after it was made', async () => {
    await killedWriter({ limit: 3 })
    const { key } = JSON.parse(await readFile(path.join(folder, 'head'), 'utf8')) as { key: string }
    await truncate(await databaseFile('.log'), 0)
    expect(await lostEntries()).toBe(3)
    const store = await openHypercoreLog({ folder })
    expect(Buffer.from(store.key).toString('hex')).toBe(key)
    await expectEntries(store, 3)
    await store.close()
  })

  it('ignores a record that was being written to the journal', async () => {
    await killedWriter({ limit: 20 })
    const journal = path.join(folder, 'journal')
    await appendFile(journal, (await readFile(journal)).subarray(8, 30))
    const store = await openHypercoreLog({ folder })
    expect(store.length).toBe(20)
    await expectEntries(store, 20)
    expect(await store.append(bytes(entryText(20)))).toBe(20)
    await store.close()
  })

  it('empties its journal as it grows', async () => {
    const store = await openHypercoreLog({ folder, journalBytesMax: 10_000 })
    for (let index = 0; index < 300; index += 1) await store.append(bytes(entryText(index)))
    expect((await stat(path.join(folder, 'journal'))).size).toBeLessThan(12_000)
    await store.close()
    const again = await openHypercoreLog({ folder })
    await expectEntries(again, 300)
    await again.close()
  })
})

describe('the log over Hypercore refuses', () => {
  it('a log that is shorter than its head, and changes nothing', async () => {
    await fill(30)
    const core = new Hypercore(Hypercore.defaultStorage(path.join(folder, 'core')))
    await core.ready()
    await core.truncate(25)
    await core.close()
    for (const _ of [1, 2]) {
      await expect(openHypercoreLog({ folder })).rejects.toMatchObject({ code: 'LOG_CORRUPT', message: expect.stringContaining('30 entries expected by the head, 25 found') as string })
    }
    const reader = await readHypercoreLog(folder)
    expect(reader.problems).toEqual(['30 entries expected by the head, 25 found'])
    await reader.close()
  })

  it('a log whose head file was deleted, or is damaged, or names another root', async () => {
    await fill(3)
    const head = path.join(folder, 'head')
    const written = await readFile(head, 'utf8')
    await rm(head)
    await expect(openHypercoreLog({ folder })).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    await writeFile(head, 'no json')
    await expect(openHypercoreLog({ folder })).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    await writeFile(head, written.replace(/"treeHash":"......../, '"treeHash":"00000000'))
    await expect(openHypercoreLog({ folder })).rejects.toMatchObject({ code: 'LOG_CORRUPT', message: expect.stringContaining('Merkle root') as string })
    await writeFile(head, written)
    await (await openHypercoreLog({ folder })).close()
  })

  it('a log whose store was lost while its head is there', async () => {
    await fill(3)
    await rm(path.join(folder, 'core'), { recursive: true })
    await expect(openHypercoreLog({ folder })).rejects.toMatchObject({ code: 'LOG_CORRUPT', message: expect.stringContaining('it was replaced or lost') as string })
  })

  it('to read an entry whose bytes on disk changed', async () => {
    await fill(400)
    await flipByte(await databaseFile('.sst'), (size) => Math.floor(size / 4))
    const failures: unknown[] = []
    try {
      const store = await openHypercoreLog({ folder })
      for (let index = 0; index < 400; index += 1) await store.read(index).catch((error: unknown) => failures.push(error))
      await store.close()
    } catch (error) {
      failures.push(error)
    }
    expect(failures[0]).toMatchObject({ code: 'LOG_CORRUPT' })
  })

  it('a second process', async () => {
    const store = await openHypercoreLog({ folder })
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      import { openHypercoreLog } from ${JSON.stringify(path.join(import.meta.dirname, 'mod.ts'))}
      await openHypercoreLog({ folder: process.argv[1] }).then(() => console.log('opened'), (error) => console.log(error.code))
    `, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    let said = ''
    for await (const chunk of child.stdout) said += String(chunk)
    expect(said.trim()).toBe('STATE_LOCKED')
    await store.append(bytes('still mine'))
    await store.close()
  })

  it('a copied folder', async () => {
    await fill(3)
    const copy = `${folder}-copy`
    try {
      await cp(folder, copy, { recursive: true })
      await expect(openHypercoreLog({ folder: copy })).rejects.toMatchObject({ code: 'STATE_INVALID', message: expect.stringContaining('copied or restored') as string })
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  })

  it('every entry after a write failed, until it is opened again', async () => {
    const store = await openHypercoreLog({ folder })
    await store.append(bytes(entryText(0)))
    // A folder in the way of the head's temporary file: the write fails as it would on a broken disk, for root as well.
    await mkdir(path.join(folder, 'head.new'))
    await expect(store.append(bytes(entryText(1)))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    await rmdir(path.join(folder, 'head.new'))
    await expect(store.append(bytes(entryText(2)))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    await store.close()
    const again = await openHypercoreLog({ folder })
    await expectEntries(again, 1)
    expect(await again.append(bytes(entryText(again.length)))).toBe(again.length - 1)
    await again.close()
  })
})

describe('readHypercoreLog()', () => {
  const listing = async (): Promise<readonly string[]> => {
    const names = await readdir(folder, { recursive: true, withFileTypes: true })
    return Promise.all(names.filter((entry) => entry.isFile()).map(async (entry) => {
      const file = path.join(entry.parentPath, entry.name)
      const { size, mtimeMs } = await stat(file)
      return `${path.relative(folder, file)} ${size} ${mtimeMs}`
    }))
  }

  it('reads a killed node\'s log, journal included, and changes nothing', async () => {
    await killedWriter({ limit: 120 })
    const wal = await databaseFile('.log')
    await truncate(wal, Math.floor((await stat(wal)).size / 3))
    const before = await listing()
    const reader = await readHypercoreLog(folder)
    expect(reader.replayed).toBeGreaterThan(0)
    expect(reader.problems).toEqual([])
    await expectEntries(reader, 120)
    await reader.close()
    expect(await listing()).toEqual(before)
  })

  it('says when there is no log', async () => {
    await expect(readHypercoreLog(path.join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
