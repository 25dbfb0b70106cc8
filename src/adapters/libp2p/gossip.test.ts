import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { describeGossip, eventuallyWithin } from '../../testing/gossip-compliance.ts'
import { quietLogger } from '../../testing/gossip-kit.ts'
import { Libp2pGossip } from './mod.ts'
import type { Libp2pOptions } from './mod.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const PATIENCE_MS = 20_000

const running: Libp2pGossip[] = []
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

const make = (options: Partial<Libp2pOptions> = {}): Libp2pGossip => {
  const node = new Libp2pGossip({ keySeed: randomBytes(32), swarmKey: undefined, listen: LISTEN, mdns: false, sweepIntervalMs: 200, logger: quietLogger, ...options })
  running.push(node)
  return node
}
const begin = async (options: Partial<Libp2pOptions> = {}): Promise<Libp2pGossip> => {
  const node = make(options)
  await node.start()
  return node
}
const eventually = (check: () => void | Promise<void>): Promise<void> => eventuallyWithin(PATIENCE_MS, check)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const collect = (node: Libp2pGossip, verdict: (text: string) => 'accept' | 'ignore' | 'reject' = () => 'accept', topic = 'one'): string[] => {
  const heard: string[] = []
  node.subscribe(topic, (message) => { const text = new TextDecoder().decode(message.bytes); heard.push(text); return verdict(text) })
  return heard
}

describeGossip('libp2p', {
  messageBytesMax: 64 * 1024,
  patienceMs: PATIENCE_MS,
  create: async (count) => {
    const swarmKey = randomBytes(32)
    // Each is told where the ones before it will be; a stopped node has to come back to the same place.
    const ports = await Promise.all(Array.from({ length: count }, freePort))
    const seeds = ports.map(() => randomBytes(32))
    const place = (index: number): string => `/ip4/127.0.0.1/tcp/${ports[index]}/p2p/${nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(seeds[index] ?? new Uint8Array(32))))}`
    return ports.map((port, index) => make({
      keySeed: seeds[index] ?? new Uint8Array(32), swarmKey, listen: [`/ip4/127.0.0.1/tcp/${port}`], bootstrap: ports.slice(0, index).map((_, other) => place(other)),
    }))
  },
})

