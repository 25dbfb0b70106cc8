import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import Hypercore from 'hypercore'
import { createLibp2p } from 'libp2p'

/**
 * The least that a node is made of: libp2p with TCP, Noise, Yamux, identify, GossipSub and mDNS, one topic, and one open
 * Hypercore. `bare-peer.ts <folder> <mdns service>`; prints `ready` when all of it is up, ends on SIGTERM.
 */
const [folder = '', serviceTag = ''] = process.argv.slice(2)

const core = new Hypercore(Hypercore.defaultStorage(folder))
const [host] = await Promise.all([
  createLibp2p({
    start: false,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()],
    peerDiscovery: [mdns({ serviceTag })],
    services: { identify: identify(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) },
  }),
  core.ready(),
])
host.addEventListener('peer:discovery', ({ detail }) => {
  // Who cannot be dialled now is found again by the next query.
  host.dial(detail.id).catch(() => undefined)
})
await host.start()
host.services.pubsub.subscribe('bench')
process.once('SIGTERM', () => { process.exit(0) })
process.stdout.write('ready\n')
