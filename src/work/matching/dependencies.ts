import type { TaskKey } from '../../core/mod.ts'
import type { Task } from '../../ports/mod.ts'

type Dependent = Pick<Task, 'key' | 'dependsOn'>

/** For each task, how many others wait for it, directly or through others. */
export const blockedCounts = (tasks: readonly Dependent[]): ReadonlyMap<TaskKey, number> => {
  const waiters = new Map<TaskKey, TaskKey[]>()
  for (const task of tasks) for (const key of task.dependsOn) waiters.set(key, [...(waiters.get(key) ?? []), task.key])
  return new Map(tasks.map(({ key }) => [key, reachable(key, waiters).size]))
}

/** Tasks that wait for themselves, one list a circle (strongly connected component), sorted. */
export const findCycles = (tasks: readonly Dependent[]): readonly (readonly TaskKey[])[] => {
  const needs = new Map(tasks.map((task) => [task.key, task.dependsOn]))
  const reach = new Map(tasks.map(({ key }) => [key, reachable(key, needs)]))
  const seen = new Set<TaskKey>()
  const cycles: TaskKey[][] = []
  for (const [key, reached] of reach) {
    // A task that only leads into a circle is not part of it: there must be a way back.
    if (!reached.has(key) || seen.has(key)) continue
    const members = [...reached].filter((other) => reach.get(other)?.has(key) === true).sort()
    for (const member of members) seen.add(member)
    cycles.push(members)
  }
  return cycles
}

const NOTHING: ReadonlySet<TaskKey> = new Set()

/** Everything that `from` leads to; itself only when there is a way back. */
const reachable = (from: TaskKey, edges: ReadonlyMap<TaskKey, readonly TaskKey[]>): ReadonlySet<TaskKey> => {
  const first = edges.get(from) ?? []
  // As with most tasks.
  if (first.length === 0) return NOTHING
  const found = new Set<TaskKey>()
  const open: TaskKey[] = [...first]
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (found.has(key)) continue
    found.add(key)
    open.push(...(edges.get(key) ?? []))
  }
  return found
}
