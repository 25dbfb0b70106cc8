import type { TaskKey } from '../core/mod.ts'

/** Where tasks come from and are reported to. Holds no claim: that is the ref store's. */
export interface TaskProvider {
  /** First part of the task key: `local`, `github`, ... */
  readonly name: string
  /** Second part of the task key. */
  readonly repository: string
  /** All open tasks it can read now. A broken one is a problem, and does not stop the rest. */
  list(): Promise<TaskListing>
  /** The task as it is now; undefined when it is gone. */
  get(number: string): Promise<Task | undefined>
  /** Best effort: labels, comments. The claim ref is the truth. */
  report(task: Task, event: TaskEvent): Promise<void>
  /** Idempotent. Resolves only when the provider shows the task as done. */
  complete(task: Task, result: TaskResult): Promise<void>
}

export interface TaskListing {
  readonly tasks: readonly Task[]
  readonly problems: readonly TaskProblem[]
}

export interface TaskProblem {
  /** File path or issue URL. */
  readonly place: string
  readonly line: number | undefined
  readonly reason: string
}

export type TaskType = 'bug_fix' | 'feature_development' | 'testing' | 'documentation' | 'refactoring' | 'code_review' | 'development'

export interface Task {
  readonly key: TaskKey
  readonly provider: string
  readonly repository: string
  readonly number: string
  readonly title: string
  readonly description: string
  readonly labels: readonly string[]
  /** 0 (whenever) to 10 (now); 4 when nothing says so. */
  readonly priority: number
  readonly type: TaskType
  readonly requiredRole: string | undefined
  readonly requiredExpertise: readonly string[]
  readonly dependsOn: readonly TaskKey[]
  /** Command that is red now and must be green: from front matter or a maintainer's label. */
  readonly check: string | undefined
  readonly state: 'open' | 'closed'
  readonly url: string | undefined
  /** Milliseconds since 1970; 0 when unknown (then it counts as oldest). */
  readonly createdAtMs: number
  /** SHA-256 of everything that the agent will be told: a change after the claim is noticed. */
  readonly contentHash: string
}

/** What may be reported on the way. */
export type TaskEvent =
  | { readonly kind: 'claimed' | 'started' }
  | { readonly kind: 'released' | 'failed' | 'escalated' | 'parked'; readonly reason: string }

export interface TaskResult {
  readonly success: boolean
  readonly message: string
  readonly metadata: TaskResultMetadata
}

/** The seed's metadata, plus evidence. */
export interface TaskResultMetadata {
  readonly execution_type: 'ai_powered' | 'command' | 'repair' | 'mock'
  /** Seconds. */
  readonly duration: number
  readonly commands_executed: number
  readonly files_generated: readonly string[]
  readonly resource_usage: { readonly wall_ms: number; readonly cpu_ms: number; readonly memory_bytes_peak: number; readonly processes_peak: number; readonly source: 'exact' | 'sampled' }
  readonly artifacts: { readonly commit: string; readonly branch: string; readonly evidence: 'proved' | 'reproduced' | 'unproven' }
  readonly tokens: { readonly input: number; readonly output: number } | null
  readonly cost: number | null
}
