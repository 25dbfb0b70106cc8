import type { Message, TopicValidatorResult } from '@libp2p/gossipsub'
import { assert, ChorusError, isNodeId, messageOf, nodeIdOfKey, privateKeyFromSeed, publicKeyBytes } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Gossip, GossipMessage, PeerChange, Verdict } from '../../ports/mod.ts'
import type { Host } from './host.ts'
import { resolveOptions } from './options.ts'
import type { Libp2pOptions, ResolvedOptions } from './options.ts'
import type { Reconnect } from './reconnect.ts'

type Receiver = (message: GossipMessage) => Verdict

/**
 * Gossip over libp2p GossipSub. Each start makes a new host with the same identity; subscriptions outlive it. libp2p is loaded
 * by the first start (a fifth of a second): commands that never start it do without, and a node has other things to wait for.
 */
export class Libp2pGossip implements Gossip {
  readonly self: NodeId
  readonly #options: ResolvedOptions
  readonly #receivers = new Map<string, Set<Receiver>>()
  readonly #listeners = new Set<(change: PeerChange) => void>()
  #running: { readonly host: Host; readonly reconnect: Reconnect } | undefined
  #results: Readonly<Record<Verdict, TopicValidatorResult>> | undefined
  #changing: Promise<void> = Promise.resolve()
  #tooLarge = 0

  constructor(options: Libp2pOptions) {
    this.#options = resolveOptions(options)
    this.self = nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(this.#options.keySeed)))
  }

  start(): Promise<void> { return this.#change(() => this.#startNow()) }
  stop(): Promise<void> { return this.#change(() => this.#stopNow()) }

  subscribe(topic: string, receive: Receiver): () => void {
    const receivers = this.#receivers.get(topic) ?? new Set<Receiver>()
    this.#receivers.set(topic, receivers)
    const entry: Receiver = (message) => receive(message)
    receivers.add(entry)
    if (receivers.size === 1 && this.#running !== undefined) this.#listenTo(this.#running.host, topic)
    return () => {
      receivers.delete(entry)
      if (receivers.size > 0 || this.#receivers.get(topic) !== receivers) return
      this.#receivers.delete(topic)
      this.#running?.host.services.pubsub.unsubscribe(topic)
      this.#running?.host.services.pubsub.topicValidators.delete(topic)
    }
  }

  async publish(topic: string, bytes: Uint8Array): Promise<number> {
    const { messageBytesMax } = this.#options
    if (bytes.byteLength > messageBytesMax) {
      throw new ChorusError('LIMIT_EXCEEDED', `a message has at most ${messageBytesMax} bytes, this one has ${bytes.byteLength}`)
    }
    if (this.#running === undefined) throw new ChorusError('NETWORK_UNAVAILABLE', 'a started network was expected: publish after start and before stop')
    try {
      // A copy: libp2p keeps the bytes for a while to answer those who missed them, the caller may use its own again.
      const { recipients } = await this.#running.host.services.pubsub.publish(topic, bytes.slice())
      return recipients.length
    } catch (thrown) {
      throw new ChorusError('NETWORK_UNAVAILABLE', `the message could not be published: ${messageOf(thrown)}`, { cause: thrown })
    }
  }

  peers(): readonly NodeId[] { return (this.#running?.host.getPeers() ?? []).map((peer) => peer.toString() as NodeId) }

  addresses(): readonly string[] { return (this.#running?.host.getMultiaddrs() ?? []).map(String) }

  refused(): Readonly<Record<string, number>> { return { 'too-large': this.#tooLarge } }

  onPeerChange(listener: (change: PeerChange) => void): () => void {
    const entry = (change: PeerChange): void => listener(change)
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  /** Starts and stops wait for each other; each finds the state that the one before left. */
  #change(step: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(step)
    // The failure is the caller's; the next step only waits for the end.
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #startNow(): Promise<void> {
    if (this.#running !== undefined) return
    const [{ createHost, RESULTS }, { Reconnect }] = await Promise.all([import('./host.ts'), import('./reconnect.ts')])
    this.#results = RESULTS
    const host = await createHost(this.#options)
    const reconnect = new Reconnect(host, this.#options)
    host.addEventListener('peer:connect', ({ detail }) => this.#tell({ node: detail.toString() as NodeId, connected: true }))
    host.addEventListener('peer:disconnect', ({ detail }) => this.#tell({ node: detail.toString() as NodeId, connected: false }))
    reconnect.attach()
    try {
      await host.start()
    } catch (thrown) {
      // What did start is taken back; the first failure is the one to tell.
      await Promise.resolve(host.stop()).catch(() => undefined)
      throw new ChorusError('NETWORK_UNAVAILABLE', `listening on ${this.#options.listen.join(', ')} expected: ${messageOf(thrown)}; is the port taken?`, {
        setting: 'network.listen', cause: thrown,
      })
    }
    this.#running = { host, reconnect }
    for (const topic of this.#receivers.keys()) this.#listenTo(host, topic)
    reconnect.start()
  }

  async #stopNow(): Promise<void> {
    if (this.#running === undefined) return
    const { host, reconnect } = this.#running
    this.#running = undefined
    reconnect.stop()
    await host.stop()
  }

  #listenTo(host: Host, topic: string): void {
    const { pubsub } = host.services
    const results = this.#results
    assert(results !== undefined, 'a host that runs was started')
    // Here and not in the 'message' event: the verdict has to be known before the message is passed on.
    pubsub.topicValidators.set(topic, (_peer, message) => results[this.#judge(topic, message)])
    pubsub.subscribe(topic)
  }

  #judge(topic: string, message: Message): Verdict {
    // Under StrictSign neither happens: the library has checked the signature against this very id.
    if (message.type !== 'signed') return 'reject'
    const author = message.from.toString()
    if (!isNodeId(author)) return 'reject'
    if (message.data.byteLength > this.#options.messageBytesMax) {
      this.#tooLarge += 1
      return 'reject'
    }
    if (!this.#options.admits(author)) return 'ignore'
    let strictest: Verdict = 'accept'
    for (const receive of [...this.#receivers.get(topic) ?? []]) {
      const verdict = receive({ topic, author, bytes: message.data.slice() })
      if (verdict === 'reject' || strictest === 'accept') strictest = verdict
    }
    return strictest
  }

  #tell(change: PeerChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}
