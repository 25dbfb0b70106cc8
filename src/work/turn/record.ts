import { assert, canonicalJson, fail, isNodeId, isOid, ok, verify as verifySignature } from '../../core/mod.ts'
import type { NodeId, Oid, Result } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'
import { parseObject } from '../claims/mod.ts'

/** What the newest commit of a turn ref says: who merges into the branch now (docs/protocol.md §3.7). Where nobody does, there is no ref. */
export interface TurnRecord {
  readonly version: 1
  readonly branch: string
  readonly node: NodeId
  /** A UUID: of one turn, the same in all its beats. */
  readonly turn: string
  /** Of the task, as in the name of its claim ref: for people. */
  readonly leaf: string
  /** Without a beat for this long, it is another's turn. */
  readonly lengthMs: number
  readonly nonce: string
  /** The beat before, or the turn that was over. */
  readonly parent: Oid | null
  /** Wall clock of the writer, for people. */
  readonly atSeconds: number
}

export const LENGTH_MS_MIN = 1_000
export const LENGTH_MS_MAX = 15 * 60_000
const BRANCH_LENGTH_MAX = 250
const MESSAGE_BYTES_MAX = 4 * 1024
const DOMAIN = 'chorus-turn/v1\n'

export const sealTurn = (record: TurnRecord, signer: Signer, mark = ''): string => {
  const signature = signer.sign(DOMAIN + canonicalJson(record))
  const message = `chorus-turn: ${record.leaf} by ${record.node}${mark}\n\n${canonicalJson({ ...record, signature })}`
  assert(readTurn(message, record).ok, 'a turn that this node writes is valid')
  return message
}

/** Where a record belongs: a branch, and a place in the chain of its turns. */
export interface TurnPlace {
  readonly branch: string
  readonly parent: Oid | null
}

/** Reads what `sealTurn` wrote for this branch at this place of the chain, and nothing else. */
export type TurnOpener = (message: string, at: TurnPlace) => Result<TurnRecord>

export const turnOpener = (verify: typeof verifySignature): TurnOpener => (message, at) => {
  const read = readTurn(message, at)
  if (!read.ok) return read
  const { record, signature } = read.value
  return verify(record.node, DOMAIN + canonicalJson(record), signature) ? ok(record) : fail('the signature does not fit the node that it names')
}

export const openTurn: TurnOpener = turnOpener(verifySignature)

/** All but the signature: what is well-formed may be by anyone. */
const readTurn = (message: string, at: TurnPlace): Result<{ readonly record: TurnRecord; readonly signature: string }> => {
  if (Buffer.byteLength(message) > MESSAGE_BYTES_MAX) return fail(`the message is over ${MESSAGE_BYTES_MAX} bytes`)
  const end = message.indexOf('\n\n')
  if (end < 0 || !message.startsWith('chorus-turn: ')) return fail('the message is no turn')
  const value = parseObject(message.slice(end + 2))
  if (!value.ok) return value
  const { version, branch, node, turn, leaf, lengthMs, nonce, parent, atSeconds, signature, ...rest } = value.value
  if (version !== 1 || Object.keys(rest).length > 0) return fail('the turn has missing or unknown fields')
  if (typeof node !== 'string' || !isNodeId(node) || typeof signature !== 'string' || signature.length > 100) return fail('the turn is signed by nobody')
  if (!isUuid(turn) || !isUuid(nonce) || typeof leaf !== 'string' || !/^[A-Za-z0-9_-]{1,49}$/.test(leaf)) return fail('the turn has names of another form')
  if (!isWhole(lengthMs, LENGTH_MS_MIN, LENGTH_MS_MAX) || !isWhole(atSeconds, 0, 253_402_300_799)) return fail('the turn has times out of range')
  if (typeof branch !== 'string' || branch.length > BRANCH_LENGTH_MAX || branch !== at.branch) return fail('the turn is of another branch')
  if (parent !== at.parent || !(parent === null || (typeof parent === 'string' && isOid(parent)))) return fail('the turn was written for another place')
  return ok({ record: { version, branch, node, turn, leaf, lengthMs, nonce, parent, atSeconds }, signature })
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value)
const isWhole = (value: unknown, least: number, most: number): value is number => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
