import type { Epoch, NodeId, Oid, RefName, Result, TaskKey } from '../core/mod.ts'
import type { RefUpdate, SourceTree, Task, TaskProvider, TaskResult } from '../ports/mod.ts'
import type { AttemptFacts, AttemptRequest, Evidence } from '../work/execution/mod.ts'

/** What the coordinator asks of the rooms that it joins. Each is the narrow face of a service of swarm/, work/ or memory/. */

export interface ClaimView {
  readonly state: 'free' | 'held' | 'parked' | 'released' | 'delivered' | 'done' | 'escalated' | 'quarantined'
  readonly holder?: NodeId | undefined
  readonly epoch: number
  readonly attempt: number
  readonly mine: boolean
  readonly claimable: boolean
  readonly notClaimableBecause?: string | undefined
  readonly result?: unknown
  readonly reason?: string | undefined
}

export interface HeldClaim {
  readonly key: TaskKey
  readonly epoch: Epoch
  readonly attempt: number
  readonly oid: Oid
  /** What was taken over is delivered already: only the provider's part is left. */
  readonly takenDelivered: boolean
  /** Aborted when the claim is lost: superseded, or not renewed in time. */
  readonly signal: AbortSignal
}

export type DeliverAnswer =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'in-the-way'; readonly paths: readonly string[] }
  | { readonly kind: 'unclear'; readonly reason: string }

/** work/claims of one repository. */
export interface ClaimBook<C extends HeldClaim = HeldClaim> {
  track(keys: readonly TaskKey[]): void
  refresh(): Promise<void>
  view(key: TaskKey): ClaimView
  acquire(key: TaskKey): Promise<Result<C>>
  deliver(claim: C, delivery: { readonly result: DeliveredResult; readonly alongside: readonly RefUpdate[] }): Promise<DeliverAnswer>
  finish(claim: C): Promise<boolean>
  /** What precedes a write to the provider that does not follow a push. False when it is not ours any more. */
  renew(claim: C): Promise<boolean>
  release(claim: C, why: { readonly reason: string; readonly countsAsAttempt: boolean }): Promise<boolean>
  park(claim: C, why: { readonly reason: string }): Promise<boolean>
  escalate(claim: C, why: { readonly reason: string }): Promise<boolean>
  /** Deletes the refs of closed tasks that ended long ago. Harmless when doubled or left out. */
  prune(options: { readonly closedKeys: readonly TaskKey[]; readonly olderThanMs: number }): Promise<readonly TaskKey[]>
}

/** What a `delivered` claim record says of the work. */
export interface DeliveredResult {
  readonly commit: Oid
  readonly branch: string
  readonly mode: 'merge' | 'branch'
  readonly evidence: Evidence
  readonly title: string
}

/** work/execution of one repository. */
export interface Attempts {
  attempt(request: AttemptRequest): Promise<AttemptOutcome>
}

export type AttemptOutcome =
  | VerifiedOutcome
  | { readonly kind: 'failed'; readonly reason: string; readonly facts: AttemptFacts }
  | { readonly kind: 'parked'; readonly reason: string; readonly commit: Oid | undefined; readonly facts: AttemptFacts }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'cancelled' }

export interface VerifiedOutcome {
  readonly kind: 'verified'
  readonly commit: Oid
  readonly base: Oid
  readonly evidence: Evidence
  readonly facts: AttemptFacts
  readonly result: TaskResult
  /** The change replayed on another base and checked there again, in full. */
  again(onto: Oid, options?: { readonly signal?: AbortSignal | undefined }): Promise<VerifiedOutcome | { readonly kind: 'conflict'; readonly reason: string } | { readonly kind: 'cancelled' }>
  dispose(): Promise<void>
}

/** work/turn of one repository: who merges next. Advice: it may be wrong, missing, or ignored by others. */
export interface MergeTurns {
  of(key: TaskKey): MergeTurn
}

export interface MergeTurn {
  /** Waits, within bounds, while it is another's turn (`passed`: it is nobody else's). `needed`: asks for one even where nobody has it. Never rejects. */
  lineUp(branch: string, options: { readonly needed: boolean }): Promise<'passed' | 'mine' | 'without'>
  /** It is this task's turn, as far as is known. */
  readonly holds: boolean
  /** Ends a wait at once and gives the turn back, best effort. Never rejects. */
  leave(): Promise<void>
}

export interface DeliveryPolicy {
  readonly delivery: 'branch' | 'merge'
  readonly mergeOn: readonly string[]
  /** Nothing is merged before a person has merged a first delivery into the branch. */
  readonly approveFirst: boolean
}

/** One repository that the node works on. */
export interface RepositoryWork {
  readonly provider: TaskProvider
  readonly sources: SourceTree
  readonly claims: ClaimBook
  readonly attempts: Attempts
  readonly turns: MergeTurns
  readonly policy: DeliveryPolicy
  /** Where the tip of a result branch is read, to lease it. */
  branchTip(ref: RefName): Promise<Oid | null>
  /** Puts a commit on a new branch of its own, for a person to look at. Resolves with whether the branch is there. */
  keepPatch(ref: RefName, commit: Oid): Promise<boolean>
}

export interface MemberView {
  readonly node: NodeId
  readonly role: string
  readonly expertise: readonly string[]
  readonly currentTasks: number
  readonly maxTasks: number
  readonly status: 'ready' | 'working' | 'busy' | 'offline'
  /** `<provider>:<repository>` that it can poll. */
  readonly repositories: readonly string[]
}

/** swarm/membership. */
export interface Members { members(): readonly MemberView[] }

/** What the others are told, in the order of the calls; best effort, never waited for. */
export interface Tell {
  found(tasks: readonly Task[]): Promise<void>
  claimed(task: Task, claim: HeldClaim): Promise<void>
  progress(task: Task, claim: HeldClaim, status: 'started' | 'completed' | 'failed' | 'released' | 'parked' | 'escalated' | 'lost', reason?: string): Promise<void>
  complete(task: Task, claim: HeldClaim, result: DeliveredResult, seconds: number): Promise<void>
}

/** memory/audit. Rejects when the entry could not be made durable. */
export type AuditRecord = (type: string, data: Readonly<Record<string, unknown>>) => Promise<void>

export interface Performance {
  /** 0-1, smoothed; 0.5 without history. */
  score(type: Task['type']): number
}

export interface AgentIdentity {
  readonly node: NodeId
  readonly agentId: string
  readonly role: string
  readonly expertise: readonly string[]
  readonly maxTasks: number
  readonly logAddress: string
}
