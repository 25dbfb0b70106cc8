import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeIdOfKey, privateKeyFromSeed, publicKeyBytes } from '../../core/mod.ts'
import type { Clock } from '../../ports/mod.ts'
import { describeGossip, eventuallyWithin } from '../../testing/gossip-compliance.ts'
import { countingEntropy, keySeed, quietLogger, testSigner } from '../../testing/gossip-kit.ts'
import { beginNode, bytes, collect, endNodes, freePort, makeNode } from '../../testing/gossip-nodes.ts'
import { Post, TOPICS } from '../../wire/mod.ts'
import type { Libp2pGossip } from './mod.ts'

afterEach(endNodes)

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  arm: () => { throw new Error('no timer was expected') },
  delay: () => { throw new Error('no wait was expected') },
}

const eventually = (check: () => void | Promise<void>): Promise<void> => eventuallyWithin(20_000, check)

describeGossip('libp2p', {
  messageBytesMax: 64 * 1024,
  patienceMs: 20_000,
  create: async (count) => {
    const swarmKey = randomBytes(32)
    // Each is told where the ones before it will be; a stopped node has to come back to the same place.
    const ports = await Promise.all(Array.from({ length: count }, freePort))
    const seeds = ports.map(() => randomBytes(32))
    const place = (index: number): string => `/ip4/127.0.0.1/tcp/${ports[index]}/p2p/${nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(seeds[index] ?? new Uint8Array(32))))}`
    return ports.map((port, index) => makeNode({
      keySeed: seeds[index] ?? new Uint8Array(32), swarmKey, listen: [`/ip4/127.0.0.1/tcp/${port}`], bootstrap: ports.slice(0, index).map((_, other) => place(other)),
    }))
  },
})

describe('libp2p gossip', () => {
  it('rejects what is larger than it allows, whatever the sender allows itself', async () => {
    const hub = await beginNode({ messageBytesMax: 100 })
    const sender = await beginNode({ bootstrap: hub.addresses() })
    const heard = collect(hub)
    await eventually(async () => { expect(await sender.publish('one', bytes('warm'))).toBe(1) })
    await sender.publish('one', bytes('x'.repeat(101)))
    await sender.publish('one', bytes('x'.repeat(100)))
    await eventually(() => { expect(heard).toContain('x'.repeat(100)) })
    expect(heard).not.toContain('x'.repeat(101))
    expect(hub.refused()).toEqual({ 'too-large': 1 })
  })

  it('passes on what is accepted, and neither what is ignored nor what is rejected', async () => {
    const hub = await beginNode()
    const a = await beginNode({ bootstrap: hub.addresses() })
    const b = await beginNode({ bootstrap: hub.addresses() })
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
    const hub = await beginNode({ topics: ['one'] })
    const evil = await beginNode({ bootstrap: hub.addresses() })
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
    const hub = await beginNode({ pingIntervalMs: 10_000 })
    const heard = new Set<string>()
    hub.subscribe('one', ({ author }) => { heard.add(author); return 'ignore' })
    const leaves: Libp2pGossip[] = []
    for (let index = 0; index < 16; index += 1) leaves.push(await beginNode({ bootstrap: hub.addresses(), pingIntervalMs: 10_000, dialTimeoutMs: 20_000 }))
    await eventually(() => { expect(hub.peers()).toHaveLength(16) })
    // Long enough for the scores, which are reckoned once a second, to have noticed all sixteen.
    const noticedMs = performance.now() + 1_500
    await eventually(async () => {
      if (performance.now() < noticedMs) heard.clear()
      await Promise.all(leaves.filter((leaf) => !heard.has(leaf.self)).map((leaf) => leaf.publish('one', bytes('here'))))
      expect([heard.size, performance.now() >= noticedMs]).toEqual([16, true])
    })
  }, 60_000)

  it('carries the post: signed messages arrive, and what an author did not sign is held against it', async () => {
    const ends = await Promise.all([1, 2].map(async (number) => {
      const gossip = makeNode({ keySeed: keySeed(number) })
      const post = new Post({
        gossip, signer: testSigner(number), clock, entropy: countingEntropy(`${number}`), logger: quietLogger, self: () => ({ role: 'QA', expertise: [] }), redact: (data) => Promise.resolve(data),
      })
      await gossip.start()
      await post.start()
      return { gossip, post }
    }))
    const [a, b] = ends as [typeof ends[0] & object, typeof ends[0] & object]
    const third = await beginNode({ bootstrap: [...a.gossip.addresses(), ...b.gossip.addresses()] })
    collect(third, undefined, TOPICS.coordination)
    const heard: string[] = []
    b.post.on('availability_broadcast', ({ from, data }) => { heard.push(`${from} ${data.current_tasks}`) })
    const availability = { node_id: a.gossip.self, available_for_work: true, current_tasks: 1, max_tasks: 3, last_activity: 0, status: 'working', timestamp: 0 } as const
    await eventually(async () => {
      await a.post.send('availability_broadcast', availability)
      expect(heard[0]).toBe(`${a.gossip.self} 1`)
    })
    await eventually(async () => {
      await third.publish(TOPICS.coordination, bytes('unsigned'))
      expect(b.post.counts()['not-json']).toBeGreaterThan(0)
    })
  })
})
