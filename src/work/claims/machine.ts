import type { Oid } from '../../core/mod.ts'
import type { ClaimEvent, Taken } from './events.ts'
import type { IntentOutcome } from './intents.ts'
import { isLeased, isRenewal, validTip } from './lease.ts'
import type { Holding, Lease, Pending, SeenTip } from './lease.ts'
import { planMove } from './move.ts'
import type { Move, RecordDraft } from './move.ts'
import type { ClaimRecord } from './record.ts'
import { isSameOwner } from './transition.ts'

/**
 * The lease of one task (docs/protocol.md §3.4, §3.5). It knows what the ref was when last read, whether this session
 * holds it, and what this session pushed without an answer. All times are of this process's monotonic clock, passed in.
 *
 * A claim is mine from the moment my record is known to be the tip or an ancestor of it, until another's record is
 * seen, or until I have not confirmed a renewal for two thirds of the lease: then I stop by myself, and whether another
 * has taken over is the ref's business.
 */
export type LeaseInput =
  /** The ref as read; `passed` are the oids from the tip down to what was known, the tip included. */
  | { readonly kind: 'read'; readonly tip: ReadTip | null; readonly awaited: boolean }
  | { readonly kind: 'junk'; readonly oid: Oid; readonly reason: string; readonly passing: boolean }
  | { readonly kind: 'want'; readonly move: Move }
  /** A record is about to be pushed. */
  | { readonly kind: 'sent'; readonly oid: Oid; readonly record: ClaimRecord; readonly taken: Taken | undefined }
  /** It is the tip now, or was. `sentMs`: when the push that is known to have done it left. */
  | { readonly kind: 'landed'; readonly oid: Oid; readonly sentMs: number }
  /** It is known never to land. */
  | { readonly kind: 'missed'; readonly oid: Oid }
  /** Whoever asked for the claim was told no: it is given back. */
  | { readonly kind: 'disowned' }
  | { readonly kind: 'tick'; readonly jumped: boolean }

export interface ReadTip {
  readonly oid: Oid
  readonly record: ClaimRecord
  readonly passed: readonly Oid[]
}

export type LeaseEffect =
  | { readonly kind: 'write'; readonly draft: RecordDraft; readonly taken: Taken | undefined }
  | { readonly kind: 'refuse'; readonly reason: string }
  /** Stop the work and all provider writes of this claim. */
  | { readonly kind: 'abort'; readonly reason: 'superseded' | 'unrenewed' }
  | { readonly kind: 'renew' }
  /** Give back what landed after it was given up. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'settle'; readonly oid: Oid; readonly outcome: IntentOutcome }
  | { readonly kind: 'emit'; readonly event: ClaimEvent }

export interface LeaseStep {
  readonly state: Lease
  readonly effects: readonly LeaseEffect[]
}

export const stepLease = (lease: Lease, input: LeaseInput, now: number): LeaseStep => {
  switch (input.kind) {
    case 'read': return stepRead(lease, input, now)
    case 'junk': return stepJunk(lease, input, now)
    case 'want': {
      const planned = planMove(lease, input.move, now)
      const effect: LeaseEffect = planned.ok ? { kind: 'write', draft: planned.value.draft, taken: planned.value.taken } : { kind: 'refuse', reason: planned.reason }
      return { state: lease, effects: [effect] }
    }
    case 'sent': return stepSent(lease, input, now)
    case 'landed': return lease.pending?.oid === input.oid ? landed(lease, { ...lease.pending, sentMs: input.sentMs }, { now, standing: 'good' }) : unchanged(lease)
    case 'missed': return lease.pending?.oid === input.oid ? dropPending(lease, 'did not happen') : unchanged(lease)
    case 'disowned': return lease.holding === undefined ? unchanged(lease) : { state: { ...lease, holding: { ...lease.holding, standing: 'late' } }, effects: [{ kind: 'yield' }] }
    case 'tick': return stepTick(lease, input.jumped, now)
  }
}

const unchanged = (lease: Lease): LeaseStep => ({ state: lease, effects: [] })

/** The one before it may still land, or this one, never both: they have the same parent. */
const stepSent = (lease: Lease, { oid, record, taken }: Extract<LeaseInput, { kind: 'sent' }>, now: number): LeaseStep => {
  const replaced = dropPending(lease, 'unknown')
  return { state: { ...lease, pending: { oid, record, sentMs: now, taken } }, effects: replaced.effects }
}

const stepRead = (lease: Lease, { tip, awaited }: Extract<LeaseInput, { kind: 'read' }>, now: number): LeaseStep => {
  if (tip === null) return stepAbsent(lease)
  const { pending } = lease
  const happened = pending !== undefined && tip.passed.includes(pending.oid)
  // Nobody waits any more for a claim whose answer was lost, not even where an earlier epoch was held: what it won is given back.
  const standing = awaited || (lease.holding !== undefined && pending?.taken === undefined) ? 'good' : 'late'
  const first = happened ? landed(lease, pending, { now, standing }) : unchanged(lease)
  const at = first.state.seen
  if (at.kind === 'tip' && at.oid === tip.oid) return first
  const second = moved(first.state, tip, now)
  return { state: second.state, effects: [...first.effects, ...second.effects] }
}

const stepAbsent = (lease: Lease): LeaseStep => {
  const lost = loseHolding(lease, undefined)
  const pending = lease.pending?.record.parent === null ? { state: lease, effects: [] } : dropPending(lease, 'unknown')
  return { state: { ...pending.state, seen: { kind: 'absent' }, holding: undefined }, effects: [...pending.effects, ...lost] }
}

