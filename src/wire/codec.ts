import { canonicalJson, ChorusError, isoTime, messageOf } from '../core/mod.ts'
import type { Clock, Entropy, Signer } from '../ports/mod.ts'
import { ENVELOPE_VERSION, envelopeSchema, signedBytes } from './envelope.ts'
import type { OpenEnvelope, Priority } from './envelope.ts'
import { LIMITS } from './limits.ts'
import { MESSAGES } from './messages.ts'
import type { MessageData, MessageType } from './messages.ts'

/** What the sender decides; the rest of the envelope follows from the node. */
export interface Draft<Type extends MessageType = MessageType> extends Address {
  readonly type: Type
  readonly data: MessageData<Type>
}

export interface Address {
  readonly fromRole?: string | undefined
  readonly toRoles?: readonly string[] | undefined
  readonly requiredExpertise?: readonly string[] | undefined
  readonly projectId?: string | undefined
  readonly priority?: Priority | undefined
  readonly threadId?: string | undefined
  /** `id` of the message this one answers. */
  readonly replyTo?: string | undefined
  /** How many agents the matter went through before: an answer has one more than what it answers. */
  readonly hopCount?: number | undefined
  /** Milliseconds from now to `expires_at`; at most LIMITS.lifetimeMsMax. */
  readonly lifetimeMs?: number | undefined
}

export interface Encoded {
  readonly id: string
  readonly topic: string
  readonly bytes: Uint8Array
  readonly envelope: OpenEnvelope
}

/**
 * Makes, checks and signs an envelope. Throws INPUT_INVALID when the draft does not fit its schema and LIMIT_EXCEEDED
 * when the whole is over LIMITS.messageBytesMax: what others would reject never leaves the node.
 */
export const encode = (
  draft: Draft,
  tools: { readonly signer: Signer; readonly clock: Pick<Clock, 'wallMs'>; readonly entropy: Pick<Entropy, 'uuid'> },
): Encoded => {
  const definition = MESSAGES[draft.type]
  const data = definition.data.safeParse(draft.data)
  if (!data.success) throw invalid(draft.type, `data${place(data.error)}`)
  const wallMs = Math.trunc(tools.clock.wallMs())
  const lifetimeMs = draft.lifetimeMs ?? LIMITS.lifetimeMsDefault
  if (!(lifetimeMs > 0 && lifetimeMs <= LIMITS.lifetimeMsMax)) throw invalid(draft.type, `lifetimeMs: 1 to ${LIMITS.lifetimeMsMax} expected, got ${lifetimeMs}`)
  const unsigned = withoutUndefined({
    version: ENVELOPE_VERSION,
    id: tools.entropy.uuid(),
    type: draft.type,
    from: tools.signer.node,
    topic: definition.topic,
    timestamp: isoTime(wallMs),
    expires_at: isoTime(wallMs + Math.ceil(lifetimeMs)),
    hop_count: draft.hopCount ?? 0,
    data: data.data,
    from_role: draft.fromRole,
    to_roles: draft.toRoles,
    required_expertise: draft.requiredExpertise,
    project_id: draft.projectId,
    priority: draft.priority,
    thread_id: draft.threadId,
    reply_to: draft.replyTo,
  })
  const envelope = envelopeSchema.safeParse({ ...unsigned, signature: tools.signer.sign(canonical(draft.type, () => signedBytes(unsigned))) })
  if (!envelope.success) throw invalid(draft.type, `envelope${place(envelope.error)}`)
  if (envelope.data.hop_count > LIMITS.hopsMax) throw invalid(draft.type, `hopCount: at most ${LIMITS.hopsMax} expected, got ${envelope.data.hop_count}`)
  const bytes = new TextEncoder().encode(canonicalJson(envelope.data))
  if (bytes.byteLength > LIMITS.messageBytesMax) {
    throw new ChorusError('LIMIT_EXCEEDED', `a message has at most ${LIMITS.messageBytesMax} bytes, this ${draft.type} has ${bytes.byteLength}`)
  }
  return { id: envelope.data.id, topic: definition.topic, bytes, envelope: envelope.data }
}

/** Cuts a text to so many UTF-16 units, never through a surrogate pair, and says so with an ellipsis. */
export const clip = (text: string, charactersMax: number): string => {
  const whole = text.toWellFormed()
  if (whole.length <= charactersMax) return whole
  return `${whole.slice(0, charactersMax - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** `clip` for a field that has to be one line: control characters become spaces. */
export const clipLine = (text: string, charactersMax: number): string =>
  clip(text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/gu, ' '), charactersMax)

const withoutUndefined = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))

/** What canonical JSON refuses (NaN, a lone surrogate, a function) is the draft's fault. */
const canonical = (type: string, make: () => Uint8Array): Uint8Array => {
  try {
    return make()
  } catch (thrown) {
    throw invalid(type, messageOf(thrown))
  }
}

const invalid = (type: string, what: string): ChorusError =>
  new ChorusError('INPUT_INVALID', `a ${type} that fits its schema was expected (docs/protocol.md §2), got ${what}`)

/** Path and rule of the first problem; never the value, which may be long or secret. */
const place = (error: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }): string => {
  const [issue] = error.issues
  return issue === undefined ? '' : `${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`
}
