import type { Epoch, NodeId, Oid } from '../../core/mod.ts'
import type { AgentRunner, FileChange, Task, TaskResult, TaskResultMetadata } from '../../ports/mod.ts'
import type { CommandRun } from './checks.ts'
import type { PromptExtras } from './prompt.ts'

/** One try of one agent at one task, from a base commit to a judged commit. */
export interface AttemptRequest {
  readonly task: Task
  /** Commit the work starts from; checks, their configuration and what is protected come from it. */
  readonly base: Oid
  readonly claim: { readonly epoch: Epoch; readonly oid: Oid; readonly node: NodeId; readonly logAddress: string }
  readonly role: string
  readonly agentId: string
  readonly runner: AgentRunner
  readonly extras?: PromptExtras | undefined
  /** Aborting ends every program of the attempt; `attempt` then resolves with `cancelled`. */
  readonly signal: AbortSignal
  /** One line for people; never load-bearing. May hold text of the agent. */
  readonly onProgress: (text: string) => void
}

export type Evidence = 'proved' | 'reproduced' | 'unproven'

/** Typed facts for the log: names, numbers and hashes, no bodies. */
export type AttemptFacts = Readonly<Record<string, unknown>>

export type AttemptOutcome =
  | VerifiedAttempt
  /** The agent or its change failed: counts as an attempt. */
  | { readonly kind: 'failed'; readonly reason: string; readonly metadata: TaskResultMetadata; readonly facts: AttemptFacts }
  /** A person must look. `commit` holds the patch when there is one that may be shown; it outlives the work trees. */
  | { readonly kind: 'parked'; readonly reason: string; readonly commit: Oid | undefined; readonly metadata: TaskResultMetadata; readonly facts: AttemptFacts }
  /** Sandbox, set-up or engine did not work here: does not count. */
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'cancelled' }

export interface VerifiedAttempt {
  readonly kind: 'verified'
  readonly commit: Oid
  readonly base: Oid
  readonly evidence: Evidence
  readonly changes: readonly FileChange[]
  /** What a reviewer should know: `lockfile-changed`, `checks-red-at-base`, `no-checks`, ... */
  readonly flags: readonly string[]
  readonly metadata: TaskResultMetadata
  /** For the provider; `artifacts.branch` is empty, delivery fills it in. */
  readonly result: TaskResult
  readonly checks: readonly CheckSummary[]
  readonly facts: AttemptFacts
  /**
   * The change replayed on another base and judged there in full. `conflict` also when the replayed change fails its
   * checks there. Rejects when sandbox or set-up do not work. Not concurrently with itself.
   */
  again(onto: Oid, options?: { readonly signal?: AbortSignal | undefined }): Promise<Recheck>
  /** Removes the work trees. The commit stays in the repository's object store. */
  dispose(): Promise<void>
}

export type Recheck =
  | VerifiedAttempt
  | { readonly kind: 'conflict'; readonly reason: string }
  | { readonly kind: 'cancelled' }

/** A run of one check on the delivered commit. */
export interface CheckSummary {
  readonly command: string
  readonly green: boolean
  readonly greenAtBase: boolean
  readonly outputHash: string
  readonly testsPassed: number
  readonly testsFailed: number
}

export const summarize = (base: readonly CommandRun[], now: readonly CommandRun[]): readonly CheckSummary[] => now.map((run) => {
  const statuses = [...run.tests.values()]
  return {
    command: run.command,
    green: run.green,
    greenAtBase: base.some((before) => before.command === run.command && before.green),
    outputHash: run.outputHash,
    testsPassed: statuses.filter((status) => status === 'pass').length,
    testsFailed: statuses.filter((status) => status === 'fail').length,
  }
})
