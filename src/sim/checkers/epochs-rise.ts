import type { TaskKey } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { isClaimMove, isSameOwner, NOTHING } from './sight.ts'

/**
 * Who makes a ref may have read the list of ended claims too early (docs/protocol.md §3.6): it reads again before any
 * work, and continues from there or lets go. So a first record may stand too low, as long as nothing is done under it.
 */
export const epochsRise: MakeChecker = () => {
  const highest = new Map<TaskKey, number>()
  /** `<epoch> <key>` of epochs that a chain begun anew uses again. */
  const low = new Set<string>()
  return {
    name: 'epochs rise',
    promise: 'The epoch under which a task is worked on never falls and never comes again, not even after its claim was pruned.',
    see: (happening) => {
      if (happening.kind === 'told' && happening.event.kind === 'task_claimed') {
        const { key, epoch } = happening.event
        return low.has(`${epoch} ${key}`) ? [`${happening.life} works on ${key} in epoch ${epoch}; it had come to ${highest.get(key) ?? 0} before`] : NOTHING
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { record, before } = update
        const known = highest.get(record.key) ?? 0
        if (before === undefined) {
          if (record.epoch <= known) low.add(`${record.epoch} ${record.key}`)
        } else {
          if (record.epoch < before.epoch) broken.push(`${record.key} fell from epoch ${before.epoch} to ${record.epoch}`)
          else if (record.epoch === before.epoch && !isSameOwner(record, before)) broken.push(`${record.key} went to another owner in epoch ${record.epoch}`)
          if (record.epoch > before.epoch && record.epoch <= known) low.add(`${record.epoch} ${record.key}`)
          if (record.state === 'delivered' && low.has(`${record.epoch} ${record.key}`)) broken.push(`${record.key} was delivered in epoch ${record.epoch}; it had come to ${known} before`)
        }
        if (record.epoch > known) highest.set(record.key, record.epoch)
      }
      return broken
    },
  }
}
