import type { MakeChecker } from '../checker.ts'
import { isClaimMove, isSameOwner, NOTHING, short } from './sight.ts'
import type { ClaimMove } from './sight.ts'

/** A chain that begins anew is no second owner of its number: that epochs go on is another promise (epochs-rise.ts). */
export const oneOwner: MakeChecker = () => {
  const owners = new Map<string, ClaimMove['record']>()
  const tellers = new Map<string, string>()
  return {
    name: 'one owner',
    promise: 'An epoch of a task has one owner, one run of one node, and nobody else believes to be it.',
    see: (happening) => {
      if (happening.kind === 'told') {
        const { event, node, life } = happening
        if (event.kind !== 'task_claimed') return NOTHING
        const epoch = `${event.epoch} ${event.key}`
        const other = tellers.get(epoch)
        if (other === undefined) tellers.set(epoch, life)
        // Of two who believe it, one is right at most.
        if (other !== undefined && other !== life) return [`${life} works on epoch ${event.epoch} of ${event.key}, as ${other} does`]
        const owner = owners.get(epoch)
        if (owner === undefined) return [`${life} works on epoch ${event.epoch} of ${event.key}, which no claim says`]
        return owner.node === node ? NOTHING : [`${life} works on epoch ${event.epoch} of ${event.key}, which is ${short(owner.node)}'s`]
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { record } = update
        const epoch = `${record.epoch} ${record.key}`
        const owner = owners.get(epoch)
        if (owner === undefined || update.before === undefined) owners.set(epoch, record)
        else if (!isSameOwner(owner, record)) broken.push(`epoch ${record.epoch} of ${record.key} went from ${short(owner.node)} to ${short(record.node)}, ${record.state}`)
      }
      return broken
    },
  }
}
