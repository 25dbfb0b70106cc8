import type { NodeId, Oid, RefName, TaskKey } from '../../core/mod.ts'
import type { ClaimState } from './record.ts'

/** How a claim was come by. `own`: taken over from an earlier session of this node. */
export type Taken = 'first' | 'released' | 'parked' | 'expired' | 'unreachable' | 'own'

/** What happened to claims, past tense. Observers change no outcome. */
export type ClaimEvent =
  | { readonly kind: 'claim_won'; readonly key: TaskKey; readonly epoch: number; readonly attempt: number; readonly oid: Oid; readonly taken: Taken }
  /** Another was faster. */
  | { readonly kind: 'claim_lost'; readonly key: TaskKey; readonly reason: string }
  /** My own record moved the ref on: parked, released, delivered, done, escalated. */
  | { readonly kind: 'claim_moved'; readonly key: TaskKey; readonly epoch: number; readonly state: ClaimState; readonly oid: Oid; readonly reason?: string | undefined }
  /** I held it, and now another does; nothing of mine was delivered. */
  | { readonly kind: 'claim_superseded'; readonly key: TaskKey; readonly epoch: number; readonly by: NodeId | undefined }
  /** No renewal for two thirds of the lease: I stopped by myself. */
  | { readonly kind: 'claim_unrenewed'; readonly key: TaskKey; readonly epoch: number; readonly sinceMs: number }
  /** A push whose answer was lost landed after I had given it up; it is given back. */
  | { readonly kind: 'claim_landed_late'; readonly key: TaskKey; readonly epoch: number; readonly oid: Oid }
  | { readonly kind: 'tip_quarantined'; readonly key: TaskKey; readonly ref: RefName; readonly oid: Oid; readonly reason: string }
  | { readonly kind: 'claims_pruned'; readonly keys: readonly TaskKey[] }
