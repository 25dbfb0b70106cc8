import { unreachable } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import { COORDINATOR_TIMES } from './times.ts'

/**
 * The life of one task on one node, from the moment it fits until this node is done with it. Pure: inputs come from the
 * coordinator's service, effects go back to it.
 *
 *   waiting ── due ──> claiming ── won ──> working ── verified ──> reading ── same ──> delivering ──> completing ──> finishing ──> ended
 *      │                  │ (a delivered task is only completed)      │ changed: once back to working
 *      └ seen elsewhere   └ lost                                      └ closed: released
 *
 * Any failure before delivery releases the claim with its reason (or parks, or escalates); after delivery only the
 * provider's part is left and is tried until it is confirmed, or left to another node when this one stops. A lost claim
 * ends everything at once and writes nothing.
 */
export type LifeState =
  | { readonly at: 'waiting' | 'claiming' | 'working' | 'reading' | 'rechecking' | 'delivering' | 'completing' | 'finishing'; readonly memory: LifeMemory }
  | { readonly at: 'letting-go'; readonly memory: LifeMemory; readonly how: Ending }
  | { readonly at: 'ended'; readonly how: Ending }

export interface LifeMemory {
  /** How often the task's text changed under us; the second time it is released. */
  readonly textChanges: number
  /** How often the branch moved between the checks and the push. */
  readonly rechecks: number
  /** How often the change no longer fitted the moved branch; the second time a person is asked. */
  readonly conflicts: number
  readonly providerFailures: number
  readonly providerBackoffMs: readonly number[]
  readonly draining: boolean
  /** The branch is too busy to be merged into: what is verified goes to a branch of its own. */
  readonly forReview: boolean
}

/** How a life ended on this node. `completed` only after provider and claim both say so. */
export type Ending =
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'released'; readonly reason: string }
  | { readonly kind: 'parked'; readonly reason: string }
  | { readonly kind: 'escalated'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string }
  /** It was never claimed here. `hinted`: only because another was heard to claim it, which the refs may not bear out. */
  | { readonly kind: 'outrun'; readonly reason: string; readonly hinted: boolean }

export type LifeInput =
  | { readonly kind: 'due' }
  | { readonly kind: 'seen-elsewhere' }
  | { readonly kind: 'claim-won'; readonly deliveredBefore: boolean }
  | { readonly kind: 'claim-lost'; readonly reason: string }
  | { readonly kind: 'verified' }
  | { readonly kind: 'attempt-failed'; readonly reason: string; readonly last: boolean }
  | { readonly kind: 'attempt-parked'; readonly reason: string }
  | { readonly kind: 'attempt-unavailable'; readonly reason: string }
  | { readonly kind: 'conflict'; readonly reason: string }
  /** Seen before the delivery was tried: another's turn was waited for. */
  | { readonly kind: 'branch-moved'; readonly moved: Oid }
  | { readonly kind: 'task-read'; readonly verdict: 'same' | 'changed' | 'gone' }
  | { readonly kind: 'delivered' }
  | { readonly kind: 'delivery-refused'; readonly reason: string; readonly moved: Oid | undefined }
  | { readonly kind: 'delivery-in-the-way'; readonly reason: string }
  | { readonly kind: 'provider-confirmed' }
  | { readonly kind: 'provider-failed'; readonly reason: string }
  | { readonly kind: 'finished' }
  | { readonly kind: 'let-go' }
  | { readonly kind: 'superseded'; readonly reason: string }
  | { readonly kind: 'drain' }

export type LifeEffect =
  | { readonly kind: 'acquire' }
  | { readonly kind: 'tell-claimed' }
  | { readonly kind: 'attempt' }
  | { readonly kind: 'stop-attempt' }
  | { readonly kind: 'read-task'; readonly forReview: boolean }
  | { readonly kind: 'recheck'; readonly onto: Oid }
  | { readonly kind: 'deliver'; readonly forReview: boolean }
  | { readonly kind: 'complete'; readonly afterMs: number }
  | { readonly kind: 'finish' }
  | { readonly kind: 'let-go'; readonly how: Ending; readonly countsAsAttempt: boolean }
  | { readonly kind: 'end'; readonly how: Ending }

