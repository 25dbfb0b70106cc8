import { canonicalJson, fail, isNodeId, isOid, messageOf, ok, parseTaskKey, verify as verifySignature } from '../../core/mod.ts'
import type { Epoch, Json, NodeId, Oid, Result, SessionId, TaskKey } from '../../core/mod.ts'
import type { Signer } from '../../ports/mod.ts'
import { leafOf } from './leaf.ts'

export const CLAIM_STATES = ['held', 'parked', 'released', 'delivered', 'done', 'escalated'] as const
export type ClaimState = (typeof CLAIM_STATES)[number]

/** What one commit of a claim's chain says (docs/protocol.md §3.2). */
export interface ClaimRecord {
  readonly version: 1
  readonly key: TaskKey
  readonly node: NodeId
  readonly session: SessionId
  readonly epoch: Epoch
  /** Epochs set aside by a person's reset or by the list of ended claims: what the bound of epochs does not count. */
  readonly epochBase: number
  /** Attempts of agents that failed since the base. */
  readonly attempt: number
  readonly state: ClaimState
  readonly leaseMs: number
  readonly nonce: string
  readonly parent: Oid | null
  /** Wall clock of the writer: for people and for pruning, never for expiry. */
  readonly atSeconds: number
  /** What was delivered; at most 4 KiB. */
  readonly result?: Json | undefined
  /** For people, at most 500 characters. */
  readonly reason?: string | undefined
  /** How long an observer waits from when it first saw this record. */
  readonly retryAfterMs?: number | undefined
}

export interface OpenedRecord {
  readonly record: ClaimRecord
  readonly leaf: string
}

export const MESSAGE_BYTES_MAX = 16 * 1024
export const RESULT_BYTES_MAX = 4 * 1024
export const REASON_LENGTH_MAX = 500
const EPOCH_MAX = 1_000_000
const LEASE_MS_MIN = 100
const LEASE_MS_MAX = 24 * 60 * 60_000
const RETRY_MS_MAX = 7 * 24 * 60 * 60_000
const DOMAIN = 'chorus-claim/v1\n'

/** The commit message of a record: subject for people, canonical JSON with the node's signature for machines. */
export const sealRecord = (record: ClaimRecord, signer: Signer, mark = ''): string => {
  const signature = signer.sign(signedBytes(record))
  return `${subjectOf(record)}${mark}\n\n${canonicalJson({ ...record, signature })}`
}

/** Reads what `sealRecord` wrote, and nothing else: any other byte is a reason. Checks the signature. Pure: one text, one answer. */
export type RecordOpener = (message: string) => Result<OpenedRecord>

export const recordOpener = (verify: typeof verifySignature): RecordOpener => (message) => {
  const read = readRecord(message)
  if (!read.ok) return read
  const { record, signature } = read.value
  if (!verify(record.node, signedBytes(record), signature)) return fail('the signature does not fit the node that it names')
  return ok({ record, leaf: leafOf(record.key) })
}

export const openRecord: RecordOpener = recordOpener(verifySignature)

/** All but the signature: what is well-formed may be by anyone. */
export const readRecord = (message: string): Result<{ readonly record: ClaimRecord; readonly signature: string }> => {
  if (Buffer.byteLength(message) > MESSAGE_BYTES_MAX) return fail(`the message is over ${MESSAGE_BYTES_MAX} bytes`)
  const end = message.indexOf('\n\n')
  if (end < 0 || !message.startsWith('chorus-claim ')) return fail('the message is no claim record')
  const body = message.slice(end + 2)
  const value = parseObject(body)
  if (!value.ok) return value
  const wrong = Object.keys(value.value).find((name) => FIELDS[name]?.(value.value[name]) !== true)
    ?? REQUIRED.find((name) => value.value[name] === undefined)
  if (wrong !== undefined) return fail(`field ${JSON.stringify(wrong.slice(0, 40))} is missing, unknown or out of range`)
  const { signature, ...record } = value.value as unknown as ClaimRecord & { readonly signature: string }
  const subject = message.slice(0, end).replace(/ \[skip ci\]$/, '')
  if (subject !== subjectOf(record)) return fail('the subject does not fit the record')
  return ok({ record, signature })
}

const subjectOf = (record: ClaimRecord): string =>
  `chorus-claim ${leafOf(record.key)}: ${record.state} by ${record.node} (epoch ${record.epoch})`

const signedBytes = (record: ClaimRecord): string => DOMAIN + canonicalJson(record)

/** A JSON object in canonical form: one text, one value. */
export const parseObject = (text: string): Result<Readonly<Record<string, unknown>>> => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('the record is not a JSON object')
    if (canonicalJson(value) !== text) return fail('the record is not in canonical form')
    return ok(value as Record<string, unknown>)
  } catch (thrown) {
    return fail(`the record is not JSON: ${messageOf(thrown).slice(0, 80)}`)
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const text = (lengthMax: number) => (value: unknown): boolean => typeof value === 'string' && value.length <= lengthMax
const whole = (min: number, max: number) => (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
const uuid = (value: unknown): boolean => typeof value === 'string' && UUID.test(value)
const among = (values: readonly unknown[]) => (value: unknown): boolean => values.includes(value)

const FIELDS: Readonly<Record<string, ((value: unknown) => boolean) | undefined>> = {
  __proto__: null as never,
  version: among([1]),
  key: (value) => typeof value === 'string' && value.length <= 300 && parseTaskKey(value) !== undefined,
  node: (value) => typeof value === 'string' && isNodeId(value),
  session: uuid,
  epoch: whole(1, EPOCH_MAX),
  epochBase: whole(0, EPOCH_MAX),
  attempt: whole(0, 100),
  state: among(CLAIM_STATES),
  leaseMs: whole(LEASE_MS_MIN, LEASE_MS_MAX),
  nonce: uuid,
  parent: (value) => value === null || (typeof value === 'string' && isOid(value)),
  atSeconds: whole(0, 253_402_300_799),
  result: (value) => Buffer.byteLength(canonicalJson(value)) <= RESULT_BYTES_MAX,
  reason: text(REASON_LENGTH_MAX),
  retryAfterMs: whole(0, RETRY_MS_MAX),
  signature: text(100),
}
const REQUIRED = Object.keys(FIELDS).filter((name) => !['result', 'reason', 'retryAfterMs'].includes(name))
