import type { TaskCase } from './case.ts'
import { judgeCheats } from './agents-judge.ts'

export const taskCases: readonly TaskCase[] = [...judgeCheats]
