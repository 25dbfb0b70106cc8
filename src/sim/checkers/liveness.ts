import type { TaskKey } from '../../core/mod.ts'
import type { Task } from '../../ports/mod.ts'
import type { MakeChecker, Truth } from '../checker.ts'
import { NOTHING } from './sight.ts'

/**
 * Judged when the quiet phase is over: the world gives it as long as the longest of the settings' waits asks for. A task
 * that waits for one that was handed to people waits rightly, and so does one of a role that nobody has.
 */
export const liveness: MakeChecker = () => ({
  name: 'liveness',
  promise: 'Once nothing breaks any more, every task that can be claimed ends delivered, or with people, within a bounded time, and all nodes are idle.',
  see: (happening, truth) => {
    if (happening.kind !== 'phase' || happening.phase !== 'stopping') return NOTHING
    const roles = new Set(truth.nodes.map(({ role }) => role))
    const byKey = new Map(truth.tasks.map((task) => [task.key, task]))
    const broken: string[] = []
    for (const task of truth.tasks) {
      const because = waits(task, { truth, byKey, roles })
      if (because !== undefined) broken.push(`${task.key} is ${because}, ${Math.round(truth.nowMs - (truth.quietSinceMs ?? truth.nowMs))} ms after the last fault`)
    }
    for (const { life, alive, stopped, currentTasks } of truth.nodes) {
      if (alive && !stopped && currentTasks > 0) broken.push(`${life} still has ${currentTasks} tasks`)
    }
    return broken
  },
})

interface Known {
  readonly truth: Truth
  readonly byKey: ReadonlyMap<TaskKey, Task>
  readonly roles: ReadonlySet<string | undefined>
}

/** How it stands when it should not stand so. */
const waits = (task: Task, known: Known): string | undefined => {
  const { truth, byKey, roles } = known
  const tip = truth.tip(task.key)
  if (tip?.state === 'done' || tip?.state === 'escalated') return undefined
  if (tip?.state === 'parked' && tip.retryAfterMs === undefined) return undefined
  // Nobody waits for it: whoever held it when it was closed, or when the provider had confirmed it, may be gone.
  if (task.state === 'closed') return undefined
  if (tip?.state === 'held' || tip?.state === 'delivered') return `${tip.state} in epoch ${tip.epoch}, and not ended`
  if (task.requiredRole !== undefined && !roles.has(undefined) && !roles.has(task.requiredRole)) return undefined
  // It begins when they are finished, which is asked of them.
  if (task.dependsOn.some((key) => !isFinished(byKey.get(key), truth))) return undefined
  return tip === undefined ? 'open and was never claimed' : `${tip.state} in epoch ${tip.epoch}, and not taken up again`
}

const isFinished = (task: Task | undefined, truth: Truth): boolean => task !== undefined && (task.state === 'closed' || truth.tip(task.key)?.state === 'done')
