import type { TaskKey } from '../core/mod.ts'

/** What happened, in the past tense, as plain data. Watching changes nothing. */
export type CoordinatorEvent =
  | { readonly kind: 'task_claimed'; readonly key: TaskKey; readonly title: string; readonly epoch: number; readonly score: number }
  | { readonly kind: 'task_started'; readonly key: TaskKey; readonly attempt: number }
  | { readonly kind: 'task_progressed'; readonly key: TaskKey; readonly text: string }
  | { readonly kind: 'task_verified'; readonly key: TaskKey; readonly evidence: string; readonly commit: string }
  | { readonly kind: 'task_delivered'; readonly key: TaskKey; readonly mode: 'merge' | 'branch'; readonly commit: string }
  | { readonly kind: 'task_completed'; readonly key: TaskKey; readonly seconds: number }
  | { readonly kind: 'task_failed' | 'task_released' | 'task_parked' | 'task_escalated' | 'task_lost'; readonly key: TaskKey; readonly reason: string }
  | { readonly kind: 'task_problem'; readonly place: string; readonly line: number | undefined; readonly reason: string }
  | { readonly kind: 'repository_failed'; readonly repository: string; readonly reason: string }
