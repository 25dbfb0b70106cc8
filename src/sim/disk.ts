import { createHash } from 'node:crypto'
import { ChorusError } from '../core/mod.ts'
import type { HeadFile } from '../memory/audit/mod.ts'
import type { LogStore } from '../ports/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { SimProcess } from './process.ts'

export interface DiskProfile {
  /** Of a write that is synced. */
  readonly latency: Latency
}

/**
 * A machine's disk: what is on it survives the processes. A write is durable when it was answered; a crash before that
 * leaves it there or not, entries of the log in their order (the log store takes a torn one away when it is opened).
 */
export class SimDisk {
  readonly logKey: Uint8Array
  readonly entries: Uint8Array[] = []
  /** Root of the first n + 1 entries. */
  readonly #roots: Uint8Array[] = []
  /** Small files, replaced as a whole: head, pause, the repository's id. */
  readonly files = new Map<string, string>()
  /** Work trees, by name: what a dead process leaves for the next to remove. */
  readonly folders = new Set<string>()
  full = false
  /** Written and not yet synced, oldest first. */
  #underWay: { readonly land: () => void }[] = []

  constructor(logKey: Uint8Array) { this.logKey = logKey }

  /** Resolves when it would survive a power loss; never when the process dies before. */
  write(process: SimProcess, delayMs: number, land: () => void): Promise<void> {
    if (this.full) return Promise.reject(new ChorusError('IO_FAILED', 'ENOSPC: no space left on device'))
    const pending = { land }
    this.#underWay.push(pending)
    return process.answer(delayMs, () => {
      const at = this.#underWay.indexOf(pending)
      // After a crash the fate of it is sealed already.
      if (at < 0) return
      // The disk writes in order: what was asked for before is there too.
      for (const { land: landNow } of this.#underWay.splice(0, at + 1)) landNow()
    })
  }

  /** Power loss or SIGKILL: of what was not synced a part, from the front, is there. */
  crash(chance: Chance): void {
    const kept = chance.integer(this.#underWay.length + 1)
    for (const { land } of this.#underWay.slice(0, kept)) land()
    this.#underWay = []
  }

  append(entry: Uint8Array): void {
    this.entries.push(entry)
    const before = this.#roots.at(-1)
    const hash = createHash('sha256')
    if (before !== undefined) hash.update(before)
    this.#roots.push(new Uint8Array(hash.update(entry).digest()))
  }

  root(length: number): Uint8Array { return this.#roots[length - 1] ?? new Uint8Array(32) }
}

/** The log of a machine, as one process has it open. */
export class SimLogStore implements LogStore {
  readonly #disk: SimDisk
  readonly #process: SimProcess
  readonly #chance: Chance
  readonly #profile: DiskProfile
  readonly #landed: (index: number, entry: Uint8Array) => void
  readonly #onWay: (underWay: number) => void
  #expected: number
  #underWay = 0
  #written: Promise<void> = Promise.resolve()

  constructor(parts: {
    readonly disk: SimDisk; readonly process: SimProcess; readonly chance: Chance; readonly profile: DiskProfile
    readonly landed: (index: number, entry: Uint8Array) => void
    /** Told with each entry how many are not durable yet. */
    readonly onWay: (underWay: number) => void
  }) {
    this.#onWay = parts.onWay
    this.#disk = parts.disk
    this.#process = parts.process
    this.#chance = parts.chance
    this.#profile = parts.profile
    this.#landed = parts.landed
    this.#expected = parts.disk.entries.length
  }

  get key(): Uint8Array { return this.#disk.logKey }
  get length(): number { return this.#disk.entries.length }

  async append(entry: Uint8Array): Promise<number> {
    const index = this.#expected
    if (this.#disk.full) throw new ChorusError('LOG_UNAVAILABLE', 'the log could not be written: no space left on device')
    this.#expected += 1
    this.#underWay += 1
    this.#onWay(this.#underWay)
    const written = this.#disk.write(this.#process, this.#chance.delayMs(this.#profile.latency), () => {
      this.#disk.append(entry)
      this.#landed(index, entry)
    })
    // A store answers in the order of the calls: who appends counts on it.
    this.#written = Promise.all([this.#written, written]).then(() => undefined)
    await this.#written
    this.#underWay -= 1
    return index
  }

  read(index: number): Promise<Uint8Array> {
    const entry = this.#disk.entries[index]
    return entry === undefined ? Promise.reject(new ChorusError('INPUT_INVALID', `there is no entry ${index}`)) : Promise.resolve(entry)
  }

  treeHash(length: number = this.length): Promise<Uint8Array> { return Promise.resolve(this.#disk.root(length)) }
  close(): Promise<void> { return Promise.resolve() }
}

/** A small file that is replaced as a whole. */
export const simFile = (disk: SimDisk, process: SimProcess, options: { readonly name: string; readonly delayMs: () => number }): HeadFile => ({
  read: () => Promise.resolve(disk.files.get(options.name)),
  write: (text) => disk.write(process, options.delayMs(), () => { disk.files.set(options.name, text) }),
})
