import { scoreMatrix } from './baselines.ts'
import type { Workload } from './workload.ts'

export interface MakespanBound {
  /** No schedule ends earlier, whoever makes it and whatever it knows. */
  readonly ms: number
  /** The longest task (with its arrival), all work over all slots, or the work of one class over its slots. */
  readonly by: 'longest' | 'work' | 'class'
  /** Of all work over all slots alone. */
  readonly workMs: number
}

/**
 * The largest of: arrival and length of any one task; what arrives from any moment on, over all slots; and the same for
 * each class of tasks (by what they need), over the slots of the nodes that are fit for it. A task is as long as its agent
 * works, and `besidesMs`: what preparing, checking and delivering took at the very least.
 */
export const makespanBound = (workload: Workload, besidesMs = 0): MakespanBound => {
  const { nodes } = workload
  const tasks = workload.tasks.map((task) => ({ ...task, durationMs: task.durationMs + besidesMs }))
  const longest = Math.max(0, ...tasks.map((task) => task.arrivalMs + task.durationMs))
  const workMs = spread(tasks, nodes.reduce((sum, node) => sum + node.maxTasks, 0))
  const scores = scoreMatrix(workload)
  const fitSlots = new Map<readonly (number | undefined)[], Set<number>>()
  for (const row of scores) if (!fitSlots.has(row)) fitSlots.set(row, new Set(row.flatMap((score, node) => score === undefined ? [] : [node])))
  let classMs = 0
  for (const [, fit] of fitSlots) {
    // All tasks that none but these nodes can take.
    const bound = tasks.filter((_, task) => [...fitSlots.get(scores[task] ?? []) ?? []].every((node) => fit.has(node)))
    classMs = Math.max(classMs, spread(bound, [...fit].reduce((sum, node) => sum + (nodes[node]?.maxTasks ?? 0), 0)))
  }
  const ms = Math.max(longest, workMs, classMs)
  return { ms, workMs, by: ms === longest ? 'longest' : ms === workMs ? 'work' : 'class' }
}

/** The latest of: a moment, and all work that arrives from then on shared by all slots without a gap. */
const spread = (tasks: Workload['tasks'], slots: number): number => {
  const sorted = [...tasks].sort((a, b) => b.arrivalMs - a.arrivalMs)
  let workMs = 0
  let latest = 0
  for (const task of sorted) {
    workMs += task.durationMs
    latest = Math.max(latest, task.arrivalMs + workMs / slots)
  }
  return latest
}
