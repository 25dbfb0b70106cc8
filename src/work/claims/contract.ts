import type { NodeId, SessionId, TaskKey } from '../../core/mod.ts'
import type { Clock, Entropy, Logger, RefStore, Signer } from '../../ports/mod.ts'
import type { IntentLog } from './intents.ts'
import type { Witnesses } from './lease.ts'
import type { RecordOpener } from './record.ts'
import type { ClaimSettings } from './settings.ts'
import type { Claim } from './table.ts'

/** What the service of claims needs, and what it answers. */
export interface ClaimsComponents {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly intents: IntentLog
  isMember(node: NodeId): boolean
  /** Of the members but this node and the one asked about: how many there are, and how many cannot reach it. */
  holderUnreachable(node: NodeId): Witnesses
  /** Reads the records of chains; default: the pure `openRecord`. */
  readonly openRecord?: RecordOpener | undefined
}

export interface ClaimsInit extends Partial<ClaimSettings> {
  /** This run of the process; a new one is drawn when not given. */
  readonly session?: SessionId
  /** Root of all refs of the protocol; the same in all nodes of a repository. */
  readonly namespace?: string
}

export type DeliverAnswer =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'superseded' }
  /** The claim is still mine; what was to move with it was refused. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'in-the-way'; readonly paths: readonly string[] }
  /** Not known: deliver again, which first looks whether it happened. */
  | { readonly kind: 'unclear'; readonly reason: string }

export interface AdoptedClaim {
  readonly key: TaskKey
  readonly outcome: 'taken over' | 'released' | 'left' | 'lost'
  readonly claim: Claim | undefined
}
