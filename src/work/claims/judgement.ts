import type { Json, NodeId, Oid } from '../../core/mod.ts'
import type { Taken } from './events.ts'
import { isLeased } from './lease.ts'
import type { Lease, SeenTip, Witnesses } from './lease.ts'
import type { ClaimState } from './record.ts'
import { isSameOwner } from './transition.ts'

/** What a node may do with a task now. */
export type Claimable =
  | { readonly yes: true; readonly taken: Taken }
  | { readonly yes: false; readonly because: string }

/** docs/protocol.md §3.4 and §3.5. Pure: what is seen, this node's clock, and what the others say of the holder. */
export const claimable = (lease: Lease, now: number, unreachable: Witnesses): Claimable => {
  const { seen } = lease
  switch (seen.kind) {
    case 'unread': return no('its ref was not read yet')
    case 'quarantined': return no(`quarantined: ${seen.reason}`)
    case 'absent': return { yes: true, taken: 'first' }
    case 'tip': return tipClaimable(lease, seen, { now, unreachable })
  }
}

const tipClaimable = (lease: Lease, seen: SeenTip, { now, unreachable }: { readonly now: number; readonly unreachable: Witnesses }): Claimable => {
  const { record } = seen
  const seenMs = now - seen.sinceMs
  if (lease.holding?.standing === 'good') return no('this node holds it')
  switch (record.state) {
    case 'done': return no('it is done')
    case 'escalated': return no(`it waits for a person: ${record.reason ?? 'escalated'}`)
    case 'parked':
      if (record.retryAfterMs === undefined) return no(`it waits for a person: ${record.reason ?? 'parked'}`)
      return seenMs >= record.retryAfterMs ? { yes: true, taken: 'parked' } : no(`parked for another ${record.retryAfterMs - seenMs} ms`)
    case 'released':
      return seenMs >= (record.retryAfterMs ?? 0) ? { yes: true, taken: 'released' } : no(`to be tried again in ${(record.retryAfterMs ?? 0) - seenMs} ms`)
    case 'held': case 'delivered':
      // An earlier session of this node is gone, or has been replaced by this one: its state folder has one owner.
      if (record.node === lease.self.node && !isSameOwner(record, lease.self)) return { yes: true, taken: 'own' }
      if (seenMs >= record.leaseMs) return { yes: true, taken: 'expired' }
      if (!isSameOwner(record, lease.self) && isCondemned(unreachable)) return { yes: true, taken: 'unreachable' }
      return no(record.state === 'held' ? 'another holds it' : 'another finishes it')
  }
}

/** At least two others, or all of them when there are fewer; nobody is condemned by one voice in an empty room. */
const isCondemned = ({ witnesses, others }: Witnesses): boolean => witnesses >= 2 || (witnesses >= 1 && witnesses >= others)

const no = (because: string): Claimable => ({ yes: false, because })

export interface ClaimView {
  readonly state: 'free' | 'quarantined' | ClaimState
  readonly holder?: NodeId | undefined
  readonly epoch: number
  readonly attempt: number
  /** Held or delivered by this session, and renewed in time. */
  readonly mine: boolean
  readonly claimable: boolean
  readonly notClaimableBecause?: string | undefined
  readonly result?: Json | undefined
  readonly reason?: string | undefined
  readonly tip?: Oid | undefined
  /** How long this node has seen the present epoch. */
  readonly heldForMs: number
  /** How long this node has seen the present tip without a move. */
  readonly quietForMs: number
}

export const claimView = (lease: Lease, now: number, unreachable: Witnesses): ClaimView => {
  const judged = claimable(lease, now, unreachable)
  const shared = {
    mine: lease.holding?.standing === 'good',
    claimable: judged.yes,
    notClaimableBecause: judged.yes ? undefined : judged.because,
  }
  const { seen } = lease
  if (seen.kind === 'unread' || seen.kind === 'absent') return { ...shared, state: 'free', epoch: 0, attempt: 0, heldForMs: 0, quietForMs: 0 }
  if (seen.kind === 'quarantined') {
    const { valid } = seen
    return {
      ...shared, state: 'quarantined', epoch: valid?.record.epoch ?? 0, attempt: valid?.record.attempt ?? 0,
      reason: seen.reason, tip: seen.oid, heldForMs: 0, quietForMs: 0,
    }
  }
  const { record } = seen
  return {
    ...shared, state: record.state, holder: isLeased(record.state) || record.state === 'parked' ? record.node : undefined,
    epoch: record.epoch, attempt: record.attempt, result: record.result, reason: record.reason, tip: seen.oid,
    heldForMs: now - seen.epochSinceMs, quietForMs: now - seen.sinceMs,
  }
}
