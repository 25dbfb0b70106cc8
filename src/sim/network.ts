import { ChorusError } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Gossip, GossipMessage, PeerChange, Verdict } from '../ports/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimProcess } from './process.ts'
import type { Scheduler } from './scheduler.ts'

/** How the mesh behaves; shares of all deliveries. */
export interface NetworkProfile {
  readonly latency: Latency
  readonly lost: number
  readonly doubled: number
  /** Bytes are changed on the way. */
  readonly altered: number
  /** A message is kept and comes again much later. */
  readonly replayed: number
  readonly replayedAfterMs: number
  /** Of a link that opens. */
  readonly connectMs: number
  /** Until a peer that fell silent counts as gone (measured: 1 to 2 s, reference of the p2p library). */
  readonly noticeMs: number
}

const MESSAGE_BYTES_MAX = 64 * 1024
/** So many different delays for one message's hearers: in a swarm of a thousand each delivery of its own would be a step of its own. */
const WAVES_MAX = 5
/** What a stopped process's sockets hold; more is lost. */
const HELD_MAX = 2_000

interface NetworkParts {
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly profile: () => NetworkProfile
  readonly emit: (happening: Happening) => void
}

/** Who hears whom. A direction between two nodes can be cut; what is cut may still be heard over a third node, as in gossip. */
export class SimNetwork {
  readonly parts: NetworkParts
  readonly #nodes = new Map<NodeId, SimGossip>()
  /** Directions that carry nothing: from each to those that do not hear it. */
  readonly #cut = new Map<NodeId, Set<NodeId>>()
  /** On each topic. */
  readonly #lastSaid = new Map<string, Uint8Array>()

  constructor(parts: NetworkParts) { this.parts = parts }

  /** A second join of a node is its next process. */
  join(node: NodeId, process: SimProcess): SimGossip {
    const gossip = new SimGossip(node, process, this)
    this.#nodes.set(node, gossip)
    return gossip
  }