const stepJunk = (lease: Lease, input: Extract<LeaseInput, { kind: 'junk' }>, now: number): LeaseStep => {
  const { oid, reason, passing } = input
  const { seen } = lease
  const same = seen.kind === 'quarantined' && seen.oid === oid ? seen : undefined
  const known = same?.reason === reason
  const dropped = dropPending(lease, 'unknown')
  const event: ClaimEvent = { kind: 'tip_quarantined', key: lease.key, ref: lease.ref, oid, reason }
  return {
    state: { ...dropped.state, seen: { kind: 'quarantined', oid, reason, passing, valid: validTip(lease), sinceMs: same?.sinceMs ?? now }, holding: undefined },
    effects: [...dropped.effects, ...loseHolding(lease, undefined), ...(known ? [] : [{ kind: 'emit', event } as const])],
  }
}

/** My record is in the chain. Where the chain stands now is the next read's business. */
const landed = (lease: Lease, pending: Pending, { now, standing }: { readonly now: number; readonly standing: Holding['standing'] }): LeaseStep => {
  const { oid, record, sentMs } = pending
  const before = validTip(lease)
  const sameEpoch = before?.record.epoch === record.epoch
  // Won, and known only when its holder would have stopped by itself already: no work begins on that.
  const stale = pending.taken !== undefined && now - sentMs >= lease.times.fenceMs
  const kept = sameEpoch && lease.holding?.standing === 'fenced' ? 'fenced' : stale ? 'late' : standing
  const holding: Holding | undefined = isLeased(record.state) ? { confirmedMs: sentMs, standing: kept, graceUntilMs: 0 } : undefined
  const seen: SeenTip = { kind: 'tip', oid, record, sinceMs: now, epochSinceMs: sameEpoch ? before.epochSinceMs : now }
  const effects: LeaseEffect[] = []
  if (!isRenewal(lease, record)) {
    effects.push({ kind: 'settle', oid, outcome: 'happened' }, { kind: 'emit', event: landedEvent(pending, kept) })
  }
  if (holding?.standing === 'late') effects.push({ kind: 'yield' })
  return { state: { ...lease, seen, holding, pending: undefined }, effects }
}

const landedEvent = ({ oid, record, taken }: Pending, standing: Holding['standing']): ClaimEvent => {
  const { key, epoch, attempt, state, reason } = record
  if (standing === 'late') return { kind: 'claim_landed_late', key, epoch, oid }
  if (taken !== undefined) return { kind: 'claim_won', key, epoch, attempt, oid, taken }
  return { kind: 'claim_moved', key, epoch, state, oid, reason }
}

/** The tip is another record than the one known. */
const moved = (lease: Lease, tip: ReadTip, now: number): LeaseStep => {
  const before = validTip(lease)
  const dropped = dropPending(lease, 'did not happen')
  const mine = isSameOwner(tip.record, lease.self)
  const sameEpoch = before?.record.epoch === tip.record.epoch
  const seen: SeenTip = { kind: 'tip', oid: tip.oid, record: tip.record, sinceMs: now, epochSinceMs: sameEpoch ? before.epochSinceMs : now }
  const state = { ...dropped.state, seen }
  if (lease.holding !== undefined) {
    // An earlier push of mine that I had replaced by another came through instead: the claim is where it says.
    if (mine && sameEpoch) return { state: { ...state, holding: isLeased(tip.record.state) ? lease.holding : undefined }, effects: dropped.effects }
    return { state: { ...state, holding: undefined }, effects: [...dropped.effects, ...loseHolding(lease, tip.record)] }
  }
  if (!mine || tip.record.state !== 'held') return { state, effects: dropped.effects }
  const event: ClaimEvent = { kind: 'claim_landed_late', key: lease.key, epoch: tip.record.epoch, oid: tip.oid }
  return {
    state: { ...state, holding: { confirmedMs: now, standing: 'late', graceUntilMs: 0 } },
    effects: [...dropped.effects, { kind: 'emit', event }, { kind: 'yield' }],
  }
}

const loseHolding = (lease: Lease, by: ClaimRecord | undefined): LeaseEffect[] => {
  const record = validTip(lease)?.record
  if (lease.holding === undefined || record === undefined) return []
  const event: ClaimEvent = { kind: 'claim_superseded', key: lease.key, epoch: record.epoch, by: by?.node }
  return [{ kind: 'abort', reason: 'superseded' }, { kind: 'emit', event }]
}

const dropPending = (lease: Lease, outcome: IntentOutcome): LeaseStep => {
  if (lease.pending === undefined) return unchanged(lease)
  const { oid, record } = lease.pending
  return { state: { ...lease, pending: undefined }, effects: isRenewal(lease, record) ? [] : [{ kind: 'settle', oid, outcome }] }
}

const stepTick = (lease: Lease, jumped: boolean, now: number): LeaseStep => {
  const { holding, times, seen } = lease
  if (holding?.standing !== 'good' || seen.kind !== 'tip') return unchanged(lease)
  const sinceMs = now - holding.confirmedMs
  const graceUntilMs = jumped ? now + times.againMs + 2 * times.tickMs : holding.graceUntilMs
  if (sinceMs >= times.fenceMs && now >= graceUntilMs) {
    const event: ClaimEvent = { kind: 'claim_unrenewed', key: lease.key, epoch: seen.record.epoch, sinceMs }
    return { state: { ...lease, holding: { ...holding, standing: 'fenced' } }, effects: [{ kind: 'abort', reason: 'unrenewed' }, { kind: 'emit', event }] }
  }
  const state = { ...lease, holding: { ...holding, graceUntilMs } }
  return { state, effects: jumped || sinceMs >= times.renewMs ? [{ kind: 'renew' }] : [] }
}
