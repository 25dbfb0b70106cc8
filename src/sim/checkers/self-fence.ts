import type { NodeId } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { isClaimMove, isLeased, NOTHING, numberOf, sendsDelivery, sentAt } from './sight.ts'

/** Clocks run up to a twentieth too slow. */
const LEASE_SHARE = 1.05
/** After a pause: until the node has seen the jump and tried to renew (docs/protocol.md §3.5); in leases. */
const GRACE_LEASES = 1 / 3

/**
 * The holder stops after two thirds of the lease; a third is left for programs to end. It counts from when the push left
 * that renewed last, which is judged here by what the remote accepted: never less than the holder knows.
 */
export const selfFence: MakeChecker = () => {
  const leases = new Map<string, { readonly renewedMs: number; readonly leaseMs: number }>()
  const resumedMs = new Map<NodeId, number>()
  const paused = new Set<NodeId>()
  const outlived = (about: { readonly node: NodeId; readonly life: string; readonly number: string; readonly nowMs: number }): number | undefined => {
    const lease = leases.get(`${about.life} ${about.number}`)
    if (lease === undefined) return undefined
    const quietMs = about.nowMs - lease.renewedMs
    // A stopped node stops no program.
    if (paused.has(about.node) || quietMs <= lease.leaseMs * LEASE_SHARE) return undefined
    return about.nowMs - (resumedMs.get(about.node) ?? -Infinity) <= lease.leaseMs * GRACE_LEASES ? undefined : quietMs
  }
  return {
    name: 'self-fence',
    promise: 'A holder whose claim was not renewed for the length of its lease, by its own clock, works on it no more and sends no delivery.',
    see: (happening) => {
      switch (happening.kind) {
        case 'process':
          if (happening.what === 'paused') paused.add(happening.node)
          else paused.delete(happening.node)
          if (happening.what === 'resumed') resumedMs.set(happening.node, happening.atMs)
          return NOTHING
        case 'ran': {
          const { node, life, number, what, atMs } = happening
          if (number === undefined || what === 'setup') return NOTHING
          const quietMs = outlived({ node, life, number, nowMs: atMs })
          return quietMs === undefined ? NOTHING : [`${life} still worked on ${number} (${what}) ${Math.round(quietMs)} ms after it had last renewed its claim`]
        }
        case 'push': {
          const broken: string[] = []
          const sentMs = sentAt(happening)
          for (const update of happening.updates) {
            const { record } = update
            if (record === undefined) continue
            const name = `${happening.life} ${numberOf(record.key)}`
            const quietMs = sendsDelivery(update, happening) ? outlived({ node: happening.node, life: happening.life, number: numberOf(record.key), nowMs: sentMs }) : undefined
            if (quietMs !== undefined) broken.push(`${happening.life} sent a delivery of ${record.key} ${Math.round(quietMs)} ms after it had last renewed its claim`)
            if (!isClaimMove(update)) continue
            if (isLeased(record)) leases.set(name, { renewedMs: sentMs, leaseMs: record.leaseMs })
            else leases.delete(name)
          }
          return broken
        }
        default: return NOTHING
      }
    },
  }
}
