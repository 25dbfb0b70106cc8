import { isOid, refName, unreachable } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import type { RefUpdate, Task, TaskResult } from '../ports/mod.ts'
import { RECHECKS_MAX } from './life.ts'
import type { DeliveredResult, HeldClaim, RepositoryWork, VerifiedOutcome } from './needs.ts'

/** Title in the claim record: the whole result has to fit in 4 KiB. */
const TITLE_CHARACTERS_MAX = 200

export interface DeliveryRequest {
  readonly repository: RepositoryWork
  readonly claim: HeldClaim
  readonly task: Task
  readonly verified: VerifiedOutcome
  /** An earlier try got no answer: it may have moved the branch itself, which then is not "moved by another". */
  readonly triedBefore: boolean
  /** On a branch of its own in any case. */
  readonly forReview: boolean
}

export type Delivery =
  | { readonly kind: 'delivered'; readonly delivered: DeliveredResult }
  | { readonly kind: 'superseded' }
  /** `moved`: where the branch to merge into stands now, if that is why. */
  | { readonly kind: 'refused'; readonly reason: string; readonly moved: Oid | undefined }
  | { readonly kind: 'in-the-way'; readonly reason: string }
  /** It may have happened: to be asked again, with `triedBefore`. */
  | { readonly kind: 'unclear'; readonly reason: string }

/** The one atomic push that moves the claim and the result's branch. Rejects when the remote does not answer. */
export const deliver = async ({ repository, claim, task, verified, triedBefore, forReview }: DeliveryRequest): Promise<Delivery> => {
  const into = forReview ? undefined : await mergeTarget(repository, verified)
  if (into !== undefined && !triedBefore && into.tip !== verified.base) return { kind: 'refused', reason: `${into.branch} moved`, moved: into.tip }
  const branch = into?.branch ?? `chorus/${task.number}`
  const ref = refName(`refs/heads/${branch}`)
  const update: RefUpdate = { ref, from: into === undefined ? await repository.branchTip(ref) : verified.base, to: verified.commit }
  const delivered: DeliveredResult = {
    commit: verified.commit, branch, mode: into === undefined ? 'branch' : 'merge', evidence: verified.evidence,
    title: task.title.slice(0, TITLE_CHARACTERS_MAX).toWellFormed(),
  }
  const answer = await repository.claims.deliver(claim, { result: delivered, alongside: [update] })
  switch (answer.kind) {
    // An earlier try may have come through instead: the record says what is delivered.
    case 'delivered': return { kind: 'delivered', delivered: readDelivered(repository.claims.view(task.key).result) ?? delivered }
    case 'superseded': case 'unclear': return answer
    case 'in-the-way': return { kind: 'in-the-way', reason: inTheWay(answer.paths) }
    case 'refused': {
      const tip = into === undefined ? undefined : (await repository.sources.refresh()).tip
      return { kind: 'refused', reason: answer.reason, moved: tip === verified.base ? undefined : tip }
    }
    default: return unreachable(answer)
  }
}

/** The branch that it would be merged into, as the remote has it now. Undefined when it goes to a branch of its own. Rejects as `deliver`. */
export const mergeTarget = async (repository: RepositoryWork, verified: VerifiedOutcome): Promise<{ readonly branch: string; readonly tip: Oid | undefined } | undefined> => {
  const { policy: { delivery, mergeOn }, sources } = repository
  if (delivery !== 'merge' || !mergeOn.includes(verified.evidence)) return undefined
  const { branch, tip } = await sources.refresh()
  return await mayMerge(repository, verified, tip) ? { branch, tip } : undefined
}

export const tooBusy = (branch: string, delivered: DeliveredResult): string =>
  `${branch} moved ${RECHECKS_MAX} times during its checks: ${delivered.branch} waits to be merged by you`

/** Written by every commit that Chorus delivers; on the branch it shows that a person has merged one. */
const TRAILER = 'Chorus-Task'

const mayMerge = async ({ policy, sources }: RepositoryWork, verified: VerifiedOutcome, tip: Oid | undefined): Promise<boolean> => {
  if (policy.delivery !== 'merge' || !policy.mergeOn.includes(verified.evidence)) return false
  return !policy.approveFirst || (tip !== undefined && await sources.hasTrailer(tip, TRAILER))
}

const inTheWay = (paths: readonly string[]): string =>
  `your changes in ${paths.slice(0, 5).join(', ')} are in the way: commit or stash them, then \`chorus task retry\`, or merge the result yourself`

/** What a `delivered` record says; undefined when another version wrote something else. */
export const readDelivered = (value: unknown): DeliveredResult | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const { commit, branch, mode, evidence, title } = value as Record<string, unknown>
  if (typeof commit !== 'string' || !isOid(commit) || typeof branch !== 'string' || (mode !== 'merge' && mode !== 'branch')) return undefined
  const level = evidence === 'proved' || evidence === 'reproduced' ? evidence : 'unproven'
  return { commit, branch, mode, evidence: level, title: typeof title === 'string' ? title : '' }
}

/** For the provider: what the attempt made, where it went, and why not where it should. */
export const resultOf = (verified: VerifiedOutcome, delivered: DeliveredResult, why?: string): TaskResult => {
  const { result } = verified
  return { ...result, message: why === undefined ? result.message : `${result.message}; ${why}`, metadata: { ...result.metadata, artifacts: { ...result.metadata.artifacts, branch: delivered.branch } } }
}

/** The node that worked died after its delivery: what it used is unknown here, what it delivered is in the record. */
export const resultForAnother = (delivered: DeliveredResult | undefined): TaskResult => ({
  success: true,
  message: 'delivered by a node that ended before it could say so',
  metadata: {
    execution_type: 'command', duration: 0, commands_executed: 0, files_generated: [],
    resource_usage: { wall_ms: 0, cpu_ms: 0, memory_bytes_peak: 0, processes_peak: 0, source: 'sampled' },
    artifacts: { commit: delivered?.commit ?? '', branch: delivered?.branch ?? '', evidence: delivered?.evidence ?? 'unproven' },
    tokens: null, cost: null,
  },
})
