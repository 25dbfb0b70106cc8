import { munkres } from 'munkres'
import { isFit, staticScore } from './workload.ts'
import type { Workload } from './workload.ts'

/** Scores become whole numbers, in millionths; a pair that may not be costs more than all others together can. */
const SCALE = 1e6
const FORBIDDEN = 1e12

/** How many tasks each node may get from the planner that the swarm is measured against, in the order of the nodes. */
export type Places = readonly number[]

/**
 * An even division: every slot works the same number of tasks, rounded up. A node that really worked more than that gets
 * as many places, so that the plan of the swarm is always one of those that the optimum is the best of.
 */
export const placesOf = ({ nodes, tasks }: Workload, worked: readonly number[] = []): Places => {
  const slots = nodes.reduce((sum, node) => sum + node.maxTasks, 0)
  const waves = Math.ceil(tasks.length / slots)
  return nodes.map((node, index) => Math.max(node.maxTasks * waves, worked[index] ?? 0))
}

export interface Optimum {
  readonly total: number
  /** Index of the node of each task. */
  readonly nodeOf: readonly number[]
}

/**
 * The assignment of all tasks with the highest sum of static scores, each node within its places and fit for what it
 * gets: a rectangular assignment problem with one column for each place, solved exactly (Kuhn and Munkres).
 */
export const optimumOf = (workload: Workload, places: Places): Optimum => {
  const { tasks } = workload
  const columns = places.flatMap((count, node) => Array.from({ length: count }, () => node))
  if (columns.length < tasks.length) throw new Error(`${tasks.length} tasks do not fit into ${columns.length} places`)
  const scores = scoreMatrix(workload)
  const costs = tasks.map((_, task) => columns.map((node) => {
    const score = scores[task]?.[node]
    return score === undefined ? FORBIDDEN : -Math.round(score * SCALE)
  }))
  const nodeOf: number[] = tasks.map(() => -1)
  let total = 0
  for (const [task, column] of munkres(costs)) {
    const node = columns[column]
    const score = node === undefined ? undefined : scores[task]?.[node]
    if (node === undefined || score === undefined) throw new Error(`task ${tasks[task]?.number} fits into no place`)
    nodeOf[task] = node
    total += score
  }
  return { total, nodeOf }
}

/** The expected sum when each task goes to any slot of a node that may take it, all slots alike. No draw: the exact mean. */
export const randomTotal = (workload: Workload): number => {
  const { nodes } = workload
  const scores = scoreMatrix(workload)
  return scores.reduce((sum, row) => {
    let weighted = 0
    let slots = 0
    row.forEach((score, node) => {
      const { maxTasks } = nodes[node] ?? { maxTasks: 0 }
      if (score === undefined) return
      weighted += score * maxTasks
      slots += maxTasks
    })
    return sum + weighted / slots
  }, 0)
}

/** By task and node; undefined where the node may not take it. Rows of tasks with the same needs are one array. */
export const scoreMatrix = ({ tasks, nodes }: Workload): readonly (readonly (number | undefined)[])[] => {
  const rows = new Map<string, readonly (number | undefined)[]>()
  return tasks.map((task) => {
    const needs = JSON.stringify([task.requiredRole ?? null, task.requiredExpertise])
    const row = rows.get(needs) ?? nodes.map((node) => (isFit(task, node) ? staticScore(task, node) : undefined))
    rows.set(needs, row)
    return row
  })
}
