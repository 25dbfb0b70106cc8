import { sideBySide } from '../crowd.ts'
import type { SideBySide } from '../crowd.ts'
import type { Arrival } from './workload.ts'
import type { Job, JobResult } from './worker.ts'

export interface Size {
  readonly nodes: number
  readonly tasksPerNode: number
  /** Workloads of this size, each from a seed of its own: a swarm of three says little about swarms of three. */
  readonly runs: number
}

/** Of the published report. */
export const SIZES: readonly Size[] = [
  { nodes: 3, tasksPerNode: 4, runs: 20 },
  { nodes: 10, tasksPerNode: 4, runs: 10 },
  { nodes: 100, tasksPerNode: 4, runs: 2 },
  { nodes: 1_000, tasksPerNode: 2, runs: 1 },
]

export const ARRIVALS: readonly Arrival[] = ['batch', 'stream']

/** The largest first, so that no core waits for it at the end. Small swarms run to their last delivery. */
export const jobsOf = (sizes: readonly Size[]): readonly Job[] =>
  [...sizes].sort((a, b) => b.nodes - a.nodes).flatMap(({ nodes, tasksPerNode, runs }) => ARRIVALS.flatMap((arrival) =>
    Array.from({ length: runs }, (_, run): Job => ({ nodes, tasksPerNode, arrival, seed: `${nodes} ${run + 1}`, until: nodes <= 10 ? 'delivered' : 'claimed' }))))

/** Side by side, one per core; each result as it comes. Rejects when one fails. */
export const runJobs = (jobs: readonly Job[], { workers, each }: SideBySide<JobResult>): Promise<void> =>
  sideBySide(new URL('./worker.ts', import.meta.url), jobs, {
    workers,
    each: (answer: { readonly result?: JobResult; readonly failure?: string }) => {
      if (answer.result === undefined) throw new Error(`a run failed: ${answer.failure ?? 'no answer'}`)
      each(answer.result)
    },
  })
