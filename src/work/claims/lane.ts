/** One move of a claim at a time. Waiters go in the order in which they came; their number is bounded by the callers. */
export class Lane {
  #last: Promise<void> = Promise.resolve()
  #inside = 0

  get busy(): boolean { return this.#inside > 0 }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = this.#enter()
    try {
      await leave.turn
      return await work()
    } finally {
      leave.done()
    }
  }

  /** Enters when nobody is inside; returns what leaves again. */
  tryEnter(): (() => void) | undefined { return this.busy ? undefined : this.#enter().done }

  /** Resolves when all who are inside or wait now have left. */
  idle(): Promise<void> { return this.#last }

  #enter(): { readonly turn: Promise<void>; readonly done: () => void } {
    const turn = this.#last
    const gate = Promise.withResolvers<void>()
    this.#last = gate.promise
    this.#inside += 1
    return { turn, done: () => { this.#inside -= 1; gate.resolve() } }
  }
}
