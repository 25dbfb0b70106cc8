import { parseIsoTime } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Clock, GossipMessage, Verdict } from '../ports/mod.ts'
import { envelopeSchema, ENVELOPE_VERSION, isSignedByAuthor } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import { LIMITS } from './limits.ts'
import { isMessageType, MESSAGES } from './messages.ts'
import { RateLimit } from './rate-limit.ts'
import { ReplayWindow } from './replay-window.ts'
import { JudgementCounts, JUDGEMENTS } from './verdicts.ts'
import type { JudgementReason } from './verdicts.ts'

export type Judgement =
  | { readonly verdict: 'accept'; readonly reason: 'delivered'; readonly envelope: Envelope }
  | { readonly verdict: Verdict; readonly reason: Exclude<JudgementReason, 'delivered' | 'not-for-me'> }

export interface GateOptions {
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>
  /** Whether this node may speak at all: the member list. Default: everyone on the network. */
  readonly admits?: (author: NodeId) => boolean
  /** Default: one of the size that LIMITS gives. */
  readonly window?: ReplayWindow
}

/**
 * Where foreign bytes become messages, or do not (docs/protocol.md §1.5). Checks from cheap to dear, and remembers
 * ids and rates; the only state is bounded by LIMITS. Never throws on any input.
 */
export class Gate {
  readonly counts = new JudgementCounts()
  readonly #clock: GateOptions['clock']
  readonly #admits: (author: NodeId) => boolean
  readonly #rate = new RateLimit({ perSecond: LIMITS.messagesPerSecond, burst: LIMITS.messagesBurst, keysMax: LIMITS.authorsMax })
  readonly #window: ReplayWindow

  constructor(options: GateOptions) {
    this.#clock = options.clock
    this.#admits = options.admits ?? (() => true)
    this.#window = options.window
      ?? new ReplayWindow({ idsMax: LIMITS.replayIdsMax, idsPerAuthorMax: LIMITS.replayIdsPerAuthorMax, authorsMax: LIMITS.authorsMax })
  }

  judge(message: GossipMessage): Judgement {
    const found = this.#examine(message)
    const reason = typeof found === 'string' ? found : 'delivered'
    this.counts.add(reason)
    if (typeof found === 'string') return { verdict: JUDGEMENTS[found], reason: found }
    return { verdict: 'accept', reason: 'delivered', envelope: found }
  }

  #examine({ topic, author, bytes }: GossipMessage): Refusal | Envelope {
    if (bytes.byteLength > LIMITS.messageBytesMax) return 'too-large'
    if (!this.#admits(author)) return 'author-refused'
    // Before anything is parsed: rubbish costs its author as much as sense does.
    if (!this.#rate.take(author, this.#clock.monotonicMs())) return 'rate-limited'
    const raw = parseObject(bytes)
    if (raw === undefined) return 'not-json'
    if (raw['version'] !== ENVELOPE_VERSION) return Number.isSafeInteger(raw['version']) ? 'version-unknown' : 'envelope-invalid'
    const parsed = envelopeSchema.safeParse(raw)
    if (!parsed.success) return 'envelope-invalid'
    const envelope = parsed.data
    if (envelope.from !== author) return 'author-mismatch'
    if (envelope.topic !== topic) return 'topic-mismatch'
    if (envelope.hop_count > LIMITS.hopsMax) return 'hop-limit'

    const timestampMs = parseIsoTime(envelope.timestamp) ?? NaN
    const expiresMs = parseIsoTime(envelope.expires_at) ?? NaN
    const lifetimeMs = expiresMs - timestampMs
    if (!(lifetimeMs > 0 && lifetimeMs <= LIMITS.lifetimeMsMax)) return 'lifetime-invalid'
    const wallMs = this.#clock.wallMs()
    if (wallMs > expiresMs + LIMITS.clockSkewMsMax) return 'expired'
    if (timestampMs > wallMs + LIMITS.clockSkewMsMax) return 'from-the-future'
    if (this.#window.seen(author, envelope.id)) return 'replayed'

    if (!isMessageType(envelope.type)) return 'type-unknown'
    const definition = MESSAGES[envelope.type]
    if (definition.topic !== topic) return 'topic-mismatch'
    // Over what was parsed from the wire, not over the schema's copy: not a member may differ.
    if (!isSignedByAuthor(raw)) return 'signature-invalid'
    const data = definition.data.safeParse(envelope.data)
    if (!data.success) return 'data-invalid'
    if (definition.ownNodeId && envelope.data['node_id'] !== author) return 'author-mismatch'

    const nowMs = this.#clock.monotonicMs()
    const answer = this.#window.admit(author, envelope.id, { nowMs, untilMs: nowMs + (expiresMs - wallMs) + LIMITS.clockSkewMsMax })
    if (answer !== 'fresh') return answer === 'full' ? 'window-full' : 'replayed'
    // The schema of this very type has just said so.
    return { ...envelope, data: data.data } as Envelope
  }
}

type Refusal = Exclude<JudgementReason, 'delivered' | 'not-for-me'>

const parseObject = (bytes: Uint8Array): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    // Not UTF-8 or not JSON: the caller counts it.
    return undefined
  }
}
