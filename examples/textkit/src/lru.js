/** A map of bounded size that forgets what was not used for longest. */
export class LruCache {
  #entries = new Map()
  #limit

  constructor(limit) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`limit is a whole number from 1, got ${limit}`)
    this.#limit = limit
  }

  get size() {
    return this.#entries.size
  }

  /** The value, now the most recently used; undefined when it is not there. */
  get(key) {
    if (!this.#entries.has(key)) return undefined
    const value = this.#entries.get(key)
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key, value) {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#limit) this.#entries.delete(this.keys().pop())
  }

  /** The value under the key; made, and kept, when it is not there. */
  getOrMake(key, make) {
    if (!this.#entries.has(key)) this.set(key, make(key))
    return this.get(key)
  }

  /** Least recently used first. */
  keys() {
    return [...this.#entries.keys()]
  }
}
