import { createHash } from 'node:crypto'
import type { Entropy } from '../ports/mod.ts'

/** Chance that a seed repeats: the n-th block is SHA-256 of the name path and n. */
export class SeededEntropy implements Entropy {
  readonly #path: string
  #block = 0
  #pool = Buffer.alloc(0)

  constructor(seed: string | number) { this.#path = String(seed) }

  fork(name: string): Entropy { return new SeededEntropy(`${this.#path}/${JSON.stringify(name)}`) }

  fraction(): number {
    // 53 bits, as a double carries them.
    const bytes = Buffer.from(this.bytes(7))
    return (bytes.readUIntBE(1, 6) + (bytes.readUInt8(0) & 0x1f) * 2 ** 48) / 2 ** 53
  }

  integer(below: number): number {
    if (!Number.isSafeInteger(below) || below < 1) throw new RangeError(`a whole number from 1 expected, got ${below}`)
    return Math.floor(this.fraction() * below)
  }

  bytes(length: number): Uint8Array {
    while (this.#pool.byteLength < length) {
      this.#pool = Buffer.concat([this.#pool, createHash('sha256').update(`${this.#path}\n${this.#block++}`).digest()])
    }
    const taken = new Uint8Array(this.#pool.subarray(0, length))
    this.#pool = this.#pool.subarray(length)
    return taken
  }

  uuid(): string {
    const bytes = Buffer.from(this.bytes(16))
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
