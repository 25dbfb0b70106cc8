import { assert, BoundedMap } from '../core/mod.ts'

/**
 * A token bucket per key: `burst` at once, `perSecond` in the long run. Keys over `keysMax` push out the one that was
 * quiet longest, which at worst gives that one a full bucket again.
 */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  readonly #buckets: BoundedMap<string, { tokens: number; atMs: number }>

  constructor(options: { readonly perSecond: number; readonly burst: number; readonly keysMax: number }) {
    assert(options.perSecond > 0 && options.burst >= 1, 'a rate limit lets something through')
    this.#perMs = options.perSecond / 1_000
    this.#burst = options.burst
    this.#buckets = new BoundedMap(options.keysMax)
  }

  /** True when the key had a token, which is then gone. `nowMs` is monotonic. */
  take(key: string, nowMs: number): boolean {
    const before = this.#buckets.get(key) ?? { tokens: this.#burst, atMs: nowMs }
    const tokens = Math.min(this.#burst, before.tokens + Math.max(0, nowMs - before.atMs) * this.#perMs)
    const taken = tokens >= 1
    this.#buckets.set(key, { tokens: taken ? tokens - 1 : tokens, atMs: nowMs })
    return taken
  }
}
