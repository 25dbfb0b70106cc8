import type { MakeChecker } from '../checker.ts'
import { NOTHING } from './sight.ts'

const ENDS = new Set(['task_completed', 'task_failed', 'task_released', 'task_parked', 'task_escalated', 'task_lost'])

export const slots: MakeChecker = () => {
  const taken = new Map<string, Set<string>>()
  return {
    name: 'slots',
    promise: 'No node works on more tasks than it has slots, and one that has nothing to do has all of them free.',
    see: (happening, truth) => {
      if (happening.kind === 'told') {
        const { event, life, node } = happening
        if (event.kind === 'task_claimed') {
          const mine = taken.get(life) ?? new Set()
          taken.set(life, mine.add(event.key))
          const slotsMax = truth.nodes.find((other) => other.node === node)?.maxTasks ?? Infinity
          if (mine.size > slotsMax) return [`${life} works on ${mine.size} tasks, with ${slotsMax} slots`]
        } else if (ENDS.has(event.kind) && 'key' in event) taken.get(life)?.delete(event.key)
        return NOTHING
      }
      if (happening.kind !== 'phase' || happening.phase !== 'stopping') return NOTHING
      return truth.nodes.flatMap(({ life, alive, stopped, currentTasks }) => {
        const told = taken.get(life)?.size ?? 0
        if (!alive || stopped || currentTasks <= told) return []
        return [`${life} counts ${currentTasks} tasks; all but ${told} of those that it claimed have ended`]
      })
    },
  }
}
