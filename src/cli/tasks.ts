import { LocalTasks } from '../adapters/local-tasks/mod.ts'
import type { Classify } from '../adapters/local-tasks/mod.ts'
import type { ProviderFactory } from '../node/providers.ts'
import { priorityOf, taskType } from '../work/matching/mod.ts'

/** How title and labels become type and priority; adapters do not decide it. */
export const classify: Classify = { typeOf: taskType, priorityOf }

/** Task providers by the name in `repositories[].provider`. */
export const PROVIDERS: ReadonlyMap<string, ProviderFactory> = new Map([
  ['local', ({ repository, source }) => new LocalTasks({ source, repository, classify })],
])
