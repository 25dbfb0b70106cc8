import { canonicalJson, isNodeId, sha256, SIGNATURE_LENGTH, verify } from '../../core/mod.ts'
import type { Json, NodeId, Result } from '../../core/mod.ts'
import type { EntryData, EntryType } from './entry-types.ts'

/**
 * One fact in a node's log. Its bytes are the canonical JSON (RFC 8785) of these members; the signature is over the
 * canonical JSON of all of them but the signature itself. `prev` chains the bytes, so the last entry commits to all.
 */
export interface Entry<T extends string = string, Data = DataOf<T>> {
  readonly version: 1
  /** Place in the log, from 0. */
  readonly index: number
  /** Wall time of the node, ISO 8601 in UTC; for people, never for order. */
  readonly at: string
  readonly node: NodeId
  readonly session: string
  readonly type: T
  readonly data: Data
  /** SHA-256 of the previous entry's bytes, hex; 64 zeros at index 0. */
  readonly prev: string
  readonly signature: string
}

export type DataOf<T extends string> = T extends EntryType ? EntryData[T] : { readonly [field: string]: Json | undefined }
export type Unsigned<T extends string = string> = Omit<Entry<T>, 'signature'>

export const FIRST_PREV = '0'.repeat(64)
/** A whole entry, encoded. */
export const ENTRY_BYTES_MAX = 64 * 1024

export const signableText = (entry: Unsigned): string => canonicalJson({ log: 'chorus/audit/v1', ...entry })

export const encodeEntry = (entry: Entry): Uint8Array => new TextEncoder().encode(canonicalJson(entry))

export const entryHash = (bytes: Uint8Array): string => sha256(bytes)

export const signatureHolds = (entry: Entry): boolean => {
  const { signature, ...unsigned } = entry
  return verify(entry.node, signableText(unsigned), signature)
}

/** Shape, bounds and canonical form; signature and chain are the verifier's. Hostile bytes give a reason, never a throw. */
export const decodeEntry = (bytes: Uint8Array): Result<Entry> => {
  if (bytes.byteLength > ENTRY_BYTES_MAX) return { ok: false, reason: `at most ${ENTRY_BYTES_MAX} bytes expected, got ${bytes.byteLength}` }
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    // What is no JSON is told as such; its bytes are not repeated.
    return { ok: false, reason: 'UTF-8 JSON expected' }
  }
  if (!isRecord(value)) return { ok: false, reason: 'a JSON object expected' }
  const problem = shapeProblem(value)
  if (problem !== undefined) return { ok: false, reason: problem }
  try {
    if (canonicalJson(value) !== text) return { ok: false, reason: 'canonical JSON expected' }
  } catch {
    // Too deep, or a lone surrogate: it has no canonical form.
    return { ok: false, reason: 'canonical JSON expected' }
  }
  return { ok: true, value: value as unknown as Entry }
}

const MEMBERS = ['at', 'data', 'index', 'node', 'prev', 'session', 'signature', 'type', 'version']

const shapeProblem = (value: Record<string, unknown>): string | undefined => {
  if (value.version !== 1) return 'version 1 expected'
  const members = Object.keys(value).sort()
  if (members.join() !== MEMBERS.join()) return `the members ${MEMBERS.join(', ')} expected`
  if (!Number.isSafeInteger(value.index) || Number(value.index) < 0) return 'index: a whole number from 0 expected'
  if (typeof value.at !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value.at)) return 'at: ISO time in UTC expected'
  if (typeof value.node !== 'string' || !isNodeId(value.node)) return 'node: a peer id expected'
  if (typeof value.session !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(value.session)) return 'session: an id of 1 to 64 characters expected'
  if (typeof value.type !== 'string' || !/^[a-z][a-z0-9_]{1,39}$/.test(value.type)) return 'type: lower-case words expected'
  if (typeof value.prev !== 'string' || !/^[0-9a-f]{64}$/.test(value.prev)) return 'prev: 64 hex digits expected'
  if (typeof value.signature !== 'string' || value.signature.length !== SIGNATURE_LENGTH) return `signature: ${SIGNATURE_LENGTH} characters expected`
  if (!isRecord(value.data)) return 'data: an object expected'
  return undefined
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
