import { optimumOf, placesOf, randomTotal } from './baselines.ts'
import { makespanBound } from './bound.ts'
import type { MakespanBound } from './bound.ts'
import { isFit, staticScore } from './workload.ts'
import type { Workload } from './workload.ts'

/** What a run left behind: who worked what, when, and how many pushes that took. Times from the start of the run. */
export interface MatchingRecord {
  readonly workload: Workload
  /** One for each task: the attempt that was delivered. */
  readonly assignments: readonly Assignment[]
  /** Pushes that tried to acquire or take over a claim, and those that won. */
  readonly claimAttempts: number
  readonly claimWins: number
}

export interface Assignment {
  readonly task: string
  readonly node: string
  /** By the node itself, when it chose the task: its load and its past included. */
  readonly score: number
  readonly claimedAtMs: number
  readonly endedAtMs: number
}

export interface Measures {
  readonly nodes: number
  readonly tasks: number
  /** (assigned - random) / (optimum - random), of sums of static scores. 1 when nothing could be gained. */
  readonly quality: number
  readonly assigned: number
  readonly optimum: number
  readonly random: number
  /** From the first arrival to the last end. */
  readonly makespanMs: number
  readonly bound: MakespanBound
  readonly makespanRatio: number
  readonly claimAttemptsPerTask: number
  /** From the moment a task appeared, or a slot that it could have had, to its claim: half of all tasks are quicker. */
  readonly assignments: readonly Assignment[]
}

/** Throws when a task was not worked, or by a node that may not take it: such a run has no quality. */
export const measure = (record: MatchingRecord): Measures => {
  const { workload, assignments, claimAttempts, claimWins } = record
  const nodeIndex = new Map(workload.nodes.map((node, index) => [node.name, index]))
  const byTask = new Map(assignments.map((assignment) => [assignment.task, assignment]))
  if (byTask.size !== assignments.length) throw new Error('a task was assigned twice')
  const worked = workload.nodes.map(() => 0)
  let assigned = 0
  let makespanMs = 0
  for (const task of workload.tasks) {
    const assignment = byTask.get(task.number)
    const index = nodeIndex.get(assignment?.node ?? '')
    const node = index === undefined ? undefined : workload.nodes[index]
    if (assignment === undefined || index === undefined || node === undefined) throw new Error(`task ${task.number} was worked by no node of the workload`)
    if (!isFit(task, node)) throw new Error(`task ${task.number} was worked by ${node.name}, which is not fit for it`)
    assigned += staticScore(task, node)
    worked[index] = (worked[index] ?? 0) + 1
    makespanMs = Math.max(makespanMs, assignment.endedAtMs)
  }
  if (claimWins < assignments.length) throw new Error(`${assignments.length} tasks were worked with ${claimWins} claims`)
  const optimum = optimumOf(workload, placesOf(workload, worked)).total
  const random = randomTotal(workload)
  const bound = makespanBound(workload)
  return {
    nodes: workload.nodes.length, tasks: workload.tasks.length, assigned, optimum, random, makespanMs, bound, assignments,
    quality: optimum - random < 1e-9 ? 1 : (assigned - random) / (optimum - random),
    makespanRatio: makespanMs / bound.ms,
    claimAttemptsPerTask: claimAttempts / claimWins,
  }
}
