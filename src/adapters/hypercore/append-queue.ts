import { ChorusError, messageOf } from '../../core/mod.ts'

export const ENTRY_BYTES_MAX = 1024 * 1024
const WAITING_MAX = 1024
const GROUP_BYTES_MAX = 4 * 1024 * 1024

/** Writes a group durably, in order; resolves with the index of its first entry. */
export type WriteGroup = (entries: readonly Uint8Array[]) => Promise<number>

/**
 * Group commit: entries that come while the disk is busy are written together afterwards, and each caller hears when its
 * own is safe. After a failed write every entry is refused: what the disk holds is unknown until it is read again.
 */
export class AppendQueue {
  readonly #write: WriteGroup
  readonly #waiting: Waiting[] = []
  #pump: Promise<void> | undefined
  #failure: ChorusError | undefined

  constructor(write: WriteGroup) {
    this.#write = write
  }

  get failed(): boolean { return this.#failure !== undefined }

  append(entry: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (entry.byteLength < 1 || entry.byteLength > ENTRY_BYTES_MAX) {
      return Promise.reject(new ChorusError('LIMIT_EXCEEDED', `a log entry has 1 to ${ENTRY_BYTES_MAX} bytes, got ${entry.byteLength}`))
    }
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(new ChorusError('LIMIT_EXCEEDED', `at most ${WAITING_MAX} entries may wait for the log's disk`))
    }
    // The caller owns its bytes and may reuse them after the call.
    const copy = Uint8Array.from(entry)
    const acknowledged = new Promise<number>((resolve, reject) => { this.#waiting.push({ entry: copy, resolve, reject }) })
    this.#pump ??= this.#drain()
    return acknowledged
  }

  /** Resolves when nothing waits; never rejects. */
  async idle(): Promise<void> { await this.#pump }

  async #drain(): Promise<void> {
    // Waits one turn, so that callers of the same moment share one fsync.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting)
      try {
        const first = await this.#write(group.map((waiting) => waiting.entry))
        group.forEach((waiting, position) => { waiting.resolve(first + position) })
      } catch (error) {
        const message = `the log could not be written: ${messageOf(error)}; restart the node when the disk is well`
        this.#failure = new ChorusError('LOG_UNAVAILABLE', message, { cause: error })
        for (const waiting of [...group, ...this.#waiting.splice(0)]) waiting.reject(this.#failure)
      }
    }
    // In the same turn as the last look at the queue: an entry that comes later must start a new pump.
    this.#pump = undefined
  }
}

interface Waiting {
  readonly entry: Uint8Array
  readonly resolve: (index: number) => void
  readonly reject: (error: ChorusError) => void
}

const takeGroup = (waiting: Waiting[]): Waiting[] => {
  let bytes = 0
  let count = 0
  for (const { entry } of waiting) {
    bytes += entry.byteLength
    if (count > 0 && bytes > GROUP_BYTES_MAX) break
    count += 1
  }
  return waiting.splice(0, count)
}
