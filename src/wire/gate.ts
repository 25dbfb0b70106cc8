import type { NodeId } from '../core/mod.ts'
import type { Clock, GossipMessage, Verdict } from '../ports/mod.ts'
import type { Envelope } from './envelope.ts'
import { LIMITS } from './limits.ts'
import { openEnvelope } from './opening.ts'
import type { Opener } from './opening.ts'
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
  /** Default: `openEnvelope`. */
  readonly opener?: Opener | undefined
}

/**
 * Where foreign bytes become messages, or do not (docs/protocol.md §1.5). Checks from cheap to dear: what the bytes
 * alone decide is `openEnvelope`'s, what depends on this node is here. Remembers ids and rates, bounded by LIMITS. Never throws on any input.
 */
export class Gate {
  readonly counts = new JudgementCounts()
  readonly #clock: GateOptions['clock']
  readonly #admits: (author: NodeId) => boolean
  readonly #rate = new RateLimit({ perSecond: LIMITS.messagesPerSecond, burst: LIMITS.messagesBurst, keysMax: LIMITS.authorsMax })
  readonly #window: ReplayWindow
  readonly #open: Opener

  constructor(options: GateOptions) {
    this.#clock = options.clock
    this.#admits = options.admits ?? (() => true)
    this.#open = options.opener ?? openEnvelope
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
    const opened = this.#open(bytes)
    if (typeof opened === 'string') return opened
    const { envelope, timestampMs, expiresMs } = opened
    if (envelope.from !== author) return 'author-mismatch'
    if (envelope.topic !== topic) return 'topic-mismatch'
    if (envelope.hop_count > LIMITS.hopsMax) return 'hop-limit'

    const lifetimeMs = expiresMs - timestampMs
    if (!(lifetimeMs > 0 && lifetimeMs <= LIMITS.lifetimeMsMax)) return 'lifetime-invalid'
    const wallMs = this.#clock.wallMs()
    if (wallMs > expiresMs + LIMITS.clockSkewMsMax) return 'expired'
    if (timestampMs > wallMs + LIMITS.clockSkewMsMax) return 'from-the-future'
    if (this.#window.seen(author, envelope.id)) return 'replayed'
    const message = opened.message()
    if (typeof message === 'string') return message

    const nowMs = this.#clock.monotonicMs()
    const answer = this.#window.admit(author, envelope.id, { nowMs, untilMs: nowMs + (expiresMs - wallMs) + LIMITS.clockSkewMsMax })
    if (answer !== 'fresh') return answer === 'full' ? 'window-full' : 'replayed'
    return message
  }
}

type Refusal = Exclude<JudgementReason, 'delivered' | 'not-for-me'>
