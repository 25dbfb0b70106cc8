import { ChorusError, messageOf } from '../core/mod.ts'
import type { Clock, Logger } from '../ports/mod.ts'
import type { VerifiedOutcome } from './needs.ts'
import { within } from './patience.ts'

/** An attempt that was stopped has this long to end its programs. */
const STOP_MS_MAX = 60_000

/** Where one task's attempts are made: one at a time, what it made last is kept, and nothing is left of it in the end. */
export class Workshop {
  readonly #clock: Clock
  readonly #logger: Logger
  #attempt: AbortController | undefined
  #ended: Promise<void> = Promise.resolve()
  #verified: VerifiedOutcome | undefined

  constructor(parts: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = parts.clock
    this.#logger = parts.logger
  }

  get verified(): VerifiedOutcome | undefined { return this.#verified }

  /** Its work trees are the workshop's from now on. */
  keep(verified: VerifiedOutcome): void { this.#verified = verified }

  /** After the attempt before it; not at all when `wanted` says so by then. */
  async run(work: (signal: AbortSignal) => Promise<void>, wanted: () => boolean): Promise<void> {
    await this.#ended
    if (!wanted()) return
    const attempt = new AbortController()
    const ended = Promise.withResolvers<undefined>()
    this.#attempt = attempt
    this.#ended = ended.promise
    try {
      await work(attempt.signal)
    } finally {
      ended.resolve(undefined)
    }
  }

  stop(): void { this.#attempt?.abort(new Error('the attempt was stopped')) }

  /** Resolves when no program runs. A broken attempt that does not end is told, and is waited for no longer. */
  async idle(): Promise<void> {
    const late = (): Error => new ChorusError('INTERNAL', `it was stopped, and did not end within ${STOP_MS_MAX / 1_000} s`)
    await within(this.#ended, { clock: this.#clock, ms: STOP_MS_MAX, late }).catch((thrown: unknown) => {
      this.#ended = Promise.resolve()
      this.#logger.error('an attempt does not end', { error: messageOf(thrown) })
    })
  }

  async clear(): Promise<void> {
    const verified = this.#verified
    this.#verified = undefined
    try {
      await verified?.dispose()
    } catch (thrown) {
      // What is left of the work trees is reaped at the next start.
      this.#logger.warn('a work tree could not be removed', { error: messageOf(thrown) })
    }
  }
}
