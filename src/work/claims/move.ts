import { fail, ok } from '../../core/mod.ts'
import type { Epoch, Json, Result } from '../../core/mod.ts'
import type { Taken } from './events.ts'
import { claimable } from './judgement.ts'
import { isLeased } from './lease.ts'
import type { Lease, SeenTip, Witnesses } from './lease.ts'
import type { ClaimRecord } from './record.ts'
import { REASON_LENGTH_MAX } from './record.ts'
import { EPOCHS_MAX, isExhausted } from './transition.ts'

/** What somebody wants of a claim. */
export type Move =
  /** `endedEpoch`: the last epoch of an ended chain of the task, 0 when there is none. */
  | { readonly kind: 'acquire'; readonly endedEpoch: number; readonly unreachable: Witnesses }
  /** A first claim made while an ended chain had come further. */
  | { readonly kind: 'continue'; readonly endedEpoch: number }
  | { readonly kind: 'renew' }
  | { readonly kind: 'park'; readonly reason: string; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'release'; readonly reason: string; readonly countsAsAttempt: boolean; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'deliver'; readonly result: Json }
  | { readonly kind: 'finish' }
  | { readonly kind: 'escalate'; readonly reason: string }
  /** Of a claim that an earlier session of this node left. */
  | { readonly kind: 'adopt'; readonly as: 'taken over' | 'released' }
  /** This node takes up again what it parked. */
  | { readonly kind: 'resume' }
  /** A person starts the task afresh; `rework`: also delivered or done work. */
  | { readonly kind: 'reset'; readonly reason: string; readonly rework: boolean }

/** A record but for what makes it unique. */
export type RecordDraft = Omit<ClaimRecord, 'version' | 'nonce' | 'atSeconds'>

export interface PlannedMove {
  readonly draft: RecordDraft
  /** For moves that take the claim. */
  readonly taken?: Taken | undefined
}

/** The record that carries out the move on the tip that is seen, or why there is none. docs/protocol.md §3.4 */
export const planMove = (lease: Lease, move: Move, now: number): Result<PlannedMove> => {
  if (move.kind === 'acquire') return planAcquire(lease, move, now)
  const { seen } = lease
  if (seen.kind !== 'tip') return fail(seen.kind === 'quarantined' ? `quarantined: ${seen.reason}` : 'there is no claim')
  if (move.kind === 'adopt' || move.kind === 'resume' || move.kind === 'reset') return planOwnership(lease, seen, move)
  return planHolders(lease, seen, move)
}

const planAcquire = (lease: Lease, move: Extract<Move, { kind: 'acquire' }>, now: number): Result<PlannedMove> => {
  const judged = claimable(lease, now, move.unreachable)
  if (!judged.yes) return fail(judged.because)
  if (lease.seen.kind !== 'tip') {
    const draft = { ...ownBody(lease), state: 'held', epoch: (move.endedEpoch + 1) as Epoch, epochBase: move.endedEpoch, attempt: 0, parent: null } as const
    return ok({ draft, taken: judged.taken })
  }
  return ok(nextEpoch(lease, lease.seen, judged.taken))
}

type OwnershipMove = Extract<Move, { kind: 'adopt' | 'resume' | 'reset' }>

const planOwnership = (lease: Lease, seen: SeenTip, move: OwnershipMove): Result<PlannedMove> => {
  const { record } = seen
  const next = { ...ownBody(lease), ...generation(seen), epoch: (record.epoch + 1) as Epoch }
  switch (move.kind) {
    case 'adopt':
      if (record.node !== lease.self.node || record.session === lease.self.session || !isLeased(record.state)) return fail('it is not of an earlier session of this node')
      if (move.as === 'taken over' || record.state === 'delivered') return ok(nextEpoch(lease, seen, 'own'))
      return ok({ draft: { ...next, state: 'released', reason: 'given back after a restart' } })
    case 'resume':
      if (record.state !== 'parked' || record.node !== lease.self.node) return fail('this node has not parked it')
      return ok(record.session === lease.self.session
        ? { draft: { ...ownBody(lease), ...generation(seen), state: 'held' }, taken: 'parked' }
        : nextEpoch(lease, seen, 'parked'))
    case 'reset': {
      if (record.state === 'held') return fail('it is held: stop it or wait for the lease to end')
      if (!move.rework && (record.state === 'delivered' || record.state === 'done')) return fail(`it is ${record.state}: ask for rework to do it again`)
      return ok({ draft: { ...next, state: 'released', attempt: 0, epochBase: next.epoch, reason: short(move.reason) } })
    }
  }
}

