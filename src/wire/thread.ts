import type { TaskKey } from '../core/mod.ts'

const PREFIX = 'task-'

/**
 * The conversation about one task. Derived from the whole key: the original's `task-<repository>-<number>` is the
 * same text for `a#1-2` and `a-1#2`.
 */
export const taskThread = (key: TaskKey): string => `${PREFIX}${key}`

/** The seed's `task_number`: a JSON number when the task's number is one, else its text. */
export const wireTaskNumber = (number: string): number | string => {
  const value = Number(number)
  return Number.isSafeInteger(value) && String(value) === number ? value : number
}
