import { gitTraps } from './agents-git.ts'
import { hostReach } from './agents-host.ts'
import { judgeCheats } from './agents-judge.ts'
import { limitBreakers } from './agents-limits.ts'
import { pathTricks } from './agents-paths.ts'
import type { TaskCase } from './case.ts'
import { hostileChecks, hostileTitles } from './checks.ts'

export { claimCases } from './claims.ts'
export { configCases } from './configuration.ts'
export { gossipCases } from './gossip.ts'
export { logCases, stateCases } from './state-folders.ts'
export { taskFiles } from './task-files.ts'

/** In the order of their numbers. */
export const taskCases: readonly TaskCase[] = [...judgeCheats, ...gitTraps, ...pathTricks, ...hostReach, ...limitBreakers, ...hostileChecks, ...hostileTitles]
