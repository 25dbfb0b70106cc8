import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { eventuallyWithin } from '../../testing/gossip-compliance.ts'
import { quietLogger } from '../../testing/gossip-kit.ts'
import { beginNode, beginProcess, bytes, collect, endNodes, freePort, makeNode } from '../../testing/gossip-nodes.ts'

afterEach(endNodes)

const eventually = (check: () => void | Promise<void>): Promise<void> => eventuallyWithin(20_000, check)

describe('libp2p nodes', () => {
  it('has the node id of core/signature as its peer id', async () => {
    const keySeed = randomBytes(32)
    const node = await beginNode({ keySeed })
    expect(node.self).toBe(nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(keySeed))))
    expect(node.self).toBe(peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', keySeed)).toString())
    expect(node.addresses()).toEqual([expect.stringMatching(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${node.self}$`))])
  })

  it('meets by mDNS those of its own swarm, and not those of another', async () => {
    const swarmKey = randomBytes(32)
    const [a, b] = await Promise.all([beginNode({ swarmKey, mdns: {} }), beginNode({ swarmKey, mdns: {} }), beginNode({ swarmKey: randomBytes(32), mdns: {} })])
    await eventually(() => { expect([a?.peers(), b?.peers()]).toEqual([[b?.self], [a?.self]]) })
  })

  it('meets by mDNS only under the same tag', async () => {
    const swarmKey = randomBytes(32)
    const a = await beginNode({ swarmKey, mdns: { tag: 'one' } })
    const other = await beginNode({ swarmKey, mdns: { tag: 'two' } })
    const b = await beginNode({ swarmKey, mdns: { tag: 'one' } })
    await eventually(() => { expect(a.peers()).toEqual([b.self]) })
    expect(other.peers()).toEqual([])
  })

  it('meets by bootstrap, with and without the id in the address, and also when the other comes later', async () => {
    const swarmKey = randomBytes(32)
    const port = await freePort()
    const early = await beginNode({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] })
    const hub = await beginNode({ swarmKey, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    const late = await beginNode({ swarmKey, bootstrap: hub.addresses() })
    await eventually(() => { expect(new Set(hub.peers())).toEqual(new Set([early.self, late.self])) })
    // And passes on what the leaves say to each other.
    const heard = collect(late)
    collect(hub)
    await eventually(async () => { await early.publish('one', bytes('through the hub')); expect(heard).toContain('through the hub') })
  })

  it('is refused with another swarm key, and with none', async () => {
    const swarmKey = randomBytes(32)
    const hub = await beginNode({ swarmKey })
    const changes: NodeId[] = []
    hub.onPeerChange(({ node }) => { changes.push(node) })
    const dials: string[] = []
    const logger = { ...quietLogger, debug: (message: string) => { dials.push(message) } }
    await beginNode({ swarmKey: randomBytes(32), bootstrap: hub.addresses(), logger })
    await eventually(() => { expect(dials.length).toBeGreaterThanOrEqual(2) })
    dials.length = 0
    await beginNode({ swarmKey: undefined, bootstrap: hub.addresses(), dialTimeoutMs: 500, logger })
    await eventually(() => { expect(dials.length).toBeGreaterThanOrEqual(2) })
    const friend = await beginNode({ swarmKey, bootstrap: hub.addresses() })
    await eventually(() => { expect(hub.peers()).toEqual([friend.self]) })
    expect(changes).toEqual([friend.self])
  })

  it('refuses a node that the member list does not admit, and hangs up on one that is taken off it', async () => {
    const revoked = new Set<NodeId>()
    const hub = await beginNode({ admits: (node) => !revoked.has(node) })
    const a = makeNode({ bootstrap: hub.addresses() })
    const b = makeNode({ bootstrap: hub.addresses() })
    revoked.add(a.self)
    const changes: NodeId[] = []
    hub.onPeerChange(({ node }) => { changes.push(node) })
    await a.start()
    await b.start()
    await eventually(() => { expect(hub.peers()).toEqual([b.self]) })
    expect(changes).toEqual([b.self])
    revoked.add(b.self)
    await eventually(() => { expect(hub.peers()).toEqual([]) })
    revoked.clear()
    await eventually(() => { expect(new Set(hub.peers())).toEqual(new Set([a.self, b.self])) })
  })

  it('keeps no more connections than it is told', async () => {
    const hub = await beginNode({ connectionsMax: 1 })
    const first = await beginNode({ bootstrap: hub.addresses() })
    await eventually(() => { expect(hub.peers()).toEqual([first.self]) })
    const failures: string[] = []
    await beginNode({ bootstrap: hub.addresses(), logger: { ...quietLogger, debug: (message) => { failures.push(message) } } })
    await eventually(() => { expect(failures.length).toBeGreaterThanOrEqual(2) })
    expect(hub.peers()).toEqual([first.self])
  })

  it('takes eight connections at once from one address', async () => {
    // libp2p's own limit is five per second.
    const hub = await beginNode()
    const failures: string[] = []
    const logger = { ...quietLogger, debug: (message: string) => { failures.push(message) } }
    await Promise.all(Array.from({ length: 8 }, () => beginNode({ bootstrap: hub.addresses(), dialTimeoutMs: 20_000, logger })))
    await eventually(() => { expect(hub.peers()).toHaveLength(8) })
    expect(failures).toEqual([])
  })

  it('takes as few connections per second from one address as it is told', async () => {
    const hub = await beginNode({ inboundPerSecondMax: 1 })
    const failures: string[] = []
    const logger = { ...quietLogger, debug: (message: string) => { failures.push(message) } }
    await Promise.all(Array.from({ length: 3 }, () => beginNode({ bootstrap: hub.addresses(), dialTimeoutMs: 20_000, sweepIntervalMs: 1_100, logger })))
    await eventually(() => { expect(failures.length).toBeGreaterThan(0) })
  })

  it('tells others the addresses it is told to announce', async () => {
    const node = await beginNode({ announce: ['/ip4/203.0.113.7/tcp/4101'] })
    expect(node.addresses()).toEqual([`/ip4/203.0.113.7/tcp/4101/p2p/${node.self}`])
  })

  it('gives up on an address that takes the call and says nothing, and calls again', async () => {
    let calls = 0
    const server = createServer(() => { calls += 1 }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const started = performance.now()
    await beginNode({ bootstrap: [`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`], dialTimeoutMs: 300 })
    await eventually(() => { expect(calls).toBeGreaterThanOrEqual(3) })
    // Three times libp2p's own ten seconds would be thirty.
    expect(performance.now() - started).toBeLessThan(8_000)
    server.close()
  })

  it('notices within seconds that a peer has frozen', async () => {
    const swarmKey = randomBytes(32)
    const port = await freePort()
    const frozen = await beginProcess({ keySeed: randomBytes(32), swarmKey, port })
    const survivor = await beginNode({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`], sweepIntervalMs: 60_000, pingTimeoutMs: 1_000 })
    await eventually(() => { expect(survivor.peers()).toHaveLength(1) })
    frozen.kill('SIGSTOP')
    const started = performance.now()
    await eventually(() => { expect(survivor.peers()).toEqual([]) })
    // Asked only every ten seconds it would take longer than this.
    expect(performance.now() - started).toBeLessThan(9_000)
  })

  it('dials a known peer again after it was killed and came back', async () => {
    const swarmKey = randomBytes(32)
    const port = await freePort()
    const keySeed = randomBytes(32)
    // The child knows nobody: only the survivor's sweep can bring them together again.
    const first = await beginProcess({ keySeed, swarmKey, port })
    const survivor = await beginNode({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] })
    await eventually(() => { expect(survivor.peers()).toHaveLength(1) })
    const changes: boolean[] = []
    survivor.onPeerChange(({ connected }) => { changes.push(connected) })
    first.kill('SIGKILL')
    await once(first, 'exit')
    await eventually(() => { expect(survivor.peers()).toEqual([]) })
    await beginProcess({ keySeed, swarmKey, port })
    await eventually(() => { expect(survivor.peers()).toEqual([nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(keySeed)))]) })
    expect(changes).toEqual([false, true])
  })

  it('says which setting to change when it cannot listen or understand an address', async () => {
    const a = await beginNode()
    const taken = a.addresses()[0]?.split('/p2p/')[0] ?? ''
    const second = makeNode({ listen: [taken] })
    await expect(second.start()).rejects.toMatchObject({ code: 'NETWORK_UNAVAILABLE', setting: 'network.listen' })
    await second.stop()
    await expect(makeNode({ bootstrap: ['here'] }).start()).rejects.toMatchObject({ code: 'CONFIG_INVALID', setting: 'network.bootstrap' })
    expect(() => makeNode({ swarmKey: randomBytes(31) })).toThrow(/network\.swarm_key: a swarm key of 32 bytes expected, got 31/)
    expect(() => makeNode({ connectionsMax: 0 })).toThrow(/network\.connections_max/)
    await expect(makeNode({ mdns: { tag: 'a b' } }).start()).rejects.toMatchObject({ code: 'CONFIG_INVALID', setting: 'network.mdns.tag' })
  })
})
