/**
 * Virtual time: a heap of things to do, ordered by time, then by the order in which they were planned. Between two of
 * them everything that the first set in motion (microtasks) settles, so that the same plan gives the same run.
 */
export class Scheduler {
  #nowMs = 0
  #sequence = 0
  #steps = 0
  #dropped = 0
  #heap: Plan[] = []

  get nowMs(): number { return this.#nowMs }
  /** Things done so far. */
  get steps(): number { return this.#steps }
  /** Things that wait. */
  get waiting(): number { return this.#heap.length - this.#dropped }

  /** Returns what takes it back; harmless afterwards. */
  after(delayMs: number, act: () => void): () => void {
    const plan: Plan = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, act }
    this.#push(plan)
    return () => {
      if (plan.act === undefined) return
      plan.act = undefined
      this.#dropped += 1
      if (this.#dropped > 1_000 && this.#dropped * 2 > this.#heap.length) this.#compact()
    }
  }

  /** Runs until `untilMs` (then it is that late) or until `done` says so. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    await settled()
    while (!done()) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) { this.#nowMs = Math.max(this.#nowMs, untilMs); return }
      this.#pop()
      const { act } = next
      if (act === undefined) { this.#dropped -= 1; continue }
      next.act = undefined
      this.#nowMs = next.atMs
      this.#steps += 1
      act()
      await settled(this.#steps)
    }
  }

  #compact(): void {
    const kept = this.#heap.filter((plan) => plan.act !== undefined).sort((a, b) => before(a, b) ? -1 : 1)
    this.#heap = kept
    this.#dropped = 0
  }

  #push(plan: Plan): void {
    const heap = this.#heap
    let at = heap.push(plan) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Plan
      if (!before(plan, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = plan
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Plan
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Plan, heap[child] as Plan)) child += 1
      if (!before(heap[child] as Plan, last)) break
      heap[at] = heap[child] as Plan
      at = child
    }
    heap[at] = last
  }
}

interface Plan {
  readonly atMs: number
  readonly sequence: number
  /** Undefined once done or taken back. */
  act: (() => void) | undefined
}

const before = (a: Plan, b: Plan): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)

/**
 * All microtasks that are queued, and those that they queue, have run when the next tick comes. Now and then the event loop
 * has its turn, so that the process hears signals and messages; nothing in a world waits for it.
 */
const settled = (steps = 0): Promise<void> => new Promise((resolve) => {
  if (steps % LOOP_STEPS === 0) setImmediate(resolve)
  else process.nextTick(resolve)
})

const LOOP_STEPS = 1_000
