import type { Oid, Result } from '../../core/mod.ts'
import type { FileChange, Snapshot, TaskType } from '../../ports/mod.ts'
import type { Evidence } from './attempt.ts'
import type { CommandRun } from './checks.ts'
import type { Project } from './project.ts'
import type { ChangesVerdict } from './protected.ts'
import type { SetupPlan } from './setup-plan.ts'

/** What the attempt's machine (machine.ts) knows, hears and asks for. Plain data. */
export type AttemptPhase = 'reading-project' | 'setup' | 'base-run' | 'agent-round' | 'snapshot' | 'judge-changes' | 'change-setup' | 'check' | 'own-tests' | 'evidence' | 'ended'

export interface AttemptPlan {
  readonly base: Oid
  readonly check: string | undefined
  readonly taskType: TaskType
  readonly roundsMax: number
  readonly agentTimeoutMs: number
  readonly changesMax: number
  readonly feedbackBytesMax: number
  /** Set for a recheck. */
  readonly replayed?: { readonly commit: Oid; readonly changes: readonly FileChange[] } | undefined
}

export interface AttemptState {
  readonly phase: AttemptPhase
  readonly plan: AttemptPlan
  readonly project: Project | undefined
  readonly commands: readonly string[]
  readonly base: readonly CommandRun[]
  readonly round: number
  readonly roundStartedMs: number
  readonly agentMsLeft: number
  readonly agent: AgentEnd | undefined
  readonly changes: readonly FileChange[]
  /** Trees that were refused: an agent that comes back with one is not asked again. */
  readonly refusedTrees: readonly string[]
  readonly tree: string
  readonly lastProblem: string
  readonly commit: Oid | undefined
  readonly verdict: ChangesVerdict | undefined
  readonly flags: readonly string[]
  readonly now: readonly CommandRun[]
  readonly end: AttemptEnd | undefined
}

export type AttemptEnd =
  | { readonly kind: 'verified'; readonly evidence: Evidence }
  | { readonly kind: 'failed' | 'parked' | 'unavailable'; readonly reason: string }
  | { readonly kind: 'cancelled' }

/** What the service saw of the agent. `silent`: it needs a model, and the model answered nothing. */
export interface AgentEnd {
  readonly outcome: 'finished' | 'timeout' | 'failed' | 'cancelled'
  readonly detail: string
  readonly silent: boolean
}

export type AttemptInput =
  | { readonly kind: 'started' }
  | { readonly kind: 'project-read'; readonly project: Result<Project> }
  | { readonly kind: 'set-up'; readonly outcome: { readonly kind: 'ready' } | { readonly kind: 'failed' | 'unavailable'; readonly reason: string } }
  | { readonly kind: 'base-ran'; readonly runs: readonly CommandRun[] }
  | { readonly kind: 'agent-ended'; readonly agent: AgentEnd }
  | { readonly kind: 'snapshot-taken'; readonly snapshot: Snapshot }
  | { readonly kind: 'inspected'; readonly inspection: Inspection }
  | { readonly kind: 'checked'; readonly runs: readonly CommandRun[] }
  | { readonly kind: 'without-added-ran'; readonly runs: readonly CommandRun[] }
  | { readonly kind: 'overlay-ran'; readonly runs: readonly CommandRun[] }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'cancelled' }

export interface Inspection {
  readonly commit: Oid
  /** Rule names of the secrets in what the change adds. */
  readonly secretRules: readonly string[]
  readonly diffCut: boolean
  /** Binary files: nobody searched them. */
  readonly hidesContent: boolean
  /** As `comparedPaths` asks. */
  readonly contents: ReadonlyMap<string, { readonly before: string | undefined; readonly after: string | undefined }>
  /** As `twinsOf` finds them. */
  readonly twins: ReadonlyMap<string, string>
  /** The project at the change, when its lockfile may have changed. */
  readonly setup: SetupPlan | undefined
}

export type AttemptEffect =
  | { readonly kind: 'read-project' }
  | { readonly kind: 'set-up'; readonly plan: SetupPlan; readonly change: Oid | undefined }
  | { readonly kind: 'run-base'; readonly commands: readonly string[] }
  | { readonly kind: 'run-agent'; readonly round: number; readonly feedback: string | undefined; readonly timeoutMs: number }
  | { readonly kind: 'take-snapshot' }
  | { readonly kind: 'inspect'; readonly snapshot: Snapshot | undefined }
  | { readonly kind: 'run-checks'; readonly commit: Oid; readonly commands: readonly string[] }
  /** The change without the tests that it adds. */
  | { readonly kind: 'run-without-added'; readonly commit: Oid; readonly paths: readonly string[]; readonly commands: readonly string[] }
  | { readonly kind: 'run-overlay'; readonly commit: Oid; readonly paths: readonly string[]; readonly commands: readonly string[] }

export interface AttemptStep { readonly state: AttemptState; readonly effects: readonly AttemptEffect[] }
