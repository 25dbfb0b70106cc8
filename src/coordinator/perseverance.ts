import { ChorusError } from '../core/mod.ts'
import type { Clock, Logger } from '../ports/mod.ts'

/** How long one task waits for what does not answer: as long as it may, not at all once the node stops, never after its end. */
export class Perseverance {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #waitMsMax: number
  readonly #hurry = new AbortController()
  readonly #over = new AbortController()

  constructor(parts: { readonly clock: Clock; readonly logger: Logger; readonly waitMsMax: number }) {
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.#waitMsMax = parts.waitMsMax
  }

  /** Fires when the task has ended. */
  get over(): AbortSignal { return this.#over.signal }

  /** From now on each thing is tried once more at most. */
  hurry(): void { this.#hurry.abort(new Error('the node is stopping')) }

  end(): void {
    this.#over.abort(new Error('the task ended'))
    this.hurry()
  }

  /** Tried again, with growing pauses, while the failure is one that passes and `wanted` says that the answer is of use. */
  async untilAnswered<T>(work: () => Promise<T>, wanted: () => boolean): Promise<T> {
    const untilMs = this.#clock.monotonicMs() + this.#waitMsMax
    for (let delayMs = 1_000; ; delayMs = Math.min(delayMs * 2, 15_000)) {
      try {
        return await work()
      } catch (thrown) {
        const hopeless = !(thrown instanceof ChorusError) || !thrown.retryable || this.#clock.monotonicMs() >= untilMs
        if (hopeless || this.#hurry.signal.aborted) throw thrown
        this.#logger.warn('waiting for the repository', { code: thrown.code, delayMs })
        await this.pause(delayMs)
        if (!wanted()) throw thrown
      }
    }
  }

  /** Ends early when the node stops or the task has ended. */
  async pause(ms: number): Promise<void> {
    await this.#clock.delay(ms, { signal: this.#hurry.signal }).catch(() => {
      // Only the signal rejects it; the callers look at the state.
    })
  }
}
