import type { MakeChecker } from '../checker.ts'
import { isClaimMove, isRenewal, NOTHING, sentAt } from './sight.ts'

/** Renewals need none: no restart resumes what they renewed (docs/protocol.md §3.5, Intents). */
export const intentsFirst: MakeChecker = () => {
  const intents = new Map<string, { readonly atMs: number; readonly says: string }>()
  return {
    name: 'intents first',
    promise: 'Every accepted move of a claim but a renewal stood in the log of its node, as it is, durable before the push left.',
    see: (happening) => {
      if (happening.kind === 'log') {
        const { node, type, data, atMs } = happening
        // A log that is read again at a start, or moves to another file, makes nothing durable anew.
        const name = `${node} ${String(data['oid'])}`
        if (type === 'claim_intent' && !intents.has(name)) intents.set(name, { atMs, says: `${String(data['key'])} ${String(data['state'])} ${String(data['epoch'])}` })
        return NOTHING
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update) || isRenewal(update)) continue
        const { record, to } = update
        const intent = intents.get(`${happening.node} ${to}`)
        if (intent === undefined) broken.push(`${happening.life} made ${record.key} ${record.state} in epoch ${record.epoch}: its log does not say so`)
        else if (intent.atMs > sentAt(happening)) broken.push(`${happening.life} made ${record.key} ${record.state}: its log said so only after the push had left`)
        else if (intent.says !== `${record.key} ${record.state} ${record.epoch}`) broken.push(`${happening.life} made ${record.key} ${record.state} in epoch ${record.epoch}; its log says ${intent.says}`)
      }
      return broken
    },
  }
}
