import type { Clock } from '../ports/mod.ts'

export interface Patience {
  readonly clock: Clock
  readonly ms: number
  readonly signal?: AbortSignal | undefined
  /** What to reject with when it took too long. */
  readonly late: () => Error
}

/**
 * What the work comes to, unless `ms` pass or the signal fires first: then a rejection, and the work goes on unwatched
 * (its own later failure is nobody's any more). Leaves no timer and no listener.
 */
export const within = <T>(work: Promise<T>, { clock, ms, signal, late }: Patience): Promise<T> => new Promise((resolve, reject) => {
  const aborted = (): void => { settle(() => { reject(signal?.reason as Error) }) }
  const disarm = clock.arm(ms, () => { settle(() => { reject(late()) }) })
  const settle = (act: () => void): void => {
    disarm()
    signal?.removeEventListener('abort', aborted)
    act()
  }
  signal?.addEventListener('abort', aborted, { once: true })
  work.then((value) => { settle(() => { resolve(value) }) }, (thrown: unknown) => { settle(() => { reject(thrown as Error) }) })
  if (signal?.aborted === true) aborted()
})
