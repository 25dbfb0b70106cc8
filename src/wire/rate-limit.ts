import { assert } from '../core/mod.ts'

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * A token bucket per key: `burst` at once, `perSecond` in the long run. Keys over `keysMax` push out the one that was
 * quiet longest, which at worst gives that one a full bucket again.
 */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  readonly #keysMax: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: { readonly perSecond: number; readonly burst: number; readonly keysMax: number }) {
    assert(options.perSecond > 0 && options.burst >= 1, 'a rate limit lets something through')
    assert(Number.isSafeInteger(options.keysMax) && options.keysMax > 0, 'keysMax is a positive whole number')
    this.#perMs = options.perSecond / 1_000
    this.#burst = options.burst
    this.#keysMax = options.keysMax
  }

  /** True when the key had a token, which is then gone. `nowMs` is monotonic. */
  take(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? this.#newBucket(key, nowMs)
    bucket.tokens = Math.min(this.#burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * this.#perMs)
    bucket.atMs = nowMs
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  #newBucket(key: string, nowMs: number): Bucket {
    if (this.#buckets.size >= this.#keysMax) this.#buckets.delete(this.#quietest())
    const bucket = { tokens: this.#burst, atMs: nowMs }
    this.#buckets.set(key, bucket)
    return bucket
  }

  /** A walk through all of them: only a new key in a full house pays for it, and messages of known ones stay cheap. */
  #quietest(): string {
    let quietest = ''
    let atMs = Infinity
    for (const [key, bucket] of this.#buckets) if (bucket.atMs < atMs) { quietest = key; atMs = bucket.atMs }
    return quietest
  }
}
