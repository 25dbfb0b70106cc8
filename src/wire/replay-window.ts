/** What the window says of an id: first time, seen before, or no room to remember it (then it must not be let in). */
export type ReplayAnswer = 'fresh' | 'replayed' | 'full'

/**
 * Remembers ids until they could not be let in any more anyway, because they are expired. When full it refuses what
 * is new instead of forgetting what is old: forgetting would open the door to a replay.
 */
export class ReplayWindow {
  readonly #authors = new Map<string, Map<string, number>>()
  readonly #idsMax: number
  readonly #idsPerAuthorMax: number
  readonly #authorsMax: number
  #size = 0
  #sweptAtMs = -Infinity

  constructor(options: { readonly idsMax: number; readonly idsPerAuthorMax: number; readonly authorsMax: number }) {
    this.#idsMax = options.idsMax
    this.#idsPerAuthorMax = options.idsPerAuthorMax
    this.#authorsMax = options.authorsMax
  }

  get size(): number { return this.#size }

  seen(author: string, id: string): boolean {
    return this.#authors.get(author)?.has(id) ?? false
  }

  /** Remembers the id until `untilMs`, on the clock that `nowMs` is read from. */
  admit(author: string, id: string, times: { readonly untilMs: number; readonly nowMs: number }): ReplayAnswer {
    const known = this.#authors.get(author)
    if (known?.has(id) === true) return 'replayed'
    if (this.#full(known)) this.#sweep(times.nowMs)
    const ids = this.#authors.get(author)
    if (this.#full(ids)) return 'full'
    if (ids === undefined) this.#authors.set(author, new Map([[id, times.untilMs]]))
    else ids.set(id, times.untilMs)
    this.#size += 1
    return 'fresh'
  }

  #full(ids: ReadonlyMap<string, number> | undefined): boolean {
    if (this.#size >= this.#idsMax) return true
    return ids === undefined ? this.#authors.size >= this.#authorsMax : ids.size >= this.#idsPerAuthorMax
  }

  #sweep(nowMs: number): void {
    // A flood that keeps the window full must not make every message cost a walk through it.
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return
    this.#sweptAtMs = nowMs
    for (const [author, ids] of this.#authors) {
      for (const [id, untilMs] of ids) {
        if (untilMs > nowMs) continue
        ids.delete(id)
        this.#size -= 1
      }
      if (ids.size === 0) this.#authors.delete(author)
    }
  }
}

const SWEEP_INTERVAL_MS = 1_000
