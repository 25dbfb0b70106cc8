import type { MakeChecker } from '../checker.ts'
import { isClaimMove, NOTHING, numberOf, sentAt } from './sight.ts'

/** docs/protocol.md §3.4: `done` follows `delivered` of the same owner, who has heard from the provider. */
export const toldWhenTrue: MakeChecker = () => {
  /** `<life> <number>`: when the provider had confirmed it to that run. */
  const confirmed = new Map<string, number>()
  const done = new Map<string, string>()
  return {
    name: 'told when true',
    promise: 'A claim is done, and a task is told as completed, only after the provider has confirmed it; and it is told only of a claim that is done.',
    see: (happening) => {
      switch (happening.kind) {
        case 'provider': {
          const { operation, outcome, effect, life, number, atMs } = happening
          if (operation === 'complete' && outcome === 'answered' && effect !== undefined && !confirmed.has(`${life} ${number}`)) confirmed.set(`${life} ${number}`, atMs)
          return NOTHING
        }
        case 'push': {
          const broken: string[] = []
          for (const update of happening.updates) {
            if (!isClaimMove(update) || update.record.state !== 'done') continue
            const { key } = update.record
            done.set(key, happening.life)
            const sinceMs = confirmed.get(`${happening.life} ${numberOf(key)}`)
            if (sinceMs === undefined || sinceMs > sentAt(happening)) broken.push(`${happening.life} made ${key} done before the provider had confirmed it`)
          }
          return broken
        }
        case 'told': {
          const { event, life } = happening
          if (event.kind !== 'task_completed') return NOTHING
          if (!confirmed.has(`${life} ${numberOf(event.key)}`)) return [`${life} told that ${event.key} is completed; its provider had not confirmed it`]
          return done.get(event.key) === life ? NOTHING : [`${life} told that ${event.key} is completed; its claim was not done`]
        }
        default: return NOTHING
      }
    },
  }
}
