import { ChorusError } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Gossip, GossipMessage, PeerChange, Verdict } from '../ports/mod.ts'

/**
 * Gossip between nodes of one process: every started node is linked to every other, unless cut. Messages arrive in the
 * next microtask, in order, once. What is published during a cut never comes, as on the real network.
 */
export class MemoryNetwork {
  readonly messageBytesMax: number
  /** Every verdict that was given, oldest first: at most 10,000, then the oldest go. */
  readonly verdicts: { readonly by: NodeId; readonly author: NodeId; readonly topic: string; readonly verdict: Verdict }[] = []
  readonly #nodes = new Map<NodeId, MemoryGossip>()
  readonly #cuts = new Set<string>()

  constructor(options: { readonly messageBytesMax?: number } = {}) {
    this.messageBytesMax = options.messageBytesMax ?? 64 * 1024
  }

  /** A second join of the same node replaces the first: a restarted process. */
  join(node: NodeId): MemoryGossip {
    const gossip = new MemoryGossip(node, this)
    this.#nodes.set(node, gossip)
    return gossip
  }

  cut(a: NodeId, b: NodeId): void { this.#relink(() => this.#cuts.add(pair(a, b))) }
  heal(a: NodeId, b: NodeId): void { this.#relink(() => this.#cuts.delete(pair(a, b))) }
  /** Hands over bytes as if `author` had published them: what a hostile node could do. */
  inject(topic: string, author: NodeId, bytes: Uint8Array): void {
    for (const node of this.#nodes.values()) if (node.self !== author) this.#deliver(node, { topic, author, bytes })
  }

  /** For MemoryGossip: changes the set of started nodes and tells those concerned. */
  relink(change: () => void): void { this.#relink(change) }

  peersOf(node: NodeId): readonly NodeId[] {
    const own = this.#nodes.get(node)
    if (own?.running !== true) return []
    return [...this.#nodes.values()].filter((other) => other.running && other.self !== node && !this.#cuts.has(pair(node, other.self))).map((other) => other.self)
  }

  /** For MemoryGossip. Returns to how many it went. */
  send(author: NodeId, topic: string, bytes: Uint8Array): number {
    const hearers = this.peersOf(author).map((node) => this.#nodes.get(node)).filter((node) => node !== undefined && node.hears(topic))
    for (const hearer of hearers) if (hearer !== undefined) this.#deliver(hearer, { topic, author, bytes })
    return hearers.length
  }

  #deliver(hearer: MemoryGossip, message: GossipMessage): void {
    const copy = { ...message, bytes: message.bytes.slice() }
    queueMicrotask(() => {
      for (const verdict of hearer.receive(copy)) {
        this.verdicts.push({ by: hearer.self, author: message.author, topic: message.topic, verdict })
        if (this.verdicts.length > 10_000) this.verdicts.shift()
      }
    })
  }

  #relink(change: () => void): void {
    const before = new Map([...this.#nodes.keys()].map((node) => [node, new Set(this.peersOf(node))]))
    change()
    for (const [node, gossip] of this.#nodes) {
      const now = new Set(this.peersOf(node))
      const was = before.get(node) ?? new Set<NodeId>()
      for (const other of now) if (!was.has(other)) gossip.tell({ node: other, connected: true })
      for (const other of was) if (!now.has(other)) gossip.tell({ node: other, connected: false })
    }
  }
}

export class MemoryGossip implements Gossip {
  readonly self: NodeId
  running = false
  readonly #network: MemoryNetwork
  readonly #receivers = new Map<string, Set<(message: GossipMessage) => Verdict>>()
  readonly #listeners = new Set<(change: PeerChange) => void>()

  constructor(self: NodeId, network: MemoryNetwork) {
    this.self = self
    this.#network = network
  }

  start(): Promise<void> {
    if (!this.running) this.#network.relink(() => { this.running = true })
    return Promise.resolve()
  }

  stop(): Promise<void> {
    if (this.running) this.#network.relink(() => { this.running = false })
    return Promise.resolve()
  }

  subscribe(topic: string, receive: (message: GossipMessage) => Verdict): () => void {
    const receivers = this.#receivers.get(topic) ?? new Set()
    this.#receivers.set(topic, receivers)
    const entry = (message: GossipMessage): Verdict => receive(message)
    receivers.add(entry)
    return () => { receivers.delete(entry) }
  }

  async publish(topic: string, bytes: Uint8Array): Promise<number> {
    if (!this.running) throw new ChorusError('NETWORK_UNAVAILABLE', 'a started network was expected: publish after start and before stop')
    if (bytes.byteLength > this.#network.messageBytesMax) {
      throw new ChorusError('LIMIT_EXCEEDED', `a message has at most ${this.#network.messageBytesMax} bytes, this one has ${bytes.byteLength}`)
    }
    return this.#network.send(this.self, topic, bytes)
  }

  peers(): readonly NodeId[] { return this.#network.peersOf(this.self) }
  addresses(): readonly string[] { return this.running ? [`/memory/${this.self}/p2p/${this.self}`] : [] }

  onPeerChange(listener: (change: PeerChange) => void): () => void {
    const entry = (change: PeerChange): void => listener(change)
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  /** For MemoryNetwork. */
  hears(topic: string): boolean { return (this.#receivers.get(topic)?.size ?? 0) > 0 }
  receive(message: GossipMessage): readonly Verdict[] {
    if (!this.running) return []
    return [...this.#receivers.get(message.topic) ?? []].map((receive) => receive(message))
  }
  tell(change: PeerChange): void { for (const listener of [...this.#listeners]) listener(change) }
}

const pair = (a: NodeId, b: NodeId): string => [a, b].sort().join(' ')
