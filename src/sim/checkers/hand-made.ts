import type { Epoch, NodeId, Oid, RefName, SessionId, TaskKey } from '../../core/mod.ts'
import type { Task } from '../../ports/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import type { Checker, NodeTruth, Truth } from '../checker.ts'
import type { Happening, PushedRef, Stamped } from '../events.ts'

/** Happenings and truths written by hand, for the checkers' own tests. */

export const KEY = 'board:town/hall#7' as TaskKey
export const REF = 'refs/chorus/claims/7-0011223344556677' as RefName
export const LEASE_MS = 20_000

export interface Actor {
  readonly node: NodeId
  readonly life: string
  readonly session: SessionId
}

export const actor = (name: string, run = 1): Actor =>
  ({ node: `node-of-${name}` as NodeId, life: `${name}/${run}`, session: `session-${name}-${run}` as SessionId })

/** 40 hex digits that stand for the words. */
export const oid = (words: string): Oid => Buffer.from(words.padEnd(20, '.')).toString('hex').slice(0, 40) as Oid

export const record = (by: Actor, given: Partial<ClaimRecord> = {}): ClaimRecord => ({
  version: 1, key: KEY, node: by.node, session: by.session, epoch: 1 as Epoch, epochBase: 0, attempt: 0, state: 'held', leaseMs: LEASE_MS,
  nonce: 'n', parent: null, atSeconds: 0, ...given,
})

export const at = (atMs: number, happening: Happening): Stamped => ({ ...happening, atMs })

/** The claim moves from one record to another; other refs move alongside. */
export const move = (by: Actor, next: ClaimRecord, given: { readonly before?: ClaimRecord; readonly alongside?: readonly PushedRef[]; readonly accepted?: boolean; readonly to?: Oid; readonly sentMs?: number } = {}): Happening => {
  const { before, alongside = [], accepted = true, to = oidOf(next), sentMs } = given
  const from = before === undefined ? null : oidOf(before)
  return {
    kind: 'push', node: by.node, life: by.life, atomic: alongside.length > 0, updates: [{ ref: REF, from, to, accepted, record: next, before }, ...alongside],
    ...sentMs === undefined ? {} : { sentMs },
  }
}

export const oidOf = ({ session, epoch, state, nonce }: ClaimRecord): Oid => oid(`${session.slice(8)}${epoch}${state.slice(0, 4)}${nonce}`)

export const intent = (by: Actor, next: ClaimRecord, given: Readonly<Record<string, unknown>> = {}): Happening =>
  ({ kind: 'log', node: by.node, life: by.life, index: 0, type: 'claim_intent', data: { oid: oidOf(next), key: next.key, state: next.state, epoch: next.epoch, ...given } })

export const settled = (by: Actor, of: ClaimRecord, outcome: 'happened' | 'did-not-happen'): Happening =>
  ({ kind: 'log', node: by.node, life: by.life, index: 0, type: 'intent_settled', data: { oid: oidOf(of), outcome } })

export const branch = (name: string, to: Oid): PushedRef => ({ ref: `refs/heads/${name}` as RefName, from: oid('before'), to, accepted: true })

export const reads = (by: Actor, read: 'open' | 'closed' | 'gone' = 'open'): Happening =>
  ({ kind: 'provider', node: by.node, life: by.life, operation: 'get', number: '7', outcome: 'answered', read })

export const completes = (by: Actor, effect: 'completed' | 'already-complete' = 'completed', commit = RIGHT): Happening =>
  ({ kind: 'provider', node: by.node, life: by.life, operation: 'complete', number: '7', outcome: 'answered', effect, commit })

export const ran = (by: Actor, what: 'agent' | 'check', commit: Oid = RIGHT): Happening =>
  ({ kind: 'ran', node: by.node, life: by.life, what, number: '7', commit: what === 'check' ? commit : undefined, green: true })

export const told = (by: Actor, kind: 'task_claimed' | 'task_completed' | 'task_released', epoch = 1): Happening => {
  const event = kind === 'task_claimed' ? { kind, key: KEY, title: '', epoch, score: 1 } as const
    : kind === 'task_completed' ? { kind, key: KEY, seconds: 1 } as const : { kind, key: KEY, reason: '' } as const
  return { kind: 'told', node: by.node, life: by.life, event }
}

export const RIGHT = oid('the right change')
export const WRONG = oid('some other change')

export const result = (commit: Oid = RIGHT): ClaimRecord['result'] => ({ commit, branch: 'main', mode: 'merge', evidence: 'proved', title: '' })

/** A task from its claim to its end, as one node does it: [when, what]. */
export const wholeWay = (by: Actor): Stamped[] => {
  const held = record(by)
  const delivered = record(by, { state: 'delivered', result: result() })
  const done = record(by, { state: 'done', result: result() })
  return [
    at(0, { kind: 'process', node: by.node, life: by.life, what: 'started' }),
    at(1_000, intent(by, held)), at(1_100, move(by, held, { sentMs: 1_050 })), at(1_150, settled(by, held, 'happened')), at(1_200, told(by, 'task_claimed')),
    at(1_300, reads(by)), at(4_000, ran(by, 'agent')), at(5_000, ran(by, 'check')), at(5_100, reads(by)),
    at(6_000, move(by, record(by, { nonce: 'm' }), { before: held })),
    at(6_100, intent(by, delivered)), at(6_200, move(by, delivered, { before: record(by, { nonce: 'm' }), alongside: [branch('main', RIGHT)], sentMs: 6_150 })),
    at(6_500, completes(by)),
    at(6_600, intent(by, done)), at(6_700, move(by, done, { before: delivered, sentMs: 6_650 })), at(6_800, told(by, 'task_completed')),
    at(9_000, { kind: 'phase', phase: 'stopping' }),
    at(9_500, { kind: 'left', node: by.node, life: by.life, left: [] }),
  ]
}

export const task = (given: Partial<Task> = {}): Task => ({
  key: KEY, provider: 'board', repository: 'town/hall', number: '7', title: '', description: '', labels: [], priority: 4, type: 'bug_fix', requiredRole: undefined,
  requiredExpertise: [], dependsOn: [], check: 'sh check', state: 'open', url: undefined, createdAtMs: 0, contentHash: '', ...given,
})

export const nodeTruth = (by: Actor, given: Partial<NodeTruth> = {}): NodeTruth =>
  ({ node: by.node, name: by.life, life: by.life, alive: true, paused: false, stopped: false, maxTasks: 1, currentTasks: 0, ...given })

export interface GivenTruth extends Partial<Truth> {
  readonly tips?: ReadonlyMap<TaskKey, ClaimRecord>
}

/** One closed task, done and merged, and nobody working, unless it is said otherwise. */
export const truth = (given: GivenTruth = {}): Truth => ({
  nowMs: 9_000, tasks: [task({ state: 'closed' })], nodes: [nodeTruth(actor('ada'))], leaseMs: LEASE_MS, quietSinceMs: 0,
  refs: () => new Map(), tip: (key) => given.tips?.get(key), chain: () => [], merged: () => [{ key: KEY, commit: RIGHT }],
  isRight: (_number, commit) => commit === RIGHT, completions: () => [], ...given,
})

/** All that the checker says of these happenings, in order. */
export const judge = (checker: Checker, happenings: readonly Stamped[], seen: Truth = truth()): readonly string[] =>
  [...happenings.flatMap((happening) => checker.see(happening, seen)), ...checker.finish?.(seen) ?? []]
