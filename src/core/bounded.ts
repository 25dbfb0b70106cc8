import { assert } from './assert.ts'

/** A map that forgets its oldest entry when full: for caches and windows where forgetting is safe. */
export class BoundedMap<K, V> {
  readonly entriesMax: number
  readonly #entries = new Map<K, V>()

  constructor(entriesMax: number) {
    assert(Number.isSafeInteger(entriesMax) && entriesMax > 0, 'entriesMax is a positive whole number')
    this.entriesMax = entriesMax
  }

  get size(): number { return this.#entries.size }
  get(key: K): V | undefined { return this.#entries.get(key) }
  has(key: K): boolean { return this.#entries.has(key) }
  delete(key: K): boolean { return this.#entries.delete(key) }
  clear(): void { this.#entries.clear() }
  values(): IterableIterator<V> { return this.#entries.values() }
  entries(): IterableIterator<[K, V]> { return this.#entries.entries() }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.entriesMax) return
    const oldest = this.#entries.keys().next()
    if (oldest.done !== true) this.#entries.delete(oldest.value)
  }
}

/** The first `bytesMax` bytes of a text (UTF-8), with a mark that says how much was cut. */
export const truncate = (text: string, bytesMax: number): string => {
  const bytes = Buffer.byteLength(text)
  if (bytes <= bytesMax) return text
  const mark = `… [${bytes - bytesMax} bytes cut]`
  // Cutting a multi-byte character in two leaves U+FFFD at the end; drop it.
  return Buffer.from(text).subarray(0, bytesMax).toString('utf8').replace(/\uFFFD+$/u, '') + mark
}
