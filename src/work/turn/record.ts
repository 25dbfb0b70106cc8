import { assert, canonicalJson, fail, isNodeId, isOid, ok, verify } from '../../core/mod.ts'
import type { NodeId, Oid, Result } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'
import { parseObject } from '../claims/mod.ts'

/** One who waits to merge, or merges. */
export interface Ticket {
  /** A UUID: one task on one node, once in line. */
  readonly id: string
  readonly node: NodeId
  /** Of the task, as in the name of its claim ref: for people. */
  readonly leaf: string
  /** In front and without a beat for this long, it is passed over; without a first one, after FIRST_BEAT_SHARE of it. */
  readonly lengthMs: number
  /** Grows while it is in front and still at work. */
  readonly beats: number
}

/** What the newest commit of a turn ref says: who merges into the branch now (the first), and who waits (docs/protocol.md §3.7). */
export interface TurnRecord {
  readonly version: 1
  readonly branch: string
  /** 1 to LINE_MAX; with nobody in line there is no ref. */
  readonly line: readonly Ticket[]
  /** Who wrote it: not only what it says of itself. */
  readonly node: NodeId
  readonly nonce: string
  readonly parent: Oid | null
  /** Wall clock of the writer, for people. */
  readonly atSeconds: number
}

export const LINE_MAX = 60
export const LENGTH_MS_MIN = 1_000
export const LENGTH_MS_MAX = 15 * 60_000
const BRANCH_LENGTH_MAX = 250
const MESSAGE_BYTES_MAX = 16 * 1024
const DOMAIN = 'chorus-turn/v1\n'

export const sealTurn = (record: TurnRecord, signer: Signer, mark = ''): string => {
  assert(isLine(record.line), `1 to ${LINE_MAX} tickets are in line`)
  const signature = signer.sign(DOMAIN + canonicalJson(record))
  return `chorus-turn: ${record.line.length} in line by ${record.node}${mark}\n\n${canonicalJson({ ...record, signature })}`
}

/** Reads what `sealTurn` wrote for this branch at this place of the chain, and nothing else. */
export const openTurn = (message: string, at: { readonly branch: string; readonly parent: Oid | null }): Result<TurnRecord> => {
  if (Buffer.byteLength(message) > MESSAGE_BYTES_MAX) return fail(`the message is over ${MESSAGE_BYTES_MAX} bytes`)
  const end = message.indexOf('\n\n')
  if (end < 0 || !message.startsWith('chorus-turn: ')) return fail('the message is no turn')
  const value = parseObject(message.slice(end + 2))
  if (!value.ok) return value
  const { version, branch, line, node, nonce, parent, atSeconds, signature, ...rest } = value.value
  if (version !== 1 || Object.keys(rest).length > 0) return fail('the turn has missing or unknown fields')
  if (typeof node !== 'string' || !isNodeId(node) || !isUuid(nonce) || typeof signature !== 'string' || signature.length > 100) return fail('the turn has fields of another form')
  if (typeof atSeconds !== 'number' || !Number.isSafeInteger(atSeconds) || atSeconds < 0) return fail('the turn has no time')
  if (typeof branch !== 'string' || branch.length > BRANCH_LENGTH_MAX || branch !== at.branch) return fail('the turn is of another branch')
  if (parent !== at.parent || !(parent === null || (typeof parent === 'string' && isOid(parent)))) return fail('the turn was written for another place')
  if (!isLine(line)) return fail('the turn has a line of another form')
  const record: TurnRecord = { version, branch, line, node, nonce, parent, atSeconds }
  return verify(node, DOMAIN + canonicalJson(record), signature) ? ok(record) : fail('the signature does not fit the node that it names')
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value)
const isWhole = (value: unknown, least: number, most: number): value is number => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most

const isTicket = (value: unknown): value is Ticket => {
  if (typeof value !== 'object' || value === null) return false
  const { id, node, leaf, lengthMs, beats, ...rest } = value as Readonly<Record<string, unknown>>
  return isUuid(id) && typeof node === 'string' && isNodeId(node) && typeof leaf === 'string' && /^[A-Za-z0-9_-]{1,49}$/.test(leaf)
    && isWhole(lengthMs, LENGTH_MS_MIN, LENGTH_MS_MAX) && isWhole(beats, 0, 1_000_000) && Object.keys(rest).length === 0
}

const isLine = (value: unknown): value is readonly Ticket[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= LINE_MAX && value.every(isTicket) && new Set(value.map(({ id }) => id)).size === value.length
