import type { MakeChecker } from '../checker.ts'
import { resultOf } from './atomic-delivery.ts'
import { isClaimMove, NOTHING, numberOf } from './sight.ts'

/** A task that people open again may be completed again. */
export const providerOnce: MakeChecker = () => {
  const delivered = new Map<string, string | undefined>()
  const completed = new Map<string, string>()
  return {
    name: 'provider once',
    promise: 'A task is completed at its provider once in effect, only after its claim says delivered, and with the commit that the claim names.',
    see: (happening) => {
      if (happening.kind === 'person' && happening.number !== undefined && happening.detail === 'reopened') completed.delete(happening.number)
      if (happening.kind === 'push') {
        for (const update of happening.updates) {
          if (isClaimMove(update) && update.record.state === 'delivered') delivered.set(numberOf(update.record.key), resultOf(update.record.result).commit)
        }
        return NOTHING
      }
      if (happening.kind !== 'provider' || happening.operation !== 'complete' || happening.number === undefined) return NOTHING
      const { number, life, effect, commit } = happening
      if (effect === undefined) return NOTHING
      if (!delivered.has(number)) return [`${life} completed ${number} at its provider before it was delivered`]
      if (effect !== 'completed') return NOTHING
      const other = completed.get(number)
      completed.set(number, life)
      if (other !== undefined) return [`${life} completed ${number} at its provider, which ${other} had done`]
      const named = delivered.get(number)
      return commit === undefined || commit === named ? NOTHING : [`${life} completed ${number} with ${commit}; delivered was ${named}`]
    },
  }
}
