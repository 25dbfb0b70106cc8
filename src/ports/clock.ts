/** Time. Production code never asks the system itself, so that the simulator can lend it another time. */
export interface Clock {
  /** Milliseconds that only rise, time in suspend included (CLOCK_BOOTTIME). Comparable within this process only. */
  monotonicMs(): number
  /** Milliseconds since 1970-01-01T00:00:00Z by the wall clock. For display and records, never for safety. */
  wallMs(): number
  /** Calls back once after at least `delayMs`. Returns what takes it back; calling that twice is harmless. */
  arm(delayMs: number, callback: () => void): () => void
  /** Resolves after at least `delayMs`; rejects with the signal's reason when aborted first. */
  delay(delayMs: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}
