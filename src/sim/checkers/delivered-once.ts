import type { Oid, TaskKey } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { resultOf } from './atomic-delivery.ts'
import { isClaimMove, isDelivery, isReset, NOTHING, numberOf, taskIndex } from './sight.ts'

/** Rework that a person asked for, or what was opened again, is a delivery of its own. */
export const deliveredOnce: MakeChecker = () => {
  const deliveries = new Map<TaskKey, number>()
  const allowed = new Map<TaskKey, number>()
  /** Commits of which a check was seen to be green, `<number> <commit>`. */
  const green = new Set<string>()
  const mergedHere = new Map<Oid, TaskKey>()
  const find = taskIndex()
  return {
    name: 'delivered once',
    promise: 'What is delivered was checked and is right, each task is delivered once, and what was merged stays in the branch, once.',
    see: (happening, truth) => {
      if (happening.kind === 'ran') {
        if (happening.what === 'check' && happening.green === true && happening.commit !== undefined) green.add(`${happening.number} ${happening.commit}`)
        return NOTHING
      }
      if (happening.kind === 'person' && happening.key !== undefined && happening.detail === 'reopened') {
        allowed.set(happening.key, (deliveries.get(happening.key) ?? 0) + 1)
        return NOTHING
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { key } = update.record
        if (isReset(update)) { allowed.set(key, (deliveries.get(key) ?? 0) + 1); continue }
        if (!isDelivery(update)) continue
        const count = (deliveries.get(key) ?? 0) + 1
        deliveries.set(key, count)
        if (count > (allowed.get(key) ?? 1)) broken.push(`${key} was delivered ${count} times`)
        const { commit, mode } = resultOf(update.record.result)
        if (commit === undefined) { broken.push(`${key} was delivered without a commit`); continue }
        const number = numberOf(key)
        if (!truth.isRight(number, commit as Oid)) broken.push(`${key} was delivered as ${commit}, which is not right`)
        if (find(key, truth.tasks)?.check !== undefined && !green.has(`${number} ${commit}`)) broken.push(`${key} was delivered as ${commit}, of which no check was seen to be green`)
        if (mode === 'merge') mergedHere.set(commit as Oid, key)
      }
      return broken
    },
    finish: (truth) => {
      const broken: string[] = []
      const counts = new Map<TaskKey, number>()
      for (const { key, commit } of truth.merged()) {
        counts.set(key, (counts.get(key) ?? 0) + 1)
        mergedHere.delete(commit)
      }
      for (const [key, count] of counts) if (count > (allowed.get(key) ?? 1)) broken.push(`the branch has ${count} commits of ${key}`)
      for (const [commit, key] of mergedHere) broken.push(`${key} was merged as ${commit}, which the branch has lost`)
      return broken
    },
  }
}
