import type { Clock } from '../ports/mod.ts'

/**
 * Time that stands still until a test moves it. Callbacks run in the order of their time (then of their arming), and
 * after each one everything that it set in motion (microtasks) settles before the next.
 */
export class ManualClock implements Clock {
  #nowMs: number
  readonly #wallOffsetMs: number
  #armed: Armed[] = []
  #sequence = 0

  constructor(options: { readonly monotonicMs?: number; readonly wallMs?: number } = {}) {
    this.#nowMs = options.monotonicMs ?? 1_000_000
    this.#wallOffsetMs = (options.wallMs ?? 1_700_000_000_000) - this.#nowMs
  }

  /** How many callbacks wait: for tests that a stop leaves none. */
  get armed(): number { return this.#armed.length }

  monotonicMs(): number { return this.#nowMs }
  wallMs(): number { return this.#nowMs + this.#wallOffsetMs }

  arm(delayMs: number, callback: () => void): () => void {
    const armed: Armed = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, callback }
    this.#armed.push(armed)
    return () => { this.#armed = this.#armed.filter((other) => other !== armed) }
  }

  delay(delayMs: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const abort = (): void => { disarm(); reject(signal?.reason as Error) }
      const disarm = this.arm(delayMs, () => { signal?.removeEventListener('abort', abort); resolve() })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Lets time pass: runs what falls due on the way, each at its own time. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let due = this.#next(untilMs); due !== undefined; due = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.callback()
      await settle()
    }
    this.#nowMs = untilMs
  }

  /** As a machine that sleeps: the time is gone at once, and what fell due meanwhile runs late, now. */
  async jump(ms: number): Promise<void> {
    this.#nowMs += ms
    await this.advance(0)
  }

  /** Advances in steps until the promise settles; throws when it has not after `withinMs` of this clock. */
  async drive<T>(promise: Promise<T>, options: { readonly stepMs?: number; readonly withinMs?: number } = {}): Promise<T> {
    let settled = false
    // Handled here only to see that it ended: the caller gets the promise itself, and with it the rejection.
    void promise.then(() => { settled = true }, () => { settled = true })
    const { stepMs = 50, withinMs = 600_000 } = options
    await settle()
    for (let passedMs = 0; !settled; passedMs += stepMs) {
      if (passedMs > withinMs) throw new Error(`not settled after ${withinMs} ms of the manual clock`)
      await this.advance(stepMs)
      await settle()
    }
    return promise
  }

  #next(untilMs: number): Armed | undefined {
    let first: Armed | undefined
    for (const armed of this.#armed) {
      if (armed.atMs > untilMs) continue
      if (first === undefined || armed.atMs < first.atMs || (armed.atMs === first.atMs && armed.sequence < first.sequence)) first = armed
    }
    if (first !== undefined) this.#armed = this.#armed.filter((other) => other !== first)
    return first
  }
}

interface Armed {
  readonly atMs: number
  readonly sequence: number
  readonly callback: () => void
}

/** A turn of the event loop: all microtasks that are queued, and those that they queue, have run after it. */
const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
