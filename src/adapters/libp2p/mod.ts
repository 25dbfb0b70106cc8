/** The swarm's network: libp2p over TCP with Noise, Yamux, a pre-shared key, mDNS and GossipSub. */
export { Libp2pGossip } from './gossip.ts'
export { MDNS_TAG, mdnsServiceTag, swarmKeyFile } from './options.ts'
export type { Libp2pOptions } from './options.ts'
