import { summarise } from './measure.ts'
import type { Summary } from './measure.ts'
import { ARRIVALS } from './jobs.ts'
import type { Arrival } from './workload.ts'
import type { JobResult } from './worker.ts'

/**
 * What a batch has to reach; claim attempts are those of 100 nodes, whatever the arrival. Where even the dispatcher does
 * not reach it with the same rules (a swarm of three has too few slots to make up for one long task that starts last), the
 * swarm may be no worse than the dispatcher by more than `overDispatcherMax`.
 */
export const THRESHOLDS = { qualityMin: 0.85, makespanRatioMax: 1.2, claimAttemptsPerTaskMax: 1.3, claimAttemptsAtNodes: 100, overDispatcherMax: 0.05 } as const

/** All runs of one size and one kind of arrival. */
export interface Row extends Summary {
  readonly nodes: number
  readonly tasks: number
  readonly arrival: Arrival
  readonly dispatcher: Summary
  /** Listings per node and virtual minute. */
  readonly looksPerNodeMinute: number
  readonly results: readonly JobResult[]
}

export const rowsOf = (results: readonly JobResult[]): readonly Row[] => {
  const sizes = [...new Set(results.map(({ job }) => job.nodes))].sort((a, b) => a - b)
  return ARRIVALS.flatMap((arrival) => sizes.flatMap((nodes): Row[] => {
    const mine = results.filter(({ job }) => job.nodes === nodes && job.arrival === arrival)
    if (mine.length === 0) return []
    const minutes = mine.reduce((sum, { swarm }) => sum + swarm.virtualMs / 60_000, 0)
    return [{
      nodes, arrival, tasks: mine[0]?.tasks.length ?? 0, results: mine,
      ...summarise(mine.map(({ swarm }) => swarm)), dispatcher: summarise(mine.map(({ dispatcher }) => dispatcher)),
      looksPerNodeMinute: mine.reduce((sum, { swarm }) => sum + swarm.looks, 0) / (minutes * nodes),
    }]
  }))
}

/** What does not hold, in words; nothing when all does. */
export const shortfalls = (rows: readonly Row[]): readonly string[] => {
  const { qualityMin, makespanRatioMax, claimAttemptsPerTaskMax, claimAttemptsAtNodes, overDispatcherMax } = THRESHOLDS
  return rows.flatMap((row) => {
    const about = `${row.nodes} nodes, ${row.arrival}`
    const { dispatcher } = row
    const quality = dispatcher.quality < qualityMin ? dispatcher.quality * (1 - overDispatcherMax) : qualityMin
    const makespan = dispatcher.makespanRatio > makespanRatioMax ? dispatcher.makespanRatio * (1 + overDispatcherMax) : makespanRatioMax
    return [
      ...row.arrival === 'batch' && row.quality < quality ? [`${about}: quality ${row.quality.toFixed(3)}, at least ${quality.toFixed(3)} wanted`] : [],
      ...row.arrival === 'batch' && row.makespanRatio > makespan ? [`${about}: makespan ${row.makespanRatio.toFixed(3)} of the bound, at most ${makespan.toFixed(3)} wanted`] : [],
      ...row.nodes === claimAttemptsAtNodes && row.claimAttemptsPerTask > claimAttemptsPerTaskMax
        ? [`${about}: ${row.claimAttemptsPerTask.toFixed(3)} claim attempts per task, at most ${claimAttemptsPerTaskMax} wanted`] : [],
    ]
  })
}

/** The published form: three digits, and what the numbers were made of. */
export const publicRow = ({ nodes, tasks, arrival, runs, quality, qualityEven, makespanRatio, makespanRatioMax, claimAttemptsPerTask, looksPerNodeMinute, dispatcher }: Row): Readonly<Record<string, unknown>> => ({
  nodes, quality: round(quality), makespanRatio: round(makespanRatio), claimAttemptsPerTask: round(claimAttemptsPerTask),
  arrival, tasks, runs, qualityEven: round(qualityEven), makespanRatioMax: round(makespanRatioMax), looksPerNodeMinute: round(looksPerNodeMinute),
  dispatcher: { quality: round(dispatcher.quality), qualityEven: round(dispatcher.qualityEven), makespanRatio: round(dispatcher.makespanRatio) },
})

const round = (value: number): number => Math.round(value * 1_000) / 1_000
