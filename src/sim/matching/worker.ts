import { parentPort } from 'node:worker_threads'
import { Chance } from '../chance.ts'
import { dispatched } from './dispatcher.ts'
import { measure } from './measure.ts'
import type { Measures } from './measure.ts'
import { MatchingSwarm } from './swarm.ts'
import type { SwarmRun } from './swarm.ts'
import { makeWorkload } from './workload.ts'
import type { Arrival, WorkNode, WorkTask } from './workload.ts'

/** One run: a workload, made from its seed, worked by the swarm and by the dispatcher. */
export interface Job {
  readonly nodes: number
  readonly tasksPerNode: number
  readonly arrival: Arrival
  readonly seed: string
  readonly until: 'delivered' | 'claimed'
}

export interface JobResult {
  readonly job: Job
  readonly swarm: Measures & Pick<SwarmRun, 'besidesMs' | 'looks' | 'virtualMs' | 'steps'>
  readonly dispatcher: Measures
  readonly nodes: readonly WorkNode[]
  readonly tasks: readonly WorkTask[]
  readonly wallMs: number
}

export const runJob = async (job: Job): Promise<JobResult> => {
  const startedMs = performance.now()
  const workload = makeWorkload({ ...job, entropy: new Chance(`matching ${job.seed}`) })
  const run = await new MatchingSwarm({ workload, seed: job.seed, until: job.until }).run()
  const { besidesMs, looks, virtualMs, steps } = run
  return {
    job, swarm: { ...measure(run), besidesMs, looks, virtualMs, steps }, dispatcher: measure(dispatched(workload)),
    nodes: workload.nodes, tasks: workload.tasks, wallMs: performance.now() - startedMs,
  }
}

parentPort?.on('message', (job: Job) => {
  runJob(job).then((result) => { parentPort?.postMessage({ result }) }, (thrown: unknown) => {
    parentPort?.postMessage({ failure: thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown) })
  })
})
