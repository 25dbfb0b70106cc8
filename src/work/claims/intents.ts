import type { Epoch, Oid, RefName, SessionId, TaskKey } from '../../core/mod.ts'
import type { ClaimState } from './record.ts'

/** What this node is about to push. Durable before the push, so that a restart can find out what became of it. */
export interface Intent {
  readonly oid: Oid
  readonly from: Oid | null
  readonly ref: RefName
  readonly key: TaskKey
  readonly epoch: Epoch
  readonly attempt: number
  readonly state: ClaimState
  readonly session: SessionId
  /** What moves in the same push: the result branch, the fence. */
  readonly alongside: readonly { readonly ref: RefName; readonly to: Oid | null }[]
}

/** `unknown`: the ref is gone, or its chain is too long to tell. */
export type IntentOutcome = 'happened' | 'did not happen' | 'unknown'

/** The claims' need of the node's log; the node joins it with the audit log. */
export interface IntentLog {
  /** Resolves when the intent survives power loss. */
  append(intent: Intent): Promise<void>
  /** Intents without an outcome, oldest first. */
  unsettled(): Promise<readonly Intent[]>
  settled(oid: Oid, outcome: IntentOutcome): Promise<void>
}

export interface SettledIntent {
  readonly intent: Intent
  readonly outcome: IntentOutcome
}
