import { sha256 } from '../core/mod.ts'
import type { Entropy } from '../ports/mod.ts'

/**
 * Chance that a seed repeats, forked by name: sfc32 (Chris Doty-Humphrey, PractRand), keyed by SHA-256 of the path of
 * names. Fast enough to be asked for every message. Not for secrets.
 */
export class Chance implements Entropy {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(path: string) {
    this.#path = path
    const digest = sha256(path)
    this.#a = Number.parseInt(digest.slice(0, 8), 16) | 0
    this.#b = Number.parseInt(digest.slice(8, 16), 16) | 0
    this.#c = Number.parseInt(digest.slice(16, 24), 16) | 0
    for (let turn = 0; turn < 12; turn += 1) this.#next()
  }

  fork(name: string): Chance { return new Chance(`${this.#path}/${name}`) }

  fraction(): number { return this.#next() / 2 ** 32 }

  integer(below: number): number {
    if (!Number.isSafeInteger(below) || below < 1) throw new RangeError(`a whole number from 1 expected, got ${below}`)
    return Math.floor((this.#next() * 2 ** 21 + (this.#next() >>> 11)) / 2 ** 53 * below)
  }

  bytes(length: number): Uint8Array { return Uint8Array.from({ length }, () => this.#next() & 0xff) }

  uuid(): string {
    const bytes = Buffer.from(this.bytes(16))
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** True in this share (0 to 1) of all calls. */
  happens(share: number): boolean { return share > 0 && this.fraction() < share }

  between(low: number, high: number): number { return low + (high - low) * this.fraction() }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('one of nothing cannot be picked')
    return items[this.integer(items.length)] as T
  }

  /** Log-normal by its median and its 99th percentile: what delays of real systems look like. */
  delayMs({ p50, p99 }: Latency): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.fraction())) * Math.cos(2 * Math.PI * this.fraction())
    return p50 * Math.exp(normal * Math.log(p99 / p50) / 2.326)
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}