export interface LifeStep { readonly state: LifeState; readonly effects: readonly LifeEffect[] }

/** A branch that moves more often than this while we check is too busy: nothing that is verified is thrown away for it. */
export const RECHECKS_MAX = 8
const STOPPING = 'the node is stopping'
const WITHDRAWN: Ending = { kind: 'released', reason: 'the task was closed or withdrawn' }

/** `providerBackoffMs`: waits before the provider is told again. */
export const begin = (providerBackoffMs: readonly number[] = COORDINATOR_TIMES.providerBackoffMs): LifeState =>
  ({ at: 'waiting', memory: { providerBackoffMs, textChanges: 0, rechecks: 0, conflicts: 0, providerFailures: 0, draining: false, forReview: false } })

export const step = (state: LifeState, input: LifeInput): LifeStep => {
  if (state.at === 'ended') return { state, effects: [] }
  // The fence comes first: whoever lost the claim writes nothing more, whatever it was doing.
  if (input.kind === 'superseded') return end({ kind: 'lost', reason: input.reason }, [{ kind: 'stop-attempt' }])
  if (input.kind === 'drain') return drain(state)
  switch (state.at) {
    case 'waiting': return waiting(state.memory, input)
    case 'claiming': return claiming(state.memory, input)
    case 'working': case 'rechecking': return working(state, input)
    case 'reading': return reading(state.memory, input)
    case 'delivering': return delivering(state.memory, input)
    case 'completing': return completing(state.memory, input)
    case 'finishing': return input.kind === 'finished' ? end({ kind: 'completed' }) : stay(state)
    case 'letting-go': return input.kind === 'let-go' ? end(state.how) : stay(state)
    default: return unreachable(state)
  }
}

const waiting = (memory: LifeMemory, input: LifeInput): LifeStep => {
  if (input.kind === 'seen-elsewhere') return end({ kind: 'outrun', reason: 'claimed by another node', hinted: true })
  if (input.kind === 'due') return { state: { at: 'claiming', memory }, effects: [{ kind: 'acquire' }] }
  return stay({ at: 'waiting', memory })
}

const claiming = (memory: LifeMemory, input: LifeInput): LifeStep => {
  if (input.kind === 'claim-lost') return end({ kind: 'outrun', reason: input.reason, hinted: false })
  if (input.kind !== 'claim-won') return stay({ at: 'claiming', memory })
  if (input.deliveredBefore) return { state: { at: 'completing', memory }, effects: [{ kind: 'tell-claimed' }, { kind: 'complete', afterMs: 0 }] }
  if (memory.draining) return letGo(memory, { kind: 'released', reason: STOPPING })
  return { state: { at: 'working', memory }, effects: [{ kind: 'tell-claimed' }, { kind: 'attempt' }] }
}

const working = (state: LifeState & { readonly memory: LifeMemory }, input: LifeInput): LifeStep => {
  const { memory } = state
  switch (input.kind) {
    case 'verified':
      return { state: { at: 'reading', memory }, effects: [{ kind: 'read-task', forReview: memory.forReview }] }
    case 'attempt-failed':
      return letGo(memory, input.last ? { kind: 'escalated', reason: input.reason } : { kind: 'failed', reason: input.reason }, true)
    case 'attempt-parked': return letGo(memory, { kind: 'parked', reason: input.reason })
    // It may come from beside the attempt (the log, say), which must not run on.
    case 'attempt-unavailable': return stopped(letGo(memory, { kind: 'released', reason: input.reason }))
    case 'task-read': return input.verdict === 'gone' ? letGo(memory, WITHDRAWN) : stay(state)
    case 'conflict':
      if (memory.conflicts >= 1) return letGo(memory, { kind: 'escalated', reason: input.reason })
      return { state: { at: 'working', memory: { ...memory, conflicts: memory.conflicts + 1 } }, effects: [{ kind: 'attempt' }] }
    default: return stay(state)
  }
}

