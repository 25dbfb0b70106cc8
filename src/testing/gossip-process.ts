/** A libp2p node as a process of its own, for tests that kill it: <key seed hex> <swarm key hex> <port>. */
import { Libp2pGossip } from '../adapters/libp2p/mod.ts'
import { quietLogger } from './gossip-kit.ts'

const [keySeed = '', swarmKey = '', port = ''] = process.argv.slice(2)
const node = new Libp2pGossip({
  keySeed: Buffer.from(keySeed, 'hex'), swarmKey: Buffer.from(swarmKey, 'hex'), listen: [`/ip4/127.0.0.1/tcp/${port}`], mdns: false, logger: quietLogger,
})
await node.start()
process.stdout.write('listening\n')