describe('libp2p gossip', () => {
  it('has the node id of core/signature as its peer id', async () => {
    const keySeed = randomBytes(32)
    const node = await begin({ keySeed })
    expect(node.self).toBe(nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(keySeed))))
    expect(node.self).toBe(peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', keySeed)).toString())
    expect(node.addresses()).toEqual([expect.stringMatching(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${node.self}$`))])
  })

  it('meets by mDNS those of its own swarm, and not those of another', async () => {
    const swarmKey = randomBytes(32)
    const [a, b] = await Promise.all([begin({ swarmKey, mdns: {} }), begin({ swarmKey, mdns: {} }), begin({ swarmKey: randomBytes(32), mdns: {} })])
    await eventually(() => { expect([a?.peers(), b?.peers()]).toEqual([[b?.self], [a?.self]]) })
  })

  it('meets by mDNS only under the same tag', async () => {
    const swarmKey = randomBytes(32)
    const a = await begin({ swarmKey, mdns: { tag: 'one' } })
    const other = await begin({ swarmKey, mdns: { tag: 'two' } })
    const b = await begin({ swarmKey, mdns: { tag: 'one' } })
    await eventually(() => { expect(a.peers()).toEqual([b.self]) })
    expect(other.peers()).toEqual([])
  })

  it('meets by bootstrap, with and without the id in the address, and also when the other comes later', async () => {
    const swarmKey = randomBytes(32)
    const port = await freePort()
    const early = await begin({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] })
    const hub = await begin({ swarmKey, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    const late = await begin({ swarmKey, bootstrap: hub.addresses() })
    await eventually(() => { expect(new Set(hub.peers())).toEqual(new Set([early.self, late.self])) })
    // And passes on what the leaves say to each other.
    const heard = collect(late)
    collect(hub)
    await eventually(async () => { await early.publish('one', bytes('through the hub')); expect(heard).toContain('through the hub') })
  })

  it('is refused with another swarm key, and with none', async () => {
    const swarmKey = randomBytes(32)
    const hub = await begin({ swarmKey })
    const changes: NodeId[] = []
    hub.onPeerChange(({ node }) => { changes.push(node) })
    const dials: string[] = []
    const logger = { ...quietLogger, debug: (message: string) => { dials.push(message) } }
    await begin({ swarmKey: randomBytes(32), bootstrap: hub.addresses(), logger })
    await eventually(() => { expect(dials.length).toBeGreaterThanOrEqual(2) })
    dials.length = 0
    await begin({ swarmKey: undefined, bootstrap: hub.addresses(), dialTimeoutMs: 500, logger })
    await eventually(() => { expect(dials.length).toBeGreaterThanOrEqual(2) })
    const friend = await begin({ swarmKey, bootstrap: hub.addresses() })
    await eventually(() => { expect(hub.peers()).toEqual([friend.self]) })
    expect(changes).toEqual([friend.self])
  })

  it('refuses a node that the member list does not admit, and hangs up on one that is taken off it', async () => {
    const revoked = new Set<NodeId>()
    const hub = await begin({ admits: (node) => !revoked.has(node) })
    const a = make({ bootstrap: hub.addresses() })
    const b = make({ bootstrap: hub.addresses() })
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
    const hub = await begin({ connectionsMax: 1 })
    const first = await begin({ bootstrap: hub.addresses() })
    await eventually(() => { expect(hub.peers()).toEqual([first.self]) })
    const failures: string[] = []
    await begin({ bootstrap: hub.addresses(), logger: { ...quietLogger, debug: (message) => { failures.push(message) } } })
    await eventually(() => { expect(failures.length).toBeGreaterThanOrEqual(2) })
    expect(hub.peers()).toEqual([first.self])
  })

  it('takes many connections per second from one address, or as few as it is told', async () => {
    const failures: string[] = []
    const logger = { ...quietLogger, debug: (message: string) => { failures.push(message) } }
    const open = await begin()
    await Promise.all(Array.from({ length: 8 }, () => begin({ bootstrap: open.addresses(), logger })))
    await eventually(() => { expect(open.peers()).toHaveLength(8) })
    expect(failures).toEqual([])
    const narrow = await begin({ inboundPerSecondMax: 1 })
    await Promise.all(Array.from({ length: 3 }, () => begin({ bootstrap: narrow.addresses(), logger })))
    await eventually(() => { expect(narrow.peers()).toHaveLength(3) })
    expect(failures.length).toBeGreaterThan(0)
  })

  it('tells others the addresses it is told to announce', async () => {
    const node = await begin({ announce: ['/ip4/203.0.113.7/tcp/4101'] })
    expect(node.addresses()).toEqual([`/ip4/203.0.113.7/tcp/4101/p2p/${node.self}`])
  })

  it('gives up on an address that takes the call and says nothing, and calls again', async () => {
    let calls = 0
    const server = createServer(() => { calls += 1 }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const started = performance.now()
    await begin({ bootstrap: [`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`], dialTimeoutMs: 300 })
    await eventually(() => { expect(calls).toBeGreaterThanOrEqual(3) })
    // Three times libp2p's own ten seconds would be thirty.
    expect(performance.now() - started).toBeLessThan(8_000)
    server.close()
  })

  it('rejects what is larger than it allows, whatever the sender allows itself', async () => {
    const hub = await begin({ messageBytesMax: 100 })
    const sender = await begin({ bootstrap: hub.addresses() })
    const heard = collect(hub)
    await eventually(async () => { expect(await sender.publish('one', bytes('warm'))).toBe(1) })
    await sender.publish('one', bytes('x'.repeat(101)))
    await sender.publish('one', bytes('x'.repeat(100)))
    await eventually(() => { expect(heard).toContain('x'.repeat(100)) })
    expect(heard).not.toContain('x'.repeat(101))
  })

  it('notices within seconds that a peer has frozen', async () => {
    const swarmKey = randomBytes(32)
    const port = await freePort()
    const frozen = await child({ keySeed: randomBytes(32), swarmKey, port })
    const survivor = await begin({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`], sweepIntervalMs: 60_000 })
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
    const first = await child({ keySeed, swarmKey, port })
    const survivor = await begin({ swarmKey, bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] })
    await eventually(() => { expect(survivor.peers()).toHaveLength(1) })
    const changes: boolean[] = []
    survivor.onPeerChange(({ connected }) => { changes.push(connected) })
    first.kill('SIGKILL')
    await once(first, 'exit')
    await eventually(() => { expect(survivor.peers()).toEqual([]) })
    await child({ keySeed, swarmKey, port })
    await eventually(() => { expect(survivor.peers()).toEqual([nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(keySeed)))]) })
    expect(changes).toEqual([false, true])
  })

  it('passes on what is accepted, and neither what is ignored nor what is rejected', async () => {
    const hub = await begin()
    const a = await begin({ bootstrap: hub.addresses() })
    const b = await begin({ bootstrap: hub.addresses() })
    const atHub = collect(hub, (text) => text.startsWith('bad') ? 'reject' : text.startsWith('old') ? 'ignore' : 'accept')
    const atB = collect(b)
    collect(a)
    await eventually(async () => { await a.publish('one', bytes('warm')); expect(atB).toContain('warm') })
    for (const text of ['bad', 'old', 'good']) await a.publish('one', bytes(text))
    await eventually(() => { expect(atB).toContain('good') })
    expect(atHub.filter((text) => text !== 'warm')).toEqual(['bad', 'old', 'good'])
    expect(atB).not.toContain('bad')
    expect(atB).not.toContain('old')
  })

  it('stops listening to a peer that keeps sending what is rejected', async () => {
    const hub = await begin({ topics: ['one'] })
    const evil = await begin({ bootstrap: hub.addresses() })
    const heard = collect(hub, (text) => text.startsWith('bad') ? 'reject' : 'accept')
    await eventually(async () => { expect(await evil.publish('one', bytes('warm'))).toBe(1) })
    for (let index = 0; index < 8; index += 1) await evil.publish('one', bytes(`bad ${index}`))
    await eventually(async () => {
      const before = heard.length
      await evil.publish('one', bytes('good'))
      // An honest hearer's answer would be there within a few milliseconds.
      await new Promise((resolve) => { setTimeout(resolve, 200) })
      expect(heard.length).toBe(before)
    })
    expect(hub.peers()).toEqual([evil.self])
  })

  it('hears everyone when many nodes share one address', async () => {
    // With libp2p's own colocation penalty the hub turns deaf to all sixteen.
    const hub = await begin()
    const heard = collect(hub)
    const leaves: Libp2pGossip[] = []
    for (let index = 0; index < 16; index += 1) {
      const leaf = await begin({ bootstrap: hub.addresses(), pingIntervalMs: 10_000 })
      collect(leaf)
      leaves.push(leaf)
    }
    await eventually(() => { expect(hub.peers()).toHaveLength(16) })
    await eventually(async () => {
      await Promise.all(leaves.map((leaf, index) => leaf.publish('one', bytes(`leaf ${index}`))))
      expect(new Set(heard).size).toBe(16)
    })
  }, 60_000)

  it('says which setting to change when it cannot listen or understand an address', async () => {
    const a = await begin()
    const taken = a.addresses()[0]?.split('/p2p/')[0] ?? ''
    const second = make({ listen: [taken] })
    await expect(second.start()).rejects.toMatchObject({ code: 'NETWORK_UNAVAILABLE', setting: 'network.listen' })
    await second.stop()
    await expect(make({ bootstrap: ['here'] }).start()).rejects.toMatchObject({ code: 'CONFIG_INVALID', setting: 'network.bootstrap' })
    expect(() => make({ swarmKey: randomBytes(31) })).toThrow(/network\.swarm_key: a swarm key of 32 bytes expected, got 31/)
    expect(() => make({ connectionsMax: 0 })).toThrow(/network\.connections_max/)
    await expect(make({ mdns: { tag: 'a b' } }).start()).rejects.toMatchObject({ code: 'CONFIG_INVALID', setting: 'network.mdns.tag' })
  })
})

/** A node in a process of its own, to be killed. Resolves when it listens. */
const child = async (spec: { keySeed: Uint8Array; swarmKey: Uint8Array; port: number }): Promise<ChildProcess> => {
  const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')
  const started = spawn(process.execPath, [fileURLToPath(new URL('../../testing/gossip-process.ts', import.meta.url)), hex(spec.keySeed), hex(spec.swarmKey), String(spec.port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(started)
  for await (const line of createInterface({ input: started.stdout })) if (line === 'listening') return started
  throw new Error('the child process ended before it listened')
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
