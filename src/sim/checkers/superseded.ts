import type { TaskKey } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { isClaimMove, isDelivery, isSameOwner, NOTHING } from './sight.ts'

/** docs/protocol.md §3.4: a superseded holder's push is refused as a whole. */
export const superseded: MakeChecker = () => {
  const newest = new Map<TaskKey, number>()
  return {
    name: 'superseded',
    promise: 'No delivery and no end of a task is accepted but of the owner of its newest epoch, on the record that it holds.',
    see: (happening) => {
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { record, before } = update
        const known = newest.get(record.key) ?? 0
        const delivers = isDelivery(update)
        if (delivers || record.state === 'done') {
          if (before === undefined || !isSameOwner(before, record) || before.epoch !== record.epoch || before.state !== (delivers ? 'held' : 'delivered')) {
            broken.push(`${happening.life} made ${record.key} ${record.state} in epoch ${record.epoch}, over ${before === undefined ? 'no claim' : `epoch ${before.epoch}, ${before.state}`} of another`)
          } else if (record.epoch < known) broken.push(`${happening.life} made ${record.key} ${record.state} in epoch ${record.epoch}, after epoch ${known}`)
        }
        if (record.epoch > known) newest.set(record.key, record.epoch)
      }
      return broken
    },
  }
}
