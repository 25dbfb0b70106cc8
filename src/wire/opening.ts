import { parseIsoTime, verify as verifySignature } from '../core/mod.ts'
import { envelopeSchema, ENVELOPE_VERSION, isSignedByAuthor } from './envelope.ts'
import type { Envelope, OpenEnvelope } from './envelope.ts'
import { isMessageType, MESSAGES } from './messages.ts'

/** Of the judgements, those that the bytes alone decide. */
export type Unreadable = 'not-json' | 'version-unknown' | 'envelope-invalid'
export type Unfounded = 'type-unknown' | 'topic-mismatch' | 'signature-invalid' | 'data-invalid' | 'author-mismatch'

/** An envelope that has the right form. Whether it is what it says is only looked at when asked, once. */
export interface Opened {
  readonly envelope: OpenEnvelope
  /** Milliseconds since 1970, by the author's clock. */
  readonly timestampMs: number
  readonly expiresMs: number
  /** The whole message: of a known type, on its topic, signed by `from`, with data of its schema that speaks of no other node. */
  message(): Envelope | Unfounded
}

/**
 * Reads bytes as they came. Never throws. The same bytes give the same answer wherever and whenever they are read, so
 * that many nodes of one process may share it: what is handed out is not changed by anyone.
 */
export type Opener = (bytes: Uint8Array) => Opened | Unreadable

export const envelopeOpener = (verify: typeof verifySignature): Opener => (bytes) => {
  const raw = parseObject(bytes)
  if (raw === undefined) return 'not-json'
  if (raw['version'] !== ENVELOPE_VERSION) return Number.isSafeInteger(raw['version']) ? 'version-unknown' : 'envelope-invalid'
  const parsed = envelopeSchema.safeParse(raw)
  if (!parsed.success) return 'envelope-invalid'
  const envelope = parsed.data
  let found: Envelope | Unfounded | undefined
  return {
    envelope,
    timestampMs: parseIsoTime(envelope.timestamp) ?? NaN,
    expiresMs: parseIsoTime(envelope.expires_at) ?? NaN,
    message: () => found ??= readMessage(raw, envelope, verify),
  }
}

export const openEnvelope: Opener = envelopeOpener(verifySignature)

const readMessage = (raw: Readonly<Record<string, unknown>>, envelope: OpenEnvelope, verify: typeof verifySignature): Envelope | Unfounded => {
  if (!isMessageType(envelope.type)) return 'type-unknown'
  const definition = MESSAGES[envelope.type]
  if (definition.topic !== envelope.topic) return 'topic-mismatch'
  // Over what was parsed from the wire, not over the schema's copy: not a member may differ.
  if (!isSignedByAuthor(raw, verify)) return 'signature-invalid'
  const data = definition.data.safeParse(envelope.data)
  if (!data.success) return 'data-invalid'
  if (definition.ownNodeId && envelope.data['node_id'] !== envelope.from) return 'author-mismatch'
  // The schema of this very type has just said so.
  return { ...envelope, data: data.data } as Envelope
}

/** Keeps nothing between two texts, so that one serves all. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

const parseObject = (bytes: Uint8Array): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    // Not UTF-8 or not JSON: the caller counts it.
    return undefined
  }
}
