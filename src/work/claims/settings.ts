import { assert } from '../../core/mod.ts'

/** Times of the protocol (docs/protocol.md §3.5). Milliseconds. */
export interface ClaimSettings {
  /** How long a claim lives without a renewal, on each observer's own clock. */
  readonly leaseMs: number
  readonly renewMs: number
  /** Failed attempts after which a task goes to people. */
  readonly attemptsMax: number
  /** Wait after the first, second, … failed attempt; the last value serves for all that follow. */
  readonly retryAfterMs: readonly number[]
  /** Before a push that was not accepted is tried again: this much per try so far, and up to as much again by chance. */
  readonly pushAgainMs: number
  /** Who saw a ref absent this long ago may still create it; a ref is deleted only when it has stood for several times as long. */
  readonly freshMs: number
}

/** For remotes of one's own; hosted forges want 15 and 5 minutes. */
export const CLAIM_SETTINGS: ClaimSettings = {
  leaseMs: 90_000,
  renewMs: 30_000,
  attemptsMax: 3,
  retryAfterMs: [60_000, 300_000, 1_500_000],
  pushAgainMs: 200,
  freshMs: 60_000,
}

/** What follows from the settings. */
export interface ClaimTimes extends ClaimSettings {
  /** A holder without a renewal for this long stops its own work: two thirds of the lease. */
  readonly fenceMs: number
  /** How often the holder looks at its leases. */
  readonly tickMs: number
  /** The same while it holds none. */
  readonly idleTickMs: number
  /** A failed renewal is tried again after this long. */
  readonly againMs: number
  /** Ticks further apart than this: the machine slept. */
  readonly jumpMs: number
  /** A tip is deleted only when this node has seen it unchanged for so long: whoever may still create the ref has seen it, too. */
  readonly watchMs: number
}

export const claimTimes = (settings: Partial<ClaimSettings> = {}): ClaimTimes => {
  const chosen = { ...CLAIM_SETTINGS, ...settings }
  const { leaseMs, renewMs } = chosen
  assert(renewMs > 0 && renewMs * 2 <= leaseMs, `a lease is renewed at least twice in its length: leaseMs ${leaseMs}, renewMs ${renewMs}`)
  assert(chosen.attemptsMax >= 1 && chosen.retryAfterMs.length >= 1, 'at least one attempt and one wait')
  return {
    ...chosen,
    fenceMs: Math.floor(leaseMs * 2 / 3),
    tickMs: Math.max(20, Math.floor(leaseMs / 45)),
    idleTickMs: Math.max(20, Math.floor(renewMs / 3)),
    againMs: Math.max(20, Math.floor(renewMs / 3)),
    jumpMs: Math.max(100, Math.floor(renewMs / 2)),
    watchMs: 3 * chosen.freshMs,
  }
}
