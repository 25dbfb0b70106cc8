import { ChorusError, messageOf } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Clock, Entropy, Gossip, GossipMessage, Logger, Signer, Verdict } from '../ports/mod.ts'
import { isAddressedTo } from './audience.ts'
import type { Listener } from './audience.ts'
import { encode } from './codec.ts'
import type { Address } from './codec.ts'
import type { Envelope, EnvelopeOf } from './envelope.ts'
import { Gate } from './gate.ts'
import { MESSAGES } from './messages.ts'
import type { MessageData, MessageType } from './messages.ts'
import type { Opener } from './opening.ts'
import type { JudgementReason } from './verdicts.ts'

export interface PostOptions {
  readonly gossip: Gossip
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  /** Who listens here: fills `from_role`, and decides which role-addressed messages are handed out. Asked each time. */
  readonly self: () => Listener
  /** Takes secrets out of `data` before it is signed. Rejects (SECRET_DENIED) to forbid the sending. */
  readonly redact: (data: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>
  readonly admits?: (author: NodeId) => boolean
  /** Reads what comes; default `openEnvelope`. */
  readonly opener?: Opener | undefined
  /** Told of each message in another version of the protocol, which nobody here can read. Must not throw. */
  readonly otherVersion?: ((author: NodeId) => void) | undefined
}

export interface Sent {
  readonly id: string
  /** Peers it was handed to; 0 when alone. */
  readonly recipients: number
}

/** The envelope is shared with the other handlers, and is not changed by any. */
export type Handler<Type extends MessageType> = (envelope: EnvelopeOf<Type>) => void | Promise<void>

/** What the rooms and the coordinator need of the post. */
export interface MessagePost {
  send<Type extends MessageType>(type: Type, data: MessageData<Type>, address?: Address): Promise<Sent>
  on<Type extends MessageType>(type: Type, handler: Handler<Type>): () => void
}

/**
 * Typed messages over gossip: redacts, signs and publishes; judges what comes and hands it to who asked for the type.
 * Sends go out one after another, in the order of the calls. Starting and stopping the gossip is its owner's.
 */
export class Post implements MessagePost {
  readonly gate: Gate
  readonly #options: PostOptions
  readonly #handlers = new Map<MessageType, readonly Handler<MessageType>[]>()
  #subscriptions: (() => void)[] = []
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #handlerFailures = 0

  constructor(options: PostOptions) {
    this.#options = options
    this.gate = new Gate({ clock: options.clock, opener: options.opener, ...(options.admits === undefined ? {} : { admits: options.admits }) })
  }

  start(): Promise<void> {
    if (this.#subscriptions.length > 0) return Promise.resolve()
    const topics = new Set(Object.values(MESSAGES).map((definition) => definition.topic))
    this.#subscriptions = [...topics].map((topic) => this.#options.gossip.subscribe(topic, (message) => this.#receive(message)))
    return Promise.resolve()
  }

  /** What was sent before is still published; what comes now is no longer heard. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#subscriptions) unsubscribe()
    this.#subscriptions = []
    await this.#tail
  }

  /**
   * Rejects with INPUT_INVALID or LIMIT_EXCEEDED (does not fit, or SENDS_WAITING_MAX are under way), SECRET_DENIED (the
   * redaction forbids it), or the gossip's own failure. Nobody having heard it is no failure.
   */
  async send<Type extends MessageType>(type: Type, data: MessageData<Type>, address: Address = {}): Promise<Sent> {
    if (this.#waiting >= SENDS_WAITING_MAX) {
      throw new ChorusError('LIMIT_EXCEEDED', `at most ${SENDS_WAITING_MAX} messages wait to be sent, this ${type} is one more`)
    }
    this.#waiting += 1
    const sending = this.#tail.then(() => this.#sendNow(type, data, address)).finally(() => { this.#waiting -= 1 })
    // The next one waits for this one's end, good or bad; the failure itself is the caller's.
    this.#tail = sending.catch(() => undefined)
    return await sending
  }

  on<Type extends MessageType>(type: Type, handler: Handler<Type>): () => void {
    // One entry per call, so that the same function given twice is taken back one by one.
    const entry: Handler<MessageType> = (envelope) => handler(envelope as EnvelopeOf<Type>)
    // A new list each time: whoever comes or goes while a message is handed out changes nothing for that message.
    this.#handlers.set(type, [...this.#handlers.get(type) ?? [], entry])
    return () => { this.#handlers.set(type, (this.#handlers.get(type) ?? []).filter((other) => other !== entry)) }
  }

  /** How often each verdict was given, by reason, since the start. */
  counts(): Readonly<Record<JudgementReason, number>> { return this.gate.counts.snapshot() }

  /** Handlers that threw or rejected: each one a defect of this node. */
  get handlerFailures(): number { return this.#handlerFailures }

  async #sendNow<Type extends MessageType>(type: Type, data: MessageData<Type>, address: Address): Promise<Sent> {
    const { gossip, redact, self } = this.#options
    const clean = await redact(data as Readonly<Record<string, unknown>>) as MessageData<Type>
    const { id, topic, bytes } = encode({ fromRole: self().role, ...address, type, data: clean }, this.#options)
    return { id, recipients: await gossip.publish(topic, bytes) }
  }

  #receive(message: GossipMessage): Verdict {
    const judgement = this.gate.judge(message)
    if (judgement.reason !== 'delivered') {
      this.#options.logger.debug('message refused', { author: message.author, topic: message.topic, reason: judgement.reason })
      if (judgement.reason === 'version-unknown') this.#options.otherVersion?.(message.author)
      return judgement.verdict
    }
    if (isAddressedTo(judgement.envelope, this.#options.self())) this.#dispatch(judgement.envelope)
    else this.gate.counts.add('not-for-me')
    return judgement.verdict
  }

  #dispatch(envelope: Envelope): void {
    for (const handler of this.#handlers.get(envelope.type) ?? []) {
      try {
        const answer: unknown = handler(envelope)
        if (answer !== undefined) Promise.resolve(answer).catch((thrown: unknown) => { this.#failed(envelope, thrown) })
      } catch (thrown) {
        this.#failed(envelope, thrown)
      }
    }
  }

  /** A handler's defect must not become the sender's fault: it is counted and told, the verdict stands. */
  #failed(envelope: Envelope, thrown: unknown): void {
    this.#handlerFailures += 1
    this.#options.logger.error('message handler failed', { type: envelope.type, error: messageOf(thrown) })
  }
}

const SENDS_WAITING_MAX = 256
