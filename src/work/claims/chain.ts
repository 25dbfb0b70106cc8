import { fail, ok } from '../../core/mod.ts'
import type { NodeId, Oid, Result, TaskKey } from '../../core/mod.ts'
import type { RefRecord } from '../../ports/mod.ts'
import { openRecord } from './record.ts'
import type { ClaimRecord, RecordOpener } from './record.ts'
import { transitionFault } from './transition.ts'

export interface ChainExpectation {
  readonly key: TaskKey
  /** The tip that was valid when last seen; the chain must continue it, or start at a later epoch. */
  readonly known: { readonly oid: Oid; readonly record: ClaimRecord } | undefined
  isMember(node: NodeId): boolean
  /** Default: `openRecord`. */
  readonly openRecord?: RecordOpener
}

export interface ChainFault {
  readonly reason: string
  /** It may become valid without moving: asked again at the next read. */
  readonly passing: boolean
}

/**
 * Judges the newest records of a claim ref (docs/protocol.md §3.3): each one's form, signature, key and parent, each
 * step from its parent, and that a member wrote the tip. Newest first, at least one.
 */
export const judgeChain = (commits: readonly RefRecord[], expected: ChainExpectation): Result<ClaimRecord, ChainFault> => {
  const open = expected.openRecord ?? openRecord
  const records: ClaimRecord[] = []
  for (const commit of commits) {
    const opened = open(commit.message)
    if (!opened.ok) return lasting(opened.reason)
    const { record } = opened.value
    if (record.key !== expected.key) return lasting('the record is of another task')
    if (record.parent !== commit.parent) return lasting('the record names another parent than its commit')
    records.push(record)
  }
  const [tip] = records
  const oldest = records.at(-1)
  if (tip === undefined || oldest === undefined) return lasting('the ref has no record')
  for (const [index, next] of records.entries()) {
    const previous = records[index + 1]
    const fault = previous === undefined ? startFault(oldest, expected.known) : transitionFault(previous, next)
    if (fault !== undefined) return lasting(fault)
  }
  if (!isContinued(oldest, tip, expected.known)) return lasting('the ref does not continue what was there')
  if (!expected.isMember(tip.node)) return fail({ reason: 'the record is of a node that is no member', passing: true })
  return ok(tip)
}

const startFault = (oldest: ClaimRecord, known: ChainExpectation['known']): string | undefined => {
  if (known !== undefined && oldest.parent === known.oid) return transitionFault(known.record, oldest)
  // With a parent out of sight the window was cut: what lies deeper was judged by those who saw it come.
  return oldest.parent === null ? transitionFault(null, oldest) : undefined
}

/** A ref that was pruned and made again has a later epoch; one that was set back or replaced has not. */
const isContinued = (oldest: ClaimRecord, tip: ClaimRecord, known: ChainExpectation['known']): boolean => {
  if (known === undefined || oldest.parent === known.oid) return true
  return oldest.parent === null ? tip.epoch > known.record.epoch : tip.epoch >= known.record.epoch
}

const lasting = (reason: string): { readonly ok: false; readonly reason: ChainFault } => fail({ reason, passing: false })
