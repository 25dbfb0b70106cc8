import type { TaskKey } from '../../core/mod.ts'
import type { MakeChecker } from '../checker.ts'
import { isClaimMove, NOTHING, numberOf, taskIndex } from './sight.ts'

/**
 * Finished is what could be read as finished: shown as done by the provider, by a node or a person, or a claim that is
 * done. Both stay so unless a person begins the task again, which a node may hear of later. Dependencies that people
 * added or took away meanwhile are left out, for the same reason.
 */
export const dependenciesFirst: MakeChecker = () => {
  const finished = new Set<string>()
  const wanted = new Map<TaskKey, readonly TaskKey[]>()
  const find = taskIndex()
  return {
    name: 'dependencies first',
    promise: 'No task is claimed before each task that it depends on could be read as finished.',
    see: (happening, truth) => {
      if (happening.kind === 'person') {
        if (happening.number !== undefined && (happening.what === 'closes' || happening.what === 'withdraws')) finished.add(happening.number)
        if (happening.key !== undefined && happening.what === 'edits') wanted.set(happening.key, [])
        return NOTHING
      }
      if (happening.kind === 'provider') {
        if (happening.operation === 'complete' && happening.effect !== undefined && happening.number !== undefined) finished.add(happening.number)
        return NOTHING
      }
      if (happening.kind !== 'push') return NOTHING
      const broken: string[] = []
      for (const update of happening.updates) {
        if (!isClaimMove(update)) continue
        const { record: { key, state, epoch }, before } = update
        if (state === 'done') finished.add(numberOf(key))
        if (state !== 'held' || before?.epoch === epoch) continue
        let needs = wanted.get(key)
        if (needs === undefined) {
          needs = find(key, truth.tasks)?.dependsOn ?? []
          wanted.set(key, needs)
        }
        for (const need of needs) {
          if (finished.has(numberOf(need)) || find(need, truth.tasks)?.state === 'closed') continue
          broken.push(`${happening.life} claimed ${key} before ${need}, which it depends on, was finished`)
        }
      }
      return broken
    },
  }
}
