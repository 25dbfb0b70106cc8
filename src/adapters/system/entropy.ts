import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { assert } from '../../core/mod.ts'
import type { Entropy } from '../../ports/mod.ts'

/** The operating system's chance. Every draw is independent, so a fork needs no state of its own. */
export class SystemEntropy implements Entropy {
  fork(_name: string): Entropy {
    return new SystemEntropy()
  }

  fraction(): number {
    // 48 bits: exact in a double, and never 1.
    return randomBytes(6).readUIntBE(0, 6) / 2 ** 48
  }

  integer(below: number): number {
    assert(Number.isSafeInteger(below) && below > 0, 'integer(below) draws from a positive whole number')
    return below <= 2 ** 48 - 1 ? randomInt(below) : Math.floor(this.fraction() * below)
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }

  uuid(): string {
    return randomUUID()
  }
}
