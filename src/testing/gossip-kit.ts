import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes, sign } from '../core/mod.ts'
import type { Clock, Entropy, Logger, Signer } from '../ports/mod.ts'

/** Small parts for tests of what speaks over gossip: a key, a clock moved by hand, chance that repeats, a quiet logger. */

/** The same number gives the same key. */
export const keySeed = (number: number): Uint8Array => {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  return seed
}

export const testSigner = (number: number): Signer => {
  const key = privateKeyFromSeed(keySeed(number))
  return { node: nodeIdOfKey(publicKeyBytes(key)), sign: (data) => sign(key, data) }
}

/** Time that passes only by `advance`; timers fire in order of their time, and may arm others. */
export class HandClock implements Clock {
  #nowMs = 0
  readonly #wallStartMs: number
  #timers: { readonly atMs: number; readonly order: number; readonly callback: () => void }[] = []
  #order = 0

  constructor(wallStartMs = 1_800_000_000_000) {
    this.#wallStartMs = wallStartMs
  }

  monotonicMs(): number { return this.#nowMs }
  wallMs(): number { return this.#wallStartMs + this.#nowMs }

  arm(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, callback }
    this.#order += 1
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter((other) => other !== timer) }
  }

  delay(delayMs: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => { disarm(); reject(options.signal?.reason as Error) }
      const disarm = this.arm(delayMs, () => { options.signal?.removeEventListener('abort', abort); resolve() })
      if (options.signal?.aborted === true) abort()
      else options.signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Lets time pass, timer by timer; what a timer started may run to its next wait in between. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      await settle()
      const next = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#nowMs = next.atMs
      next.callback()
    }
    this.#nowMs = untilMs
    await settle()
  }

  get armed(): number { return this.#timers.length }
}

/** Runs everything that waits for nothing but its turn. */
export const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** Draws from a counter: different each time, the same in each run. */
export const countingEntropy = (name = ''): Entropy => {
  let drawn = 0
  const next = (): number => { drawn += 1; return drawn }
  return {
    fork: (part) => countingEntropy(`${name}/${part}`),
    fraction: () => (next() % 1_000) / 1_000,
    integer: (below) => next() % below,
    bytes: (length) => new Uint8Array(length).fill(next() % 256),
    uuid: () => `${hex(name)}-0000-4000-8000-${next().toString(16).padStart(12, '0')}`,
  }
}

const hex = (name: string): string => Buffer.from(name.padEnd(4, '.').slice(-4)).toString('hex')

export const quietLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => quietLogger }
