import { z } from 'zod'
import { canonicalJson, SIGNATURE_LENGTH, verify as verifySignature } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Named } from './definition.ts'
import { instant, line, name, names, nodeId } from './fields.ts'
import { LIMITS } from './limits.ts'
import type { MessageData, MessageType } from './messages.ts'

/** What all messages have in common (docs/protocol.md §1.1). Unknown members are kept, and are signed like the rest. */
export const ENVELOPE_VERSION = 1

export const PRIORITIES = ['low', 'medium', 'high', 'urgent'] as const
export type Priority = (typeof PRIORITIES)[number]

export const envelopeSchema = z.looseObject({
  version: z.literal(ENVELOPE_VERSION),
  id: z.uuid(),
  type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  from: nodeId(),
  topic: line(LIMITS.topicCharactersMax).min(1),
  timestamp: instant(),
  expires_at: instant(),
  hop_count: z.int().min(0).max(255),
  data: z.record(z.string(), z.unknown()),
  from_role: line(LIMITS.nameCharactersMax).optional(),
  to_roles: names(LIMITS.rolesMax).optional(),
  required_expertise: names(LIMITS.expertiseMax).optional(),
  project_id: name().optional(),
  priority: z.enum(PRIORITIES).optional(),
  thread_id: line(LIMITS.threadCharactersMax).min(1).optional(),
  reply_to: z.uuid().optional(),
  signature: z.string().length(SIGNATURE_LENGTH),
})

/** A well-formed envelope whose data nobody has looked at yet. */
export type OpenEnvelope = Named<z.output<typeof envelopeSchema>>

export type EnvelopeOf<Type extends MessageType> = Omit<OpenEnvelope, 'type' | 'data'> & { readonly type: Type; readonly data: MessageData<Type> }

/** A judged message: told apart by `type`. */
export type Envelope = { [Type in MessageType]: EnvelopeOf<Type> }[MessageType]

/**
 * The bytes under the author's signature: a domain, so that no signature made elsewhere fits here, and the canonical
 * JSON (RFC 8785) of the envelope without `signature`. The topic is a member, so a message cannot be moved to another.
 */
export const signedBytes = (envelope: Readonly<Record<string, unknown>>): Uint8Array => {
  const { signature: _, ...rest } = envelope
  return new TextEncoder().encode(SIGNING_DOMAIN + canonicalJson(rest))
}

/**
 * True when `from` signed exactly this. Needs no clock and no key but the one inside the id, so it serves gossip,
 * histories and logs alike. Give it the object as JSON.parse made it.
 */
export const isSignedByAuthor = (envelope: Readonly<Record<string, unknown>>, verify = verifySignature): boolean => {
  const { from, signature } = envelope
  if (typeof from !== 'string' || typeof signature !== 'string') return false
  try {
    return verify(from as NodeId, signedBytes(envelope), signature)
  } catch {
    // Canonical JSON refuses what two parties cannot agree on; nobody can have signed that.
    return false
  }
}

const SIGNING_DOMAIN = 'chorus-envelope-v1\n'
