import type { TaskKey } from '../../core/mod.ts'
import type { Task } from '../../ports/mod.ts'
import { blockedCounts, findCycles } from './dependencies.ts'

export type OrderedTask = Pick<Task, 'key' | 'priority' | 'createdAtMs' | 'dependsOn' | 'state'>

export interface OrderOptions<T> {
  readonly score: (task: T) => number
  /** What is known of a task that another depends on; `unknown` blocks, since nobody can say that it is done. */
  readonly stateOf: (key: TaskKey) => 'finished' | 'open' | 'unknown'
}

export interface Ordering<T> {
  /** Best first. Open tasks whose dependencies are all finished. */
  readonly candidates: readonly T[]
  readonly blocked: readonly Blocked<T>[]
  /** Each circle of tasks that wait for each other, once; only a person can open it. */
  readonly cycles: readonly (readonly TaskKey[])[]
}

export interface Blocked<T> {
  readonly task: T
  readonly waitsFor: readonly TaskKey[]
  readonly reason: 'open-dependency' | 'unknown-dependency' | 'cycle'
}

/** Priority, then score, then age (oldest first), then how many tasks it holds up; ties by key, so that all nodes agree. */
export const orderTasks = <T extends OrderedTask>(tasks: readonly T[], options: OrderOptions<T>): Ordering<T> => {
  const open = tasks.filter((task) => task.state === 'open' && options.stateOf(task.key) !== 'finished')
  const cycles = findCycles(open)
  const circular = new Set(cycles.flat())
  const holdsUp = blockedCounts(open)
  const candidates: { readonly task: T; readonly score: number }[] = []
  const blocked: Blocked<T>[] = []
  for (const task of open) {
    const waitsFor = task.dependsOn.filter((key) => options.stateOf(key) !== 'finished')
    if (waitsFor.length === 0) candidates.push({ task, score: options.score(task) })
    else blocked.push({ task, waitsFor, reason: circular.has(task.key) ? 'cycle' : waitsFor.some((key) => options.stateOf(key) === 'unknown') ? 'unknown-dependency' : 'open-dependency' })
  }
  candidates.sort((a, b) => b.task.priority - a.task.priority
    || b.score - a.score
    || a.task.createdAtMs - b.task.createdAtMs
    || (holdsUp.get(b.task.key) ?? 0) - (holdsUp.get(a.task.key) ?? 0)
    || (a.task.key < b.task.key ? -1 : a.task.key > b.task.key ? 1 : 0))
  return { candidates: candidates.map(({ task }) => task), blocked, cycles }
}
