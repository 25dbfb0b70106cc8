import type { NodeId } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { isClaimMove, NOTHING } from './sight.ts'

/** `unknown` is an honest outcome, and a push that still was on its way may land after it was given up. */
export const intentsSettled: MakeChecker = () => {
  const landed = new Set<string>()
  /** Of each node: intents without an outcome, with the run that wrote them. */
  const open = new Map<NodeId, Map<string, string>>()
  const running = new Map<NodeId, string>()
  return {
    name: 'intents settled',
    promise: 'What a log says became of a push is true, and a node that starts finds out what became of all pushes of its last run before it claims.',
    see: (happening) => {
      if (happening.kind === 'process' && happening.what === 'started') running.set(happening.node, happening.life)
      if (happening.kind === 'log') {
        const { node, life, type, data } = happening
        const oid = String(data['oid'])
        if (type === 'claim_intent') openOf(open, node).set(oid, life)
        if (type !== 'intent_settled') return NOTHING
        open.get(node)?.delete(oid)
        const { outcome } = data
        if (outcome === 'did-not-happen' && landed.has(oid)) return [`${life} settled ${oid} as one that did not happen, and it had`]
        if (outcome === 'happened' && !landed.has(oid)) return [`${life} settled ${oid} as one that happened, and it had not`]
        return NOTHING
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { record, before, to } = update
        landed.add(String(to))
        // A push of a run that has ended may land late: what its successor has open is not its business.
        const late = (running.get(happening.node) ?? happening.life) !== happening.life
        if (late || record.state !== 'held' || before?.epoch === record.epoch) continue
        for (const life of open.get(happening.node)?.values() ?? []) {
          if (life === happening.life) continue
          broken.push(`${happening.life} claimed ${record.key} while it did not know what became of a push of ${life}`)
          break
        }
      }
      return broken
    },
  }
}

const openOf = (open: Map<NodeId, Map<string, string>>, node: NodeId): Map<string, string> => {
  const known = open.get(node)
  if (known !== undefined) return known
  const made = new Map<string, string>()
  open.set(node, made)
  return made
}
