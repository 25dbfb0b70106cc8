import type { TaskType } from '../../ports/mod.ts'

/** Outcomes of this node's own attempts, counted from its audit log. Attempts that were only lost or withdrawn are not in it. */
export type WorkRecord = Readonly<Partial<Record<TaskType, { readonly successes: number; readonly failures: number }>>>

/**
 * Success rate, smoothed so that one failure is not a verdict: 0.5 with no history (rule of succession). Work of the
 * same type weighs as it is, all other work as two further attempts.
 */
export const performance = (record: WorkRecord, type?: TaskType): number => {
  const counts = Object.values(record)
  const successes = counts.reduce((sum, count) => sum + count.successes, 0)
  const failures = counts.reduce((sum, count) => sum + count.failures, 0)
  const overall = (successes + 1) / (successes + failures + 2)
  const own = type === undefined ? undefined : record[type]
  if (own === undefined) return overall
  return (own.successes + PRIOR_ATTEMPTS * overall) / (own.successes + own.failures + PRIOR_ATTEMPTS)
}

const PRIOR_ATTEMPTS = 2
