/** What the coordinator waits for, and how long. Milliseconds. */
export interface CoordinatorTimes {
  /** Nodes that do not poll a repository list its tasks themselves when they were not told to for this long. */
  readonly silenceMs: number
  /** Others' hints start at most one look in this time. */
  readonly hintGapMs: number
  /** A round goes on without a repository that takes longer; what comes later is taken in when it comes. After three times as long it is asked anew. */
  readonly lookMsMax: number
  /** For how long a task is left to others: another was faster, or the remote refused. The refs will say more soon. */
  readonly notClaimed: Backoff
  /** The same for a task that this node held and gave back, or lost. */
  readonly givenBack: Backoff
  /** A repository or provider that does not answer for longer costs the work: the claim is given back. */
  readonly waitMsMax: number
  /** Wait after the first, second, … time that the provider did not take a delivery; the last value serves for all that follow. */
  readonly providerBackoffMs: readonly number[]
  readonly pruneEveryMs: number
  /** Claims of closed tasks that ended longer ago than this are pruned. */
  readonly prunedAfterMs: number
}

/** Twice as long each time in a row. */
export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
}

/** `silenceMs`: architecture, the way of a task; `prunedAfterMs`: the claim protocol. */
export const COORDINATOR_TIMES: CoordinatorTimes = {
  silenceMs: 600_000,
  hintGapMs: 1_000,
  lookMsMax: 20_000,
  notClaimed: { firstMs: 5_000, longestMs: 300_000 },
  givenBack: { firstMs: 30_000, longestMs: 1_800_000 },
  waitMsMax: 30 * 60_000,
  providerBackoffMs: [1_000, 5_000, 25_000, 60_000],
  pruneEveryMs: 6 * 3_600_000,
  prunedAfterMs: 30 * 24 * 3_600_000,
}