  cut(from: NodeId, to: NodeId): void { this.#cut.set(from, (this.#cut.get(from) ?? new Set()).add(to)) }
  heal(): void { this.#cut.clear(); this.relink() }
  get cuts(): number { return [...this.#cut.values()].reduce((sum, { size }) => sum + size, 0) }

  /** Opens and closes links so that they fit who lives and what is cut, each end after its own delay. */
  relink(): void {
    const nodes = [...this.#nodes.values()]
    for (const one of nodes) for (const other of nodes) if (one !== other) this.#fit(one, other)
  }

  /** Only what concerns this node. */
  relinkOf(node: NodeId): void {
    const one = this.#nodes.get(node)
    if (one === undefined) return
    for (const other of this.#nodes.values()) {
      if (one === other) continue
      this.#fit(one, other)
      this.#fit(other, one)
    }
  }

  /** The process is gone, or left: its sockets close at once, and whoever can still be reached hears of it. */
  dropped(node: NodeId): void {
    for (const other of this.#nodes.values()) {
      if (other.self !== node && this.#open(node, other.self)) this.#later(20, other, () => { other.unlink(node) })
    }
    this.relinkOf(node)
  }

  /** For SimGossip. Returns to how many it went. */
  send(author: SimGossip, topic: string, bytes: Uint8Array): number {
    const { chance, profile } = this.parts
    const { latency, lost, doubled, altered, replayed, replayedAfterMs } = profile()
    this.#lastSaid.set(topic, bytes)
    const hearers = [...this.#nodes.values()].filter((node) => node !== author && node.hears(topic) && this.#route(author.self, node.self))
    const waves = Array.from({ length: Math.min(WAVES_MAX, hearers.length) }, () => ({ afterMs: chance.delayMs(latency), hearers: [] as SimGossip[] }))
    for (const hearer of hearers) {
      if (chance.happens(lost)) continue
      chance.pick(waves).hearers.push(hearer)
      if (chance.happens(doubled)) chance.pick(waves).hearers.push(hearer)
      if (chance.happens(altered)) this.foul(hearer.self, { topic, author: author.self, bytes: alteredBytes(bytes, chance) }, 'altered')
      if (chance.happens(replayed)) this.foul(hearer.self, { topic, author: author.self, bytes }, 'stale', replayedAfterMs)
    }
    for (const wave of waves) {
      if (wave.hearers.length === 0) continue
      this.parts.scheduler.after(wave.afterMs, () => { for (const hearer of wave.hearers) hearer.deliver({ topic, author: author.self, bytes }) })
    }
    return hearers.length
  }

  /** Something that no member has said now. */
  foul(to: NodeId, message: GossipMessage, foul: 'altered' | 'forged' | 'unsigned' | 'stale' | 'mistyped', afterMs = 0): void {
    const { scheduler, chance, profile, emit } = this.parts
    scheduler.after(afterMs + chance.delayMs(profile().latency), () => {
      const hearer = this.#nodes.get(to)
      if (hearer === undefined) return
      hearer.deliver(message, (verdict) => { emit({ kind: 'foul', node: to, life: hearer.process.life, foul, verdict }) })
    })
  }

  /** A stranger on the mesh: takes what was said last, changes what suits it, or says it in another's name. */
  forge(chance: Chance): void {
    const [topic, said] = chance.pick([...this.#lastSaid, undefined]) ?? []
    const nodes = [...this.#nodes.keys()]
    if (topic === undefined || said === undefined || nodes.length < 2) return
    const [author, to] = [chance.pick(nodes), chance.pick(nodes)]
    const envelope = JSON.parse(Buffer.from(said).toString('utf8')) as Record<string, unknown>
    const way = chance.pick(['forged', 'unsigned', 'mistyped'] as const)
    if (way === 'mistyped') this.foul(to, { topic, author, bytes: chance.bytes(chance.integer(200)) }, way)
    else {
      const { signature, ...rest }: Record<string, unknown> = { ...envelope, id: chance.uuid(), from: author }
      this.foul(to, { topic, author, bytes: Buffer.from(JSON.stringify(way === 'forged' ? { ...rest, signature } : rest)) }, way)
    }
  }

  #open(from: NodeId, to: NodeId): boolean { return this.#cut.size === 0 || this.#cut.get(from)?.has(to) !== true }

  /** Directly, or over a third that both reach. */
  #route(from: NodeId, to: NodeId): boolean {
    if (this.#open(from, to)) return true
    for (const third of this.#nodes.values()) if (third.heard && this.#open(from, third.self) && this.#open(third.self, to)) return true
    return false
  }

  #fit(one: SimGossip, other: SimGossip): void {
    const wanted = one.heard && other.heard && this.#open(one.self, other.self) && this.#open(other.self, one.self)
    if (wanted === one.linked(other.self)) return
    const { chance, profile } = this.parts
    const { connectMs, noticeMs } = profile()
    this.#later(chance.between(0.5, 1.5) * (wanted ? connectMs : noticeMs), one, () => {
      const still = one.heard && other.heard && this.#open(one.self, other.self) && this.#open(other.self, one.self)
      if (still !== wanted) return
      if (wanted) one.link(other.self)
      else one.unlink(other.self)
    })
  }

  #later(afterMs: number, gossip: SimGossip, act: () => void): void {
    this.parts.scheduler.after(afterMs, () => { gossip.process.enter(act) })
  }
}

/** One process's end of the mesh. */
export class SimGossip implements Gossip {
  readonly self: NodeId
  readonly process: SimProcess
  readonly #network: SimNetwork
  readonly #receivers = new Map<string, Set<(message: GossipMessage) => Verdict>>()
  readonly #listeners = new Set<(change: PeerChange) => void>()
  readonly #links = new Set<NodeId>()
  #running = false

  constructor(self: NodeId, process: SimProcess, network: SimNetwork) {
    this.self = self
    this.process = process
    this.#network = network
  }

  /** It answers pings: it runs, and its process does. */
  get heard(): boolean { return this.#running && this.process.running }
  get running(): boolean { return this.#running }

  start(): Promise<void> {
    this.#running = true
    this.#network.relinkOf(this.self)
    return Promise.resolve()
  }

  stop(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    this.#running = false
    this.#links.clear()
    this.#network.dropped(this.self)
    return Promise.resolve()
  }

  subscribe(topic: string, receive: (message: GossipMessage) => Verdict): () => void {
    const receivers = this.#receivers.get(topic) ?? new Set()
    this.#receivers.set(topic, receivers)
    const entry = (message: GossipMessage): Verdict => receive(message)
    receivers.add(entry)
    return () => { receivers.delete(entry) }
  }

  publish(topic: string, bytes: Uint8Array): Promise<number> {
    if (!this.#running) return Promise.reject(new ChorusError('NETWORK_UNAVAILABLE', 'a started network was expected'))
    if (bytes.byteLength > MESSAGE_BYTES_MAX) return Promise.reject(new ChorusError('LIMIT_EXCEEDED', `a message has at most ${MESSAGE_BYTES_MAX} bytes, this one has ${bytes.byteLength}`))
    return Promise.resolve(this.#network.send(this, topic, bytes))
  }

  peers(): readonly NodeId[] { return [...this.#links] }
  addresses(): readonly string[] { return this.#running ? [`/sim/p2p/${this.self}`] : [] }

  onPeerChange(listener: (change: PeerChange) => void): () => void {
    const entry = (change: PeerChange): void => listener(change)
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  hears(topic: string): boolean { return this.#running && this.process.alive && (this.#receivers.get(topic)?.size ?? 0) > 0 }

  deliver(message: GossipMessage, judged?: (verdict: Verdict) => void): void {
    // A socket's buffer is bounded; what does not fit is as good as lost.
    if (this.process.held >= HELD_MAX) return
    this.process.enter(() => {
      if (!this.#running) return
      for (const receive of this.#receivers.get(message.topic) ?? []) {
        const verdict = receive(message)
        judged?.(verdict)
      }
    })
  }

  linked(node: NodeId): boolean { return this.#links.has(node) }

  link(node: NodeId): void {
    if (this.#links.has(node) || !this.#running) return
    this.#links.add(node)
    this.#tell({ node, connected: true })
  }

  unlink(node: NodeId): void {
    if (!this.#links.delete(node)) return
    this.#tell({ node, connected: false })
  }

  #tell(change: PeerChange): void { for (const listener of [...this.#listeners]) listener(change) }
}

const alteredBytes = (bytes: Uint8Array, chance: Chance): Uint8Array => {
  const copy = bytes.slice()
  const at = chance.integer(copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << chance.integer(8))
  return copy
}
