import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Clock } from '../../ports/mod.ts'

/** Where the clock reads: replaced in tests only. */
export interface ClockSources {
  /** Milliseconds that stand still while the machine sleeps (CLOCK_MONOTONIC). */
  awakeMs(): number
  /** Milliseconds since boot, sleep included; undefined where `awakeMs` already counts sleep. */
  bootMs(): number | undefined
  wallMs(): number
}

/**
 * The machine's own time. On Linux `performance.now()` stands still in suspend while the uptime goes on, so that a
 * growing distance between the two is sleep and is added; a lease held by a laptop whose lid was shut has run out.
 * Timers themselves stand still in suspend: they fire late, never early, and whoever wakes up asks `monotonicMs`.
 */
export class SystemClock implements Clock {
  readonly #sources: ClockSources
  #distanceMs: number | undefined
  #sleptMs = 0

  constructor(sources: ClockSources = systemSources) {
    this.#sources = sources
    this.#distanceMs = this.#distance(sources.awakeMs())
  }

  monotonicMs(): number {
    const awakeMs = this.#sources.awakeMs()
    const distanceMs = this.#distance(awakeMs)
    if (distanceMs !== undefined) {
      const grownMs = distanceMs - (this.#distanceMs ?? distanceMs)
      if (grownMs > JITTER_MS) this.#sleptMs += grownMs
      // A shrinking distance is an uptime that was set back (some containers do that): time that rises ignores it.
      if (grownMs > JITTER_MS || grownMs < -JITTER_MS || this.#distanceMs === undefined) this.#distanceMs = distanceMs
    }
    return awakeMs + this.#sleptMs
  }

  wallMs(): number {
    return this.#sources.wallMs()
  }

  arm(delayMs: number, callback: () => void): () => void {
    const dueMs = this.#sources.awakeMs() + Math.max(0, delayMs)
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      const leftMs = dueMs - this.#sources.awakeMs()
      // The event loop rounds: a timer may come back a fraction early, and longer ones than 24 days come back at once.
      if (leftMs > 0) timer = setTimeout(wait, Math.min(Math.ceil(leftMs), TIMER_MS_MAX))
      else callback()
    }
    timer = setTimeout(wait, Math.min(Math.max(0, Math.ceil(delayMs)), TIMER_MS_MAX))
    return () => clearTimeout(timer)
  }

  delay(delayMs: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error)
        return
      }
      const abort = (): void => {
        disarm()
        reject(signal?.reason as Error)
      }
      const disarm = this.arm(delayMs, () => {
        // A listener that outlives its wait is a leak: long-lived signals see thousands of waits.
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #distance(awakeMs: number): number | undefined {
    const bootMs = this.#sources.bootMs()
    return bootMs === undefined ? undefined : bootMs - awakeMs
  }
}

/** /proc/uptime has a resolution of 10 ms, and a busy machine may stop us between the two readings. */
const JITTER_MS = 1_000
const TIMER_MS_MAX = 2_147_483_647

const readBootMs = (): number | undefined => {
  try {
    const [seconds = ''] = readFileSync('/proc/uptime', 'latin1').split(' ')
    return Number(seconds) * 1_000
  } catch {
    // No procfs mounted: the C library's uptime is as good, if coarser.
    return uptime() * 1_000
  }
}

const systemSources: ClockSources = {
  awakeMs: () => performance.now(),
  // Elsewhere libuv's clock (mach_continuous_time on macOS) counts suspend already, and uptime follows the wall clock.
  bootMs: () => (process.platform === 'linux' ? readBootMs() : undefined),
  wallMs: () => Date.now(),
}
