import type { ResourceUsage, SandboxEnd, SandboxMount, SandboxProcess } from './sandbox.ts'

/**
 * A coding agent ("engine"): edits a work tree to solve a task. It proposes; what it says of its success is not
 * believed. All its programs run in the attempt's sandbox, which it cannot choose or widen.
 */
export interface AgentRunner {
  /** `command`, `repair`, or `acp`. */
  readonly kind: string
  /** What must be bound into the sandbox for it, and whether it talks to a model. */
  readonly needs: AgentNeeds
  /** Cheap; asked before a claim: a node with no working engine does not claim. */
  probe(): Promise<AgentProbe>
  /** Resolves when the agent has ended and its processes are gone. Failures of the agent are a report, not a throw. */
  run(request: AgentRequest, bench: AgentBench): Promise<AgentReport>
}

export interface AgentNeeds {
  readonly mounts: readonly SandboxMount[]
  /** Port inside the sandbox where the model proxy must answer; undefined = no network at all. */
  readonly modelPort?: number | undefined
}

export type AgentProbe = { readonly ready: true } | { readonly ready: false; readonly reason: string; readonly fix: string }

export interface AgentRequest {
  readonly taskId: string
  readonly title: string
  /** The task in its author's words: untrusted. */
  readonly description: string
  /** Everything the agent is told, the description fenced among it. */
  readonly prompt: string
  /** What the last round's checks printed; undefined in the first round. */
  readonly feedback?: string | undefined
  /** TASK_ID, REPOSITORY, AGENT_ID, AGENT_ROLE. */
  readonly environment: Readonly<Record<string, string>>
  /** From start to end, set-up of the agent included. */
  readonly timeoutMs: number
}

/** What the attempt lends its agent. */
export interface AgentBench {
  /** Host path of the clone that the agent edits; at /workspace inside. */
  readonly workspacePath: string
  /** Starts a program in the attempt's sandbox, on the clone. */
  start(command: readonly string[], options?: { readonly environment?: Readonly<Record<string, string>>; readonly timeoutMs?: number }): Promise<SandboxProcess>
  /**
   * Runs the task's checks in the sandbox on the clone as it stands; for engines that search. `timeoutMs` shortens the
   * limit of each command (an edit may loop forever); it never lengthens it. Commands that hit it are not green.
   */
  check(options?: { readonly timeoutMs?: number | undefined }): Promise<CheckReport>
  readonly signal: AbortSignal
  /** Progress, for people and for the idle/stalled judgement. Never load-bearing. */
  progress(event: AgentProgress): void
}

export type AgentProgress =
  | { readonly kind: 'tool'; readonly title: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'step'; readonly text: string }

export interface AgentReport {
  readonly outcome: 'finished' | 'timeout' | 'failed' | 'cancelled'
  /** Why, when not finished; for people. */
  readonly detail: string
  /** The agent's own last words, bounded; a claim, not a fact. */
  readonly said: string
  readonly commandsExecuted: number
  /** null = unknowable with this engine. */
  readonly tokens: { readonly input: number; readonly output: number } | null
  readonly usage: readonly ResourceUsage[]
}

/** Outcome of one run of the checks. */
export interface CheckReport {
  readonly green: boolean
  readonly commands: readonly CommandReport[]
  /** Per test where the runner can say so, keyed by a name that is stable across runs; else empty. */
  readonly tests: ReadonlyMap<string, 'pass' | 'fail'>
}

export interface CommandReport {
  readonly command: string
  readonly green: boolean
  readonly end: SandboxEnd
  /** Last part of standard output and error, bounded. */
  readonly output: string
}
