import { createHash } from 'node:crypto'
import { ChorusError } from '../core/mod.ts'
import type { LogStore } from '../ports/mod.ts'

/** What survives a crash of a MemoryLogStore: pass it to the next one. */
export class MemoryLog {
  readonly key: Uint8Array
  readonly entries: Uint8Array[] = []

  constructor(key: Uint8Array = new Uint8Array(32).fill(7)) {
    this.key = key
  }
}

/** A log store without disk, for tests and the simulator. Its root is a hash chain, not Hypercore's Merkle tree. */
export class MemoryLogStore implements LogStore {
  readonly #log: MemoryLog
  #failure: ChorusError | undefined
  #closed = false

  constructor(log: MemoryLog = new MemoryLog()) {
    this.#log = log
  }

  get key(): Uint8Array { return this.#log.key }
  get length(): number { return this.#log.entries.length }

  /** The disk fails from now on. */
  fail(reason = 'disk full'): void {
    this.#failure = new ChorusError('LOG_UNAVAILABLE', `the log could not be written: ${reason}`)
  }

  append(entry: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(new ChorusError('LOG_UNAVAILABLE', 'the log is closed'))
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (entry.byteLength < 1 || entry.byteLength > 1024 * 1024) {
      return Promise.reject(new ChorusError('LIMIT_EXCEEDED', `a log entry has 1 to ${1024 * 1024} bytes, got ${entry.byteLength}`))
    }
    return Promise.resolve(this.#log.entries.push(Uint8Array.from(entry)) - 1)
  }

  read(index: number): Promise<Uint8Array> {
    const entry = this.#log.entries[index]
    if (entry === undefined) return Promise.reject(new ChorusError('INPUT_INVALID', `a log index from 0 to ${this.length - 1} expected, got ${index}`))
    return Promise.resolve(Uint8Array.from(entry))
  }

  treeHash(length: number = this.length): Promise<Uint8Array> {
    const hash = createHash('sha256')
    for (const entry of this.#log.entries.slice(0, length)) hash.update(createHash('sha256').update(entry).digest())
    return Promise.resolve(new Uint8Array(hash.digest()))
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }
}
