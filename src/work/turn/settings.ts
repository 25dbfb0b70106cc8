import { LENGTH_MS_MAX, LENGTH_MS_MIN } from './record.ts'

/** Milliseconds (docs/protocol.md §3.7). */
export interface TurnTimes {
  /** Of a turn without a beat: what a holder that died costs. */
  readonly lengthMs: number
  readonly beatMs: number
  /** The longest pause between two looks; who has waited long makes shorter ones. */
  readonly lookMs: number
  /** Then it is tried without a turn. */
  readonly waitMsMax: number
  /** A remote that refuses the ref is not asked again for so long. */
  readonly refusedMs: number
}

/** A quarter of a lease: a remote of one's own is asked often, a hosted one seldom, as with claims. */
export const turnTimes = (leaseMs: number): TurnTimes => {
  const lengthMs = Math.max(LENGTH_MS_MIN, Math.min(Math.floor(leaseMs / 4), LENGTH_MS_MAX))
  return { lengthMs, beatMs: Math.floor(lengthMs / 3), lookMs: Math.floor(lengthMs / 5), waitMsMax: 60 * 60_000, refusedMs: 10 * 60_000 }
}
