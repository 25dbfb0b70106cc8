import { ChorusError, keyedHash } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Logger } from '../../ports/mod.ts'
import { ALL_TOPICS, LIMITS } from '../../wire/mod.ts'

/** Everything that can be set on the network. Only the two keys have no default. */
export interface Libp2pOptions {
  /** 32-byte Ed25519 seed of the node's key: the peer id is the NodeId of core/signature. */
  readonly keySeed: Uint8Array
  /**
   * 32-byte pre-shared key of the swarm (libp2p private networks): without it nobody gets as far as a handshake.
   * undefined = an open network, where anyone who reaches the port can speak.
   */
  readonly swarmKey: Uint8Array | undefined
  readonly logger: Logger
  /** Multiaddrs to listen on. Port 0 = any free one, another at each start. Default: all interfaces, any port. */
  readonly listen?: readonly string[]
  /** Multiaddrs told to others instead of those of the interfaces, as behind a forwarded port. Default: none. */
  readonly announce?: readonly string[]
  /** Multiaddrs that are dialled, and dialled again whenever they are not connected. With or without /p2p/<id>. */
  readonly bootstrap?: readonly string[]
  /** Discovery on the local network; false = off. */
  readonly mdns?: false | {
    /** Default `CHORUS-peer-discovery`. The name on the network is made of it and the swarm key: swarms do not see each other. */
    readonly tag?: string
    /** Between queries; the first is sent at once. Default 5,000. */
    readonly intervalMs?: number
  }
  /** Whether a node may connect at all: the member list. Asked at each connection and at each sweep. Default: all who hold the key. */
  readonly admits?: (node: NodeId) => boolean
  /** Topics where bad messages cost a peer its standing. Default: the static topics. */
  readonly topics?: readonly string[]
  /** Larger messages are refused here and held against who sent them. Default LIMITS.messageBytesMax. */
  readonly messageBytesMax?: number
  /** Open connections; further ones are refused. Default 300. */
  readonly connectionsMax?: number
  /** Inbound connections per second and address. Many nodes may share one host: default 100. */
  readonly inboundPerSecondMax?: number
  /** Between two looks for peers that are known but not connected. Default 2,000. */
  readonly sweepIntervalMs?: number
  /** Default 3,000. */
  readonly dialTimeoutMs?: number
  /** From the answer to one ping to the next on each connection. Default 2,000. */
  readonly pingIntervalMs?: number
  /** A peer that has not answered a ping by then is disconnected. Too short, and a machine busy with builds falls out. Default 4,000. */
  readonly pingTimeoutMs?: number
}

export type ResolvedOptions = { readonly [Key in keyof Libp2pOptions]-?: Exclude<Libp2pOptions[Key], undefined> | (Key extends 'swarmKey' ? undefined : never) }

/** Fills in the defaults. Throws CONFIG_INVALID for what libp2p would only stumble over later. */
export const resolveOptions = (options: Libp2pOptions): ResolvedOptions => {
  if (options.keySeed.byteLength !== 32) throw invalid(`a node key seed of 32 bytes expected, got ${options.keySeed.byteLength}`, 'network.identity')
  if (options.swarmKey !== undefined && options.swarmKey.byteLength !== 32) {
    throw invalid(`a swarm key of 32 bytes expected, got ${options.swarmKey.byteLength}`, 'network.swarm_key')
  }
  const connectionsMax = options.connectionsMax ?? 300
  if (!Number.isSafeInteger(connectionsMax) || connectionsMax < 1) throw invalid(`at least 1 connection expected, got ${connectionsMax}`, 'network.connections_max')
  return {
    keySeed: options.keySeed,
    swarmKey: options.swarmKey,
    logger: options.logger,
    listen: options.listen ?? ['/ip4/0.0.0.0/tcp/0'],
    announce: options.announce ?? [],
    bootstrap: options.bootstrap ?? [],
    mdns: options.mdns ?? {},
    admits: options.admits ?? (() => true),
    topics: options.topics ?? ALL_TOPICS,
    messageBytesMax: options.messageBytesMax ?? LIMITS.messageBytesMax,
    connectionsMax,
    inboundPerSecondMax: options.inboundPerSecondMax ?? 100,
    sweepIntervalMs: options.sweepIntervalMs ?? 2_000,
    dialTimeoutMs: options.dialTimeoutMs ?? 3_000,
    pingIntervalMs: options.pingIntervalMs ?? 2_000,
    pingTimeoutMs: options.pingTimeoutMs ?? 4_000,
  }
}

export const MDNS_TAG = 'CHORUS-peer-discovery'

/**
 * The DNS-SD service name of one swarm. A keyed hash tells swarms on one network apart and gives nothing of the key
 * away; an open network has the bare tag.
 */
export const mdnsServiceTag = (tag: string, swarmKey: Uint8Array | undefined): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,45}$/.test(tag)) throw invalid(`a discovery tag of 1 to 46 letters, digits and '-' expected, got ${JSON.stringify(tag.slice(0, 80))}`, 'network.mdns.tag')
  const suffix = swarmKey === undefined ? '' : `-${keyedHash(swarmKey, tag).slice(0, 16)}`
  return `_${tag}${suffix}._udp.local`
}

/** The text form that libp2p reads (the swarm.key file of other implementations). */
export const swarmKeyFile = (swarmKey: Uint8Array): string => `/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(swarmKey).toString('hex')}`

const invalid = (message: string, setting: string): ChorusError => new ChorusError('CONFIG_INVALID', `${setting}: ${message}`, { setting })
