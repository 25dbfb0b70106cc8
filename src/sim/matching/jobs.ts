import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
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
export const runJobs = async (jobs: readonly Job[], options: { readonly workers?: number | undefined; readonly each: (result: JobResult) => void }): Promise<void> => {
  const queue = jobs[Symbol.iterator]()
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) options.each(await ask(worker, next.value))
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs.length, options.workers ?? availableParallelism()) }, work))
}

const ask = (worker: Worker, job: Job): Promise<JobResult> => new Promise((resolve, reject) => {
  const clear = (): void => { worker.off('message', done); worker.off('error', failed) }
  const done = (answer: { readonly result?: JobResult; readonly failure?: string }): void => {
    clear()
    if (answer.result !== undefined) resolve(answer.result)
    else reject(new Error(`${job.nodes} nodes, ${job.arrival}, seed ${job.seed}: ${answer.failure ?? 'no answer'}`))
  }
  const failed = (error: Error): void => { clear(); reject(error) }
  worker.on('message', done)
  worker.on('error', failed)
  worker.postMessage(job)
})