const reading = (memory: LifeMemory, input: LifeInput): LifeStep => {
  if (input.kind === 'attempt-unavailable') return letGo(memory, { kind: 'released', reason: input.reason })
  if (input.kind === 'branch-moved') {
    if (memory.rechecks < RECHECKS_MAX) return recheck(memory, input.moved)
    return { state: { at: 'reading', memory: { ...memory, forReview: true } }, effects: [{ kind: 'read-task', forReview: true }] }
  }
  if (input.kind !== 'task-read') return stay({ at: 'reading', memory })
  if (input.verdict === 'gone') return letGo(memory, WITHDRAWN)
  if (input.verdict === 'same') return { state: { at: 'delivering', memory }, effects: [{ kind: 'deliver', forReview: memory.forReview }] }
  if (memory.textChanges >= 1) return letGo(memory, { kind: 'released', reason: 'the task text changed twice while it was worked on' })
  return { state: { at: 'working', memory: { ...memory, textChanges: memory.textChanges + 1 } }, effects: [{ kind: 'attempt' }] }
}

const delivering = (memory: LifeMemory, input: LifeInput): LifeStep => {
  switch (input.kind) {
    case 'delivered': return { state: { at: 'completing', memory }, effects: [{ kind: 'complete', afterMs: 0 }] }
    case 'attempt-unavailable': return letGo(memory, { kind: 'released', reason: input.reason })
    case 'delivery-in-the-way': return letGo(memory, { kind: 'parked', reason: input.reason })
    case 'delivery-refused':
      // To check again takes as long as the checks do: not while the node stops.
      if (memory.draining) return letGo(memory, { kind: 'released', reason: STOPPING })
      if (input.moved === undefined) return letGo(memory, { kind: 'released', reason: input.reason })
      if (memory.rechecks >= RECHECKS_MAX) return { state: { at: 'delivering', memory: { ...memory, forReview: true } }, effects: [{ kind: 'deliver', forReview: true }] }
      return recheck(memory, input.moved)
    default: return stay({ at: 'delivering', memory })
  }
}

const completing = (memory: LifeMemory, input: LifeInput): LifeStep => {
  if (input.kind === 'attempt-unavailable') return letGo(memory, { kind: 'released', reason: input.reason })
  if (input.kind === 'provider-confirmed') return { state: { at: 'finishing', memory }, effects: [{ kind: 'finish' }] }
  if (input.kind !== 'provider-failed') return stay({ at: 'completing', memory })
  // The delivery stands. Its lease runs out, and whoever takes it up does the provider's part.
  if (memory.draining) return letGo(memory, { kind: 'released', reason: `delivered, but not confirmed by the provider before the node stopped: ${input.reason}` })
  const failures = memory.providerFailures + 1
  const afterMs = memory.providerBackoffMs[Math.min(failures, memory.providerBackoffMs.length) - 1] ?? 60_000
  return { state: { at: 'completing', memory: { ...memory, providerFailures: failures } }, effects: [{ kind: 'complete', afterMs }] }
}

/** A node that stops gives work back; from `delivering` on it finishes, unless the remote or the provider does not answer. */
const drain = (state: Exclude<LifeState, { at: 'ended' }>): LifeStep => {
  const memory = { ...state.memory, draining: true }
  switch (state.at) {
    case 'waiting': return end({ kind: 'outrun', reason: STOPPING, hinted: false })
    case 'working': case 'rechecking': case 'reading': return stopped(letGo(memory, { kind: 'released', reason: STOPPING }))
    case 'claiming': case 'delivering': case 'completing': case 'finishing': return { state: { ...state, memory }, effects: [] }
    case 'letting-go': return stay(state)
    default: return unreachable(state)
  }
}

const recheck = (memory: LifeMemory, onto: Oid): LifeStep =>
  ({ state: { at: 'rechecking', memory: { ...memory, rechecks: memory.rechecks + 1 } }, effects: [{ kind: 'recheck', onto }] })
const letGo = (memory: LifeMemory, how: Ending, countsAsAttempt = false): LifeStep =>
  ({ state: { at: 'letting-go', memory, how }, effects: [{ kind: 'let-go', how, countsAsAttempt }] })
const stopped = (next: LifeStep): LifeStep => ({ state: next.state, effects: [{ kind: 'stop-attempt' }, ...next.effects] })
const end = (how: Ending, before: readonly LifeEffect[] = []): LifeStep =>
  ({ state: { at: 'ended', how }, effects: [...before, { kind: 'end', how }] })
const stay = (state: LifeState): LifeStep => ({ state, effects: [] })
