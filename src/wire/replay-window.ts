/** What the window says of an id: first time, seen before, or no room to remember it (then it must not be let in). */
export type ReplayAnswer = 'fresh' | 'replayed' | 'full'

/**
 * Remembers ids until they could not be let in any more anyway, because they are expired. When full it refuses what
 * is new instead of forgetting what is old: forgetting would open the door to a replay.
 */
export class ReplayWindow {
  readonly #authors = new Map<string, Remembered>()
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
    return this.#authors.get(author)?.ids.has(id) ?? false
  }

  /** Remembers the id until `untilMs`, on the clock that `nowMs` is read from. */
  admit(author: string, id: string, times: { readonly untilMs: number; readonly nowMs: number }): ReplayAnswer {
    const known = this.#authors.get(author)
    if (known?.ids.has(id) === true) return 'replayed'
    // Now and then, so that a member that speaks for days does not fill the window with what is long expired.
    if (known !== undefined && known.ids.size >= known.sweepAt) this.#sweepOne(known, times.nowMs)
    if (this.#full(known)) this.#sweep(times.nowMs)
    const remembered = this.#authors.get(author)
    if (this.#full(remembered)) return 'full'
    if (remembered === undefined) this.#authors.set(author, { ids: new Map([[id, times.untilMs]]), sweepAt: SWEEP_AT_LEAST })
    else remembered.ids.set(id, times.untilMs)
    this.#size += 1
    return 'fresh'
  }

  #full(remembered: Remembered | undefined): boolean {
    if (this.#size >= this.#idsMax) return true
    return remembered === undefined ? this.#authors.size >= this.#authorsMax : remembered.ids.size >= this.#idsPerAuthorMax
  }

  #sweep(nowMs: number): void {
    // A flood that keeps the window full must not make every message cost a walk through it.
    if (nowMs - this.#sweptAtMs < SWEEP_INTERVAL_MS) return
    this.#sweptAtMs = nowMs
    for (const [author, remembered] of this.#authors) {
      this.#sweepOne(remembered, nowMs)
      if (remembered.ids.size === 0) this.#authors.delete(author)
    }
  }

  #sweepOne(remembered: Remembered, nowMs: number): void {
    const { ids } = remembered
    for (const [id, untilMs] of ids) {
      if (untilMs > nowMs) continue
      ids.delete(id)
      this.#size -= 1
    }
    remembered.sweepAt = Math.max(SWEEP_AT_LEAST, ids.size * 2)
  }
}

interface Remembered {
  /** Until when each counts. */
  readonly ids: Map<string, number>
  /** With so many it is worth a look which are expired: twice what was left by the last look. */
  sweepAt: number
}

const SWEEP_INTERVAL_MS = 1_000
const SWEEP_AT_LEAST = 8
