import { canonicalJson } from '../../core/mod.ts'
import type { ClaimRecord, ClaimState } from './record.ts'

/** Epochs that one task may use before a person must look (docs/protocol.md §3.4). Part of the protocol: all nodes agree. */
export const EPOCHS_MAX = 10

/** May `next` follow `previous` (null: nothing is there)? The reason why not, else undefined. docs/protocol.md §3.3 */
export const transitionFault = (previous: ClaimRecord | null, next: ClaimRecord): string | undefined => {
  if (previous === null) return firstFault(next)
  if (isReset(previous, next) || isContinuation(previous, next)) return undefined
  if (next.epochBase !== previous.epochBase) return 'only a reset or the list of ended claims may set epochs aside'
  return next.epoch === previous.epoch ? sameEpochFault(previous, next) : nextEpochFault(previous, next)
}

export const isExhausted = (epoch: number, epochBase: number): boolean => epoch - epochBase > EPOCHS_MAX

export const isSameOwner = (one: Pick<ClaimRecord, 'node' | 'session'>, other: Pick<ClaimRecord, 'node' | 'session'>): boolean =>
  one.node === other.node && one.session === other.session

const firstFault = (next: ClaimRecord): string | undefined => {
  if (next.state !== 'held' || next.attempt !== 0) return 'a first record is held, at attempt 0'
  return next.epoch === next.epochBase + 1 ? undefined : 'a first record starts one epoch above its base'
}

const SAME_EPOCH: Readonly<Record<ClaimState, readonly ClaimState[]>> = {
  held: ['held', 'parked', 'released', 'delivered', 'escalated'],
  parked: ['held', 'released', 'escalated'],
  delivered: ['delivered', 'done', 'escalated'],
  released: [],
  done: [],
  escalated: [],
}

const sameEpochFault = (previous: ClaimRecord, next: ClaimRecord): string | undefined => {
  if (!isSameOwner(previous, next)) return 'another node or session continues the epoch'
  if (!SAME_EPOCH[previous.state].includes(next.state)) return `${next.state} cannot follow ${previous.state} in the same epoch`
  const grown = next.attempt - previous.attempt
  const mayGrow = next.state === 'released' || next.state === 'escalated'
  if (grown !== 0 && !(grown === 1 && mayGrow)) return 'an attempt is counted when it ends, one at a time'
  return resultFault(previous, next)
}

const nextEpochFault = (previous: ClaimRecord, next: ClaimRecord): string | undefined => {
  if (next.epoch !== previous.epoch + 1) return `epoch ${previous.epoch + 1} expected, got ${next.epoch}`
  if (next.attempt !== previous.attempt) return 'a new owner starts at the attempt that it found'
  if (previous.state === 'done' || previous.state === 'escalated') return `${previous.state} is final until a person resets it`
  const exhausted = isExhausted(next.epoch, next.epochBase)
  if (next.state === 'escalated') return exhausted ? resultFault(previous, next) : 'a new owner escalates only when the epochs are used up'
  if (exhausted) return `more than ${EPOCHS_MAX} epochs`
  if (previous.state === 'delivered') return next.state === 'delivered' ? resultFault(previous, next) : 'of delivered work only the provider part is left'
  if (next.state === 'held') return undefined
  if (next.state === 'released' && next.node === previous.node && previous.state === 'held') return undefined
  return `${next.state} cannot open an epoch`
}

const resultFault = (previous: ClaimRecord, next: ClaimRecord): string | undefined => {
  if (next.state === 'delivered' && next.result === undefined) return 'delivered names its result'
  if (previous.state !== 'delivered') return undefined
  return canonicalJson(next.result ?? null) === canonicalJson(previous.result ?? null) ? undefined : 'the result of delivered work does not change'
}

/** A person starts the task afresh: from anything but a live lease of held work. */
const isReset = (previous: ClaimRecord, next: ClaimRecord): boolean =>
  previous.state !== 'held' && next.state === 'released' && next.attempt === 0
  && next.epoch === previous.epoch + 1 && next.epochBase === next.epoch

/** Who made the ref and then saw that an ended chain of the task had come further. */
const isContinuation = (previous: ClaimRecord, next: ClaimRecord): boolean =>
  previous.parent === null && previous.state === 'held' && next.state === 'held' && isSameOwner(previous, next)
  && next.attempt === previous.attempt && next.epoch > previous.epoch && next.epochBase === next.epoch - 1
