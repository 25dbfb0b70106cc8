import type { NodeId, TaskKey } from '../../core/mod.ts'
import type { MakeChecker, Truth } from '../checker.ts'
import { isClaimMove, isLeased, NOTHING, short } from './sight.ts'
import type { ClaimMove } from './sight.ts'

/** Clocks run up to a twentieth too fast. */
const LEASE_SHARE = 0.95
/** What members say of a link that was down is believed for so long after it is up again; in leases. */
const BELIEVED_LEASES = 4

/** docs/protocol.md §3.5, Expiry and Early takeover. An observer sees a tip no earlier than it came to be. */
export const leaseKept: MakeChecker = () => {
  const movedMs = new Map<TaskKey, number>()
  const troubledMs = new Map<NodeId, number>()
  let allTroubledMs = -Infinity
  const wasAway = (holder: NodeId, { nowMs, truth }: { readonly nowMs: number; readonly truth: Truth }): boolean => {
    const sinceMs = nowMs - BELIEVED_LEASES * truth.leaseMs
    if (truth.unreachableFor === undefined) return Math.max(allTroubledMs, troubledMs.get(holder) ?? -Infinity) >= sinceMs
    // The observer, and two others or the only other one (docs/protocol.md §3.5).
    return truth.unreachableFor(holder, sinceMs) >= Math.min(3, truth.nodes.length - 1)
  }
  return {
    name: 'lease kept',
    promise: 'No claim is taken from a holder that renews it: only when its lease ran out unrenewed, or two others could not reach the holder either.',
    see: (happening, truth) => {
      if (happening.kind === 'process' && happening.what !== 'ready') troubledMs.set(happening.node, happening.atMs)
      if (happening.kind === 'fault' && happening.what.includes('mesh')) {
        if (happening.node === undefined) allTroubledMs = happening.atMs
        else troubledMs.set(happening.node, happening.atMs)
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { key } = update.record
        const quietMs = happening.atMs - (movedMs.get(key) ?? -Infinity)
        movedMs.set(key, happening.atMs)
        const { before } = update
        if (before === undefined || !takesOver(update, before) || quietMs >= before.leaseMs * LEASE_SHARE) continue
        if (wasAway(before.node, { nowMs: happening.atMs, truth })) continue
        broken.push(`${happening.life} took ${key} from ${short(before.node)}, who could be reached and had renewed it ${Math.round(quietMs)} ms ago, with a lease of ${before.leaseMs} ms`)
      }
      return broken
    },
  }
}

const takesOver = ({ record }: ClaimMove, before: ClaimMove['record']): boolean => isLeased(before) && before.node !== record.node && record.epoch > before.epoch
