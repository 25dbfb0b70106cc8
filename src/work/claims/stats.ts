/** Counters since start, for metrics. */
export interface ClaimStats {
  /** Moves of single claims that were pushed, tries included. */
  pushes: number
  acquirePushes: number
  acquireWins: number
  /** Leases that were confirmed by a renewal. */
  renewals: number
  renewalPushes: number
  refused: number
  unclear: number
  quarantined: number
  superseded: number
  unrenewed: number
  refreshes: number
}

export const newStats = (): ClaimStats => ({
  pushes: 0, acquirePushes: 0, acquireWins: 0, renewals: 0, renewalPushes: 0, refused: 0, unclear: 0, quarantined: 0, superseded: 0, unrenewed: 0, refreshes: 0,
})
