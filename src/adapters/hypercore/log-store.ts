import { chmod, mkdir } from 'node:fs/promises'
import Hypercore from 'hypercore'
import type { HypercoreStorage } from 'hypercore'
import { ChorusError } from '../../core/mod.ts'
import type { LogStore } from '../../ports/mod.ts'
import { AppendQueue } from './append-queue.ts'
import { readBlock, toHex } from './block.ts'
import { headFile, readIfThere } from './durable-file.ts'
import type { HeadFile } from './durable-file.ts'
import { corrupt, openError } from './failures.ts'
import { corePath, headPath, journalPath } from './folder.ts'
import { Journal, readJournal } from './journal.ts'
import type { JournalRecord } from './journal.ts'
import { formatHead, parseHead, planRecovery, rootProblem } from './recovery.ts'

/**
 * The log of one node in a folder of its own:
 *   core/     Hypercore (RocksDB), which does not fsync what it appends
 *   journal   every entry since the last flush of core/, with fsync
 *   head      key, length and Merkle root of what was acknowledged, with fsync and rename
 *
 * One group of waiting entries goes journal -> core -> head, and only then are they acknowledged. At open the three
 * are compared: entries that core/ lost come back from the journal; anything else that does not fit is LOG_CORRUPT and
 * nothing is written. After a failed write the store refuses further entries until it is opened again, because
 * a failed fsync may not be repeated (the kernel forgets the dirty pages).
 */
export interface HypercoreLogOptions {
  readonly folder: string
  /** The journal is emptied (after a flush of core/) when it grows beyond this. Default 1 MiB. */
  readonly journalBytesMax?: number
}

export const openHypercoreLog = async (options: HypercoreLogOptions): Promise<HypercoreLogStore> => {
  const store = new HypercoreLogStore(options)
  await store.open()
  return store
}

export class HypercoreLogStore implements LogStore {
  readonly #folder: string
  readonly #journalBytesMax: number
  readonly #journal: Journal
  readonly #head: HeadFile
  readonly #queue = new AppendQueue((entries) => this.#appendGroup(entries))
  #storage: HypercoreStorage | undefined
  #core: Hypercore | undefined
  #closing: Promise<void> | undefined

  constructor(options: HypercoreLogOptions) {
    this.#folder = options.folder
    this.#journalBytesMax = options.journalBytesMax ?? 1024 * 1024
    this.#journal = new Journal(journalPath(options.folder))
    this.#head = headFile(headPath(options.folder))
  }

  get key(): Uint8Array { return this.#opened().key }
  get length(): number { return this.#opened().length }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    // The log says who works on what; the mode of an existing folder may be wider than ours.
    await chmod(this.#folder, 0o700)
    this.#storage = Hypercore.defaultStorage(corePath(this.#folder))
    const core = new Hypercore(this.#storage)
    try {
      await core.ready()
      this.#core = core
      await this.#recover(core)
    } catch (error) {
      await this.#release()
      throw openError(error, this.#folder)
    }
  }

  append(entry: Uint8Array): Promise<number> {
    if (this.#closing !== undefined) return Promise.reject(new ChorusError('LOG_UNAVAILABLE', 'the log is closed'))
    return this.#queue.append(entry)
  }

  async read(index: number): Promise<Uint8Array> {
    return readBlock(this.#opened(), index)
  }

  treeHash(length?: number): Promise<Uint8Array> {
    return this.#opened().treeHash(length)
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #appendGroup(entries: readonly Uint8Array[]): Promise<number> {
    const core = this.#opened()
    const first = core.length
    await this.#journal.append(entries.map((entry, position) => ({ index: first + position, entry })))
    const { length } = await core.append(entries)
    if (length !== first + entries.length) throw new ChorusError('INTERNAL', `log length ${first + entries.length} expected, got ${length}`)
    await this.#writeHead(core)
    if (this.#journal.bytes > this.#journalBytesMax) await this.#rotate()
    return first
  }

  async #recover(core: Hypercore): Promise<void> {
    const journal = await readJournal(journalPath(this.#folder))
    const headBytes = await readIfThere(headPath(this.#folder), 4096)
    const head = headBytes === undefined ? undefined : parseHead(headBytes.toString('utf8'))
    if (headBytes !== undefined && head === undefined) throw corrupt(this.#folder, 'a head of one JSON line expected, something else found in it')
    const plan = planRecovery({ key: toHex(core.key), length: core.length, head, journal: journal.records })
    if (!plan.ok) throw corrupt(this.#folder, plan.problem)
    await compareWithJournal(core, journal.records, this.#folder)
    const settled = plan.replay.length === 0 && journal.tornBytes === 0 && head?.length === core.length
    if (plan.replay.length > 0) await core.append(plan.replay)
    if (head !== undefined) {
      const treeHash = toHex(await core.treeHash(head.length))
      if (treeHash !== head.treeHash) throw corrupt(this.#folder, rootProblem(head, treeHash))
    }
    if (settled) {
      await this.#journal.open(journal.wholeBytes)
      return
    }
    // The new core's key, or the entries that came back, reach the disk before the files that vouch for them.
    await this.#storage?.db.flush()
    await this.#writeHead(core)
    await this.#journal.reset()
  }

  async #writeHead(core: Hypercore): Promise<void> {
    const length = core.length
    await this.#head.write(formatHead({ key: toHex(core.key), length, treeHash: toHex(await core.treeHash(length)) }))
  }

  /** Afterwards core/ holds everything durably and the journal is empty. */
  async #rotate(): Promise<void> {
    await this.#storage?.db.flush()
    await this.#journal.reset()
  }

  async #finish(): Promise<void> {
    await this.#queue.idle()
    try {
      if (this.#core !== undefined && !this.#queue.failed) await this.#rotate()
    } finally {
      await this.#release()
    }
  }

  async #release(): Promise<void> {
    await this.#journal.close()
    const core = this.#core
    this.#core = undefined
    if (core !== undefined) await core.close()
    else await this.#storage?.close().catch(() => undefined) // It never opened: the reason is already on its way to the caller.
    this.#storage = undefined
  }

  #opened(): Hypercore {
    if (this.#core === undefined) throw new ChorusError('LOG_UNAVAILABLE', 'the log is not open')
    return this.#core
  }
}

const compareWithJournal = async (core: Hypercore, records: readonly JournalRecord[], folder: string): Promise<void> => {
  for (const { index, entry } of records) {
    if (index >= core.length) return
    if (!Buffer.from(entry).equals(await readBlock(core, index))) throw corrupt(folder, `entry ${index} differs between the log and its journal`)
  }
}
