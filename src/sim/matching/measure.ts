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
  /** What a task took besides its agent's work, at least. */
  readonly besidesMsMin: number
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
  /** Sums of static scores: as the tasks were assigned, and as they would be by chance. */
  readonly assigned: number
  readonly random: number
  /** Of the best assignment with the places that the run used: each node gets as many tasks as it really worked. */
  readonly optimum: number
  /** Of the best assignment when each node also has the places of an even division. Never below `optimum`. */
  readonly optimumEven: number
  /** From the first arrival to the last end. */
  readonly makespanMs: number
  readonly bound: MakespanBound
  readonly makespanRatio: number
  readonly claimAttempts: number
  readonly claimWins: number
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
  const bound = makespanBound(workload, record.besidesMsMin)
  return {
    nodes: workload.nodes.length, tasks: workload.tasks.length, assigned, random: randomTotal(workload),
    optimum: optimumOf(workload, worked).total, optimumEven: optimumOf(workload, placesOf(workload, worked)).total,
    makespanMs, bound, makespanRatio: makespanMs / bound.ms, claimAttempts, claimWins, assignments,
  }
}

/** Of several runs of one size: what all of them gained over chance, as a share of what could be gained. */
export interface Summary {
  readonly runs: number
  readonly quality: number
  readonly qualityEven: number
  /** Mean over the runs, and the worst. */
  readonly makespanRatio: number
  readonly makespanRatioMax: number
  readonly claimAttemptsPerTask: number
}

export const summarise = (all: readonly Omit<Measures, 'assignments'>[]): Summary => {
  const sum = (of: (one: Omit<Measures, 'assignments'>) => number): number => all.reduce((total, one) => total + of(one), 0)
  const share = (best: number): number => (sum((one) => one.assigned) - sum((one) => one.random)) / (best - sum((one) => one.random))
  return {
    runs: all.length, quality: share(sum((one) => one.optimum)), qualityEven: share(sum((one) => one.optimumEven)),
    makespanRatio: sum((one) => one.makespanRatio) / all.length, makespanRatioMax: Math.max(...all.map((one) => one.makespanRatio)),
    claimAttemptsPerTask: sum((one) => one.claimAttempts) / sum((one) => one.claimWins),
  }
}
