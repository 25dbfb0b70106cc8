import type { NodeId, Oid, RefName, SessionId, TaskKey } from '../../core/mod.ts'
import type { Taken } from './events.ts'
import type { ClaimRecord, ClaimState } from './record.ts'
import type { ClaimTimes } from './settings.ts'

/** One task's claim as this node knows it: the state of the lease machine. Plain data, never changed in place. */
export interface Lease {
  readonly key: TaskKey
  readonly ref: RefName
  readonly self: Self
  readonly times: ClaimTimes
  readonly seen: Seen
  /** The claim is this session's, and `seen` is its tip. */
  readonly holding: Holding | undefined
  /** Pushed by this session, outcome not known. At most one. */
  readonly pending: Pending | undefined
}

export interface Self {
  readonly node: NodeId
  readonly session: SessionId
}

/** What the ref was at the last read. Times on this process's monotonic clock. */
export type Seen =
  | { readonly kind: 'unread' }
  | { readonly kind: 'absent' }
  | SeenTip
  | { readonly kind: 'quarantined'; readonly oid: Oid; readonly reason: string; readonly passing: boolean; readonly valid: SeenTip | undefined; readonly sinceMs: number }

export interface SeenTip {
  readonly kind: 'tip'
  readonly oid: Oid
  readonly record: ClaimRecord
  /** Since when exactly this oid is seen: expiry and back-off count from here. */
  readonly sinceMs: number
  readonly epochSinceMs: number
}

export interface Holding {
  /** When the push of the last confirmed record left: never later than any observer saw it. */
  readonly confirmedMs: number
  /** `fenced`: I stopped by myself. `late`: landed after I had given it up. */
  readonly standing: 'good' | 'fenced' | 'late'
  /** After a jump of the clock: no self-fence before this time, a renewal comes first. */
  readonly graceUntilMs: number
}

export interface Pending {
  readonly oid: Oid
  readonly record: ClaimRecord
  /** When it was first sent. */
  readonly sentMs: number
  readonly taken: Taken | undefined
}

/** Of another member's point of view: how many of the others (neither I nor the holder) cannot reach the holder. */
export interface Witnesses {
  readonly witnesses: number
  readonly others: number
}

export const newLease = (key: TaskKey, ref: RefName, options: { readonly self: Self; readonly times: ClaimTimes }): Lease =>
  ({ key, ref, self: options.self, times: options.times, seen: { kind: 'unread' }, holding: undefined, pending: undefined })

/** States that are kept alive by renewals. */
export const isLeased = (state: ClaimState): boolean => state === 'held' || state === 'delivered'

/** A renewal changes nothing but the time: no intent is logged for it, since a restart resumes no claim. */
export const isRenewal = (lease: Lease, record: Pick<ClaimRecord, 'state' | 'epoch'>): boolean =>
  lease.seen.kind === 'tip' && isLeased(record.state) && lease.seen.record.state === record.state && lease.seen.record.epoch === record.epoch

export const validTip = (lease: Lease): SeenTip | undefined =>
  lease.seen.kind === 'tip' ? lease.seen : lease.seen.kind === 'quarantined' ? lease.seen.valid : undefined
