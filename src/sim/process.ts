import type { Clock } from '../ports/mod.ts'
import type { Scheduler } from './scheduler.ts'

/** The clocks of one machine: they survive its processes, run too fast or too slow, and the wall clock can be set. */
export class MachineClock {
  readonly #scheduler: Scheduler
  /** Local milliseconds per true millisecond. */
  readonly rate: number
  #wallOffsetMs: number

  constructor(scheduler: Scheduler, options: { readonly rate: number; readonly wallMs: number }) {
    this.#scheduler = scheduler
    this.rate = options.rate
    this.#wallOffsetMs = options.wallMs
  }

  monotonicMs(): number { return this.#scheduler.nowMs * this.rate }
  wallMs(): number { return Math.floor(this.#wallOffsetMs + this.#scheduler.nowMs * this.rate) }
  /** Somebody, or NTP, sets the wall clock. */
  setWall(byMs: number): void { this.#wallOffsetMs += byMs }
}

/**
 * One life of a node's process. Whatever comes from outside enters through it: while the process is stopped (SIGSTOP,
 * suspend) it waits, in order; once the process is dead it never comes. Time goes on meanwhile.
 */
export class SimProcess implements Clock {
  readonly life: string
  readonly #scheduler: Scheduler
  readonly #machine: MachineClock
  #alive = true
  #paused = false
  #held: (() => void)[] = []
  #flushing = false
  #armed = 0
  /** Told of each timer that is armed: how many wait now. */
  onArmed: ((armed: number) => void) | undefined

  constructor(life: string, scheduler: Scheduler, machine: MachineClock) {
    this.life = life
    this.#scheduler = scheduler
    this.#machine = machine
  }

  get alive(): boolean { return this.#alive }
  get paused(): boolean { return this.#paused }
  get running(): boolean { return this.#alive && !this.#paused }
  /** Timers that wait: none after a stop. */
  get armed(): number { return this.#armed }
  /** What came while it was stopped. */
  get held(): number { return this.#held.length }

  monotonicMs(): number { return this.#machine.monotonicMs() }
  wallMs(): number { return this.#machine.wallMs() }

  arm(delayMs: number, callback: () => void): () => void {
    let open = true
    this.#armed += 1
    this.onArmed?.(this.#armed)
    const close = (): boolean => {
      const was = open
      open = false
      if (was) this.#armed -= 1
      return was
    }
    const disarm = this.#scheduler.after(Math.max(0, delayMs) / this.#machine.rate, () => {
      // Taken back while it waited for the process to go on: it does not come.
      this.enter(() => { if (close()) callback() })
    })
    return () => { if (close()) disarm() }
  }

  delay(delayMs: number, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const abort = (): void => { disarm(); reject(signal?.reason as Error) }
      const disarm = this.arm(delayMs, () => { signal?.removeEventListener('abort', abort); resolve() })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Runs it inside the process: now, when it goes on, or never. */
  enter(act: () => void): void {
    if (!this.#alive) return
    if (this.#paused || this.#held.length > 0) this.#held.push(act)
    else act()
  }

  /** What the outside answers `afterMs` from now. It works it out then, whether the process still lives or not. */
  answer<T>(afterMs: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#scheduler.after(afterMs, () => {
        let settle: () => void
        try {
          const value = work()
          settle = () => { resolve(value) }
        } catch (thrown) {
          settle = () => { reject(thrown as Error) }
        }
        this.enter(settle)
      })
    })
  }

  /** SIGKILL, power loss, panic: nothing of it runs again. */
  kill(): void {
    this.#alive = false
    this.#held = []
  }

  pause(): void { this.#paused = true }

  /** What waited comes one after another, each with what it sets in motion. */
  resume(): void {
    this.#paused = false
    if (!this.#flushing) this.#flush()
  }

  #flush(): void {
    this.#flushing = true
    this.#scheduler.after(0, () => {
      this.#flushing = false
      if (!this.running) return
      this.#held.shift()?.()
      if (this.#held.length > 0) this.#flush()
    })
  }
}
