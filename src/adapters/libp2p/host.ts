import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { gossipsub, StrictSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { createTopicScoreParams } from '@libp2p/gossipsub/score'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import type { NodeId } from '../../core/mod.ts'
import type { Verdict } from '../../ports/mod.ts'
import { watchedYamux } from './liveness.ts'
import { MDNS_TAG, mdnsServiceTag, swarmKeyFile } from './options.ts'
import type { ResolvedOptions } from './options.ts'

export type Host = Libp2p<{ pubsub: GossipSub }>

/** A verdict, as GossipSub takes it. */
export const RESULTS: Readonly<Record<Verdict, TopicValidatorResult>> = { accept: TopicValidatorResult.Accept, ignore: TopicValidatorResult.Ignore, reject: TopicValidatorResult.Reject }

/** A libp2p node, made but not started: listeners must be attached before mDNS answers, which takes 10 ms. */
export const createHost = async (options: ResolvedOptions): Promise<Host> => await createLibp2p({
  start: false,
  privateKey: await generateKeyPairFromSeed('Ed25519', options.keySeed),
  addresses: { listen: [...options.listen], announce: [...options.announce] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [watchedYamux(options)],
  ...(options.swarmKey === undefined ? {} : { connectionProtector: preSharedKey({ psk: Buffer.from(swarmKeyFile(options.swarmKey)) }) }),
  peerDiscovery: options.mdns === false ? [] : [mdns({
    serviceTag: mdnsServiceTag(options.mdns.tag ?? MDNS_TAG, options.swarmKey),
    interval: options.mdns.intervalMs ?? 5_000,
  })],
  connectionGater: gate(options.admits),
  connectionManager: {
    maxConnections: options.connectionsMax,
    inboundConnectionThreshold: options.inboundPerSecondMax,
    maxIncomingPendingConnections: options.inboundPerSecondMax,
    dialTimeout: options.dialTimeoutMs,
    // The sweep does it, and does not give up.
    reconnectRetries: 0,
  },
  // The muxer does it, for less.
  connectionMonitor: { enabled: false },
  services: {
    // Others may ask by either, though nothing here does.
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub({
      globalSignaturePolicy: StrictSign,
      // Being alone is no error: what was missed is recovered from logs and refs.
      allowPublishToZeroTopicPeers: true,
      // Below this it costs more to tell everybody "not again" than to get a message again: ours are a kilobyte or two.
      idontwantMinDataSize: IDONTWANT_BYTES_MIN,
      scoreParams: {
        // Many nodes per host are the rule here. With the default (-5, squared, over 10 nodes) sixteen nodes on one
        // address deliver nothing at all, without an error (measured).
        IPColocationFactorWeight: 0,
        topics: Object.fromEntries(options.topics.map((topic) => [topic, createTopicScoreParams(TOPIC_SCORE)])),
      },
    }),
  },
})

const IDONTWANT_BYTES_MIN = 16 * 1024

/** Peers only lose standing on topics with parameters. Silence costs nothing: most topics are quiet most of the time. */
const TOPIC_SCORE = {
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  invalidMessageDeliveriesWeight: -20,
  invalidMessageDeliveriesDecay: 0.9,
} as const

const gate = (admits: (node: NodeId) => boolean) => {
  const denies = (peer: PeerId): boolean => !admits(peer.toString() as NodeId)
  return { denyDialPeer: denies, denyInboundEncryptedConnection: denies, denyOutboundEncryptedConnection: denies }
}
