import { createHash } from 'node:crypto'

/** Draws that a seed repeats. Not for secrets. */
export class Chance {
  readonly #seed: string
  #drawn = 0

  constructor(seed: string) { this.#seed = seed }

  /** 0 ≤ x < 1. */
  fraction(): number {
    const hash = createHash('sha256').update(`${this.#seed}\n${this.#drawn++}`).digest()
    return hash.readUIntBE(0, 6) / 2 ** 48
  }

  between(least: number, most: number): number { return least + this.fraction() * (most - least) }

  /** Undefined only of nothing. */
  among<T>(choices: readonly T[]): T | undefined { return choices[Math.floor(this.fraction() * choices.length)] }

  /** One of the names, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][]
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [name, weight] of entries) {
      left -= weight
      if (left < 0) return name
    }
    return entries.findLast(([, weight]) => weight > 0)?.[0] ?? (entries[0]?.[0] as Name)
  }
}
