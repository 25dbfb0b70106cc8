import { ChorusError, messageOf } from '../core/mod.ts'
import type { Backoff } from '../coordinator/mod.ts'
import type { Clock, Task, TaskEvent, TaskListing, TaskProvider, TaskResult } from '../ports/mod.ts'

/** How long a provider whose listing failed is left alone: twice as long each time in a row. */
export const PROVIDER_PAUSE = { firstMs: 5_000, longestMs: 300_000 } as const

/**
 * Spares a provider that fails: after a failed listing it is left alone for 5 s, then 10 s, at most 5 min, and listings
 * meanwhile fail at once with the reason. Everything about a task that is being worked on goes through untouched.
 */
export class BackoffProvider implements TaskProvider {
  readonly name: string
  readonly repository: string
  readonly #inner: TaskProvider
  readonly #clock: Clock
  readonly #pause: Backoff
  #failures = 0
  #reason = ''
  #pausedUntilMs = 0

  constructor(inner: TaskProvider, clock: Clock, pause: Backoff = PROVIDER_PAUSE) {
    this.#pause = pause
    this.#inner = inner
    this.#clock = clock
    this.name = inner.name
    this.repository = inner.repository
  }

  async list(): Promise<TaskListing> {
    const leftMs = this.#pausedUntilMs - this.#clock.monotonicMs()
    if (this.#failures > 0 && leftMs > 0) {
      throw new ChorusError('PROVIDER_FAILED', `${this.repository}: not asked for another ${Math.ceil(leftMs / 1_000)} s after ${this.#failures} failures; the last: ${this.#reason}`)
    }
    try {
      const listing = await this.#inner.list()
      this.#failures = 0
      return listing
    } catch (error) {
      this.#failures += 1
      this.#reason = messageOf(error)
      this.#pausedUntilMs = this.#clock.monotonicMs() + Math.min(this.#pause.longestMs, this.#pause.firstMs * 2 ** Math.min(this.#failures - 1, 20))
      throw error
    }
  }

  get(number: string): Promise<Task | undefined> { return this.#inner.get(number) }
  report(task: Task, event: TaskEvent): Promise<void> { return this.#inner.report(task, event) }
  complete(task: Task, result: TaskResult): Promise<void> { return this.#inner.complete(task, result) }
}