const planHolders = (lease: Lease, seen: SeenTip, move: Exclude<Move, OwnershipMove | { kind: 'acquire' }>): Result<PlannedMove> => {
  const { record } = seen
  const { holding, times } = lease
  if (holding === undefined) return fail('this node does not hold it')
  // What ends the claim is still a compare-and-swap; what goes on with the work is not for a holder that stopped itself.
  if (holding.standing === 'fenced' && (move.kind === 'renew' || move.kind === 'deliver' || move.kind === 'continue')) return fail('the claim was not renewed in time')
  const same = { ...ownBody(lease), ...generation(seen) }
  const delivered = record.state === 'delivered'
  switch (move.kind) {
    case 'renew': return ok({ draft: { ...same, state: record.state, result: record.result } })
    case 'continue': {
      const epoch = (move.endedEpoch + 1) as Epoch
      return ok({ draft: { ...same, state: 'held', epoch, epochBase: move.endedEpoch }, taken: 'first' })
    }
    case 'deliver': return delivered ? fail('it is delivered already') : ok({ draft: { ...same, state: 'delivered', result: move.result } })
    case 'finish': return delivered ? ok({ draft: { ...same, state: 'done', result: record.result } }) : fail('only delivered work is finished')
    case 'park': return delivered ? fail('delivered work is not parked') : ok({ draft: { ...same, state: 'parked', reason: short(move.reason), retryAfterMs: move.retryAfterMs } })
    case 'escalate': return ok({ draft: { ...same, state: 'escalated', reason: short(move.reason), result: record.result } })
    case 'release': {
      if (delivered) return fail('delivered work is not released: it is finished, or escalated')
      const attempt = record.attempt + (move.countsAsAttempt ? 1 : 0)
      const reason = short(move.reason)
      if (attempt >= times.attemptsMax && move.countsAsAttempt) {
        return ok({ draft: { ...same, state: 'escalated', attempt, reason: short(`attempt ${attempt} of ${times.attemptsMax} failed: ${reason}`) } })
      }
      const wait = times.retryAfterMs[Math.min(attempt, times.retryAfterMs.length) - 1]
      return ok({ draft: { ...same, state: 'released', attempt, reason, retryAfterMs: move.retryAfterMs ?? (move.countsAsAttempt ? wait : undefined) } })
    }
  }
}

/** A new owner's record; when the epochs are used up, the one that hands the task to people. */
const nextEpoch = (lease: Lease, seen: SeenTip, taken: Taken): PlannedMove => {
  const { record } = seen
  const epoch = (record.epoch + 1) as Epoch
  const body = { ...ownBody(lease), ...generation(seen), epoch, result: record.state === 'delivered' ? record.result : undefined }
  if (isExhausted(epoch, record.epochBase)) return { draft: { ...body, state: 'escalated', reason: `${EPOCHS_MAX} epochs are used up` } }
  return { draft: { ...body, state: record.state === 'delivered' ? 'delivered' : 'held' }, taken }
}

const ownBody = (lease: Lease): Pick<ClaimRecord, 'key' | 'node' | 'session' | 'leaseMs'> =>
  ({ key: lease.key, node: lease.self.node, session: lease.self.session, leaseMs: lease.times.leaseMs })

const generation = (seen: SeenTip): Pick<ClaimRecord, 'epoch' | 'epochBase' | 'attempt' | 'parent'> =>
  ({ epoch: seen.record.epoch, epochBase: seen.record.epochBase, attempt: seen.record.attempt, parent: seen.oid })

/** Cut to the bound by whole characters, so that no half of a pair is left. */
const short = (reason: string): string => {
  const whole = reason.toWellFormed()
  return whole.length <= REASON_LENGTH_MAX ? whole : `${whole.slice(0, REASON_LENGTH_MAX - 1).replace(/[\uD800-\uDBFF]$/u, '')}…`
}
