import type { NodeId } from '../core/mod.ts'

/**
 * Best-effort broadcast between the nodes of one swarm. A notification channel: what was missed in a cut never
 * comes, so nothing may depend on one message. The adapter has checked the transport signature: `author` made it.
 */
export interface Gossip {
  readonly self: NodeId
  start(): Promise<void>
  stop(): Promise<void>
  /** Called for every message by others on the topic; the verdict says whether it is passed on (accept), dropped (ignore), or dropped and held against the sender (reject). Must not throw. */
  subscribe(topic: string, receive: (message: GossipMessage) => Verdict): () => void
  /** Number of peers it was handed to; 0 when alone, which is no failure. Rejects with LIMIT_EXCEEDED over `messageBytesMax`. */
  publish(topic: string, bytes: Uint8Array): Promise<number>
  /** Nodes with an open connection now, in no order. */
  peers(): readonly NodeId[]
  /** Addresses where this node listens, as multiaddrs that end in /p2p/<id>. */
  addresses(): readonly string[]
  /** Messages that were refused before anyone here could judge them, by reason, since it was made. */
  refused?(): Readonly<Record<string, number>>
  onPeerChange(listener: (change: PeerChange) => void): () => void
}

export type Verdict = 'accept' | 'ignore' | 'reject'

export interface GossipMessage {
  readonly topic: string
  readonly author: NodeId
  /** Owned by the receiver. */
  readonly bytes: Uint8Array
}

export interface PeerChange {
  readonly node: NodeId
  readonly connected: boolean
}
