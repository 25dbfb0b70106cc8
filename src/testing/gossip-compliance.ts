import { afterEach, describe, expect, it } from 'vitest'
import type { NodeId } from '../core/mod.ts'
import type { Gossip, GossipMessage, PeerChange } from '../ports/mod.ts'

/** What the suite needs of an implementation: some nodes of one swarm, not started, that will find each other. */
export interface GossipHarness {
  create(count: number): Promise<readonly Gossip[]>
  /** Must equal the limit of the nodes made. */
  readonly messageBytesMax: number
  /** How long to wait for what must happen. */
  readonly patienceMs: number
}

/** Every Gossip passes this (ports/gossip.ts). */
export const describeGossip = (name: string, harness: GossipHarness): void => {
  describe(`${name} as gossip`, () => {
    let nodes: readonly Gossip[] = []
    afterEach(async () => { await Promise.all(nodes.map((node) => node.stop())) })

    const swarm = async (count: number): Promise<readonly [Gossip, Gossip, ...Gossip[]]> => {
      nodes = await harness.create(count)
      // A second start changes nothing.
      await Promise.all([...nodes, ...nodes].map((node) => node.start()))
      return nodes as readonly [Gossip, Gossip, ...Gossip[]]
    }
    const eventually = (check: () => void | Promise<void>): Promise<void> => eventuallyWithin(harness.patienceMs, check)
    const text = (message: GossipMessage): string => new TextDecoder().decode(message.bytes)
    const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
    const collect = (node: Gossip, topic: string): string[] => {
      const heard: string[] = []
      node.subscribe(topic, (message) => { heard.push(`${message.author === node.self ? 'myself' : message.author} ${text(message)}`); return 'accept' })
      return heard
    }
    /** Publishes until somebody is there to hear it: links take a moment to form. */
    const publishHeard = (node: Gossip, options: { topic: string; text: string; by: number }): Promise<void> =>
      eventually(async () => { expect(await node.publish(options.topic, bytes(options.text))).toBe(options.by) })

    it('carries a message to the others with its author, and not back to itself', async () => {
      const [a, b, c] = await swarm(3)
      const heard = [a, b, c].map((node) => node === undefined ? [] : collect(node, 'one'))
      await publishHeard(a, { topic: 'one', text: 'hello', by: 2 })
      await eventually(() => { expect(heard.map((list) => list.at(-1))).toEqual([undefined, `${a.self} hello`, `${a.self} hello`]) })
      expect(heard[0]).toEqual([])
    })

    it('keeps topics apart', async () => {
      const [a, b] = await swarm(2)
      const one = collect(b, 'one')
      const two = collect(b, 'two')
      await publishHeard(a, { topic: 'one', text: '1', by: 1 })
      await publishHeard(a, { topic: 'two', text: '2', by: 1 })
      await eventually(() => { expect(two.at(-1)).toBe(`${a.self} 2`) })
      expect(new Set(one)).toEqual(new Set([`${a.self} 1`]))
    })

    it('hears nothing more on a topic once the last subscription is taken back', async () => {
      const [a, b] = await swarm(2)
      const heard: string[] = []
      const first = b.subscribe('one', (message) => { heard.push(`first ${text(message)}`); return 'accept' })
      const second = b.subscribe('one', (message) => { heard.push(`second ${text(message)}`); return 'accept' })
      await publishHeard(a, { topic: 'one', text: 'both', by: 1 })
      await eventually(() => { expect(heard).toContain('second both') })
      first()
      first()
      await publishHeard(a, { topic: 'one', text: 'later', by: 1 })
      await eventually(() => { expect(heard).toContain('second later') })
      expect(heard).not.toContain('first later')
      second()
      await publishHeard(a, { topic: 'one', text: 'never', by: 0 })
    })

    it('gives each hearer bytes of its own, and leaves the sender its', async () => {
      const [a, b, c] = await swarm(3)
      b.subscribe('one', (message) => { message.bytes.fill(0); return 'accept' })
      const heard = collect(c ?? b, 'one')
      const mine = bytes('hello')
      await eventually(async () => { expect(await a.publish('one', mine)).toBe(2) })
      expect(new TextDecoder().decode(mine)).toBe('hello')
      mine.fill(0)
      await eventually(() => { expect(heard.at(-1)).toBe(`${a.self} hello`) })
    })

    it('refuses to publish over the limit, and carries what is just under it', async () => {
      const [a, b] = await swarm(2)
      const sizes: number[] = []
      b.subscribe('one', (message) => { sizes.push(message.bytes.byteLength); return 'accept' })
      await expect(a.publish('one', new Uint8Array(harness.messageBytesMax + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
      await eventually(async () => { expect(await a.publish('one', new Uint8Array(harness.messageBytesMax))).toBe(1) })
      await eventually(() => { expect(sizes.at(-1)).toBe(harness.messageBytesMax) })
    })

    it('alone hands to nobody without failing, and before start and after stop refuses', async () => {
      nodes = await harness.create(1)
      const [a] = nodes as readonly [Gossip]
      await expect(a.publish('one', bytes('x'))).rejects.toMatchObject({ code: 'NETWORK_UNAVAILABLE' })
      expect(a.addresses()).toEqual([])
      await a.start()
      expect(await a.publish('one', bytes('x'))).toBe(0)
      expect(a.peers()).toEqual([])
      await a.stop()
      await a.stop()
      await expect(a.publish('one', bytes('x'))).rejects.toMatchObject({ code: 'NETWORK_UNAVAILABLE' })
      expect(a.peers()).toEqual([])
    })

    it('tells where it listens, who is there, and who comes and goes', async () => {
      nodes = await harness.create(2)
      const [a, b] = nodes as readonly [Gossip, Gossip]
      const changes: PeerChange[] = []
      a.onPeerChange((change) => { changes.push(change) })
      const off = a.onPeerChange(() => { throw new Error('was taken back') })
      off()
      await Promise.all([a.start(), b.start()])
      await eventually(() => { expect([a.peers(), b.peers()]).toEqual([[b.self], [a.self]]) })
      expect(changes).toEqual([{ node: b.self, connected: true }])
      expect(a.addresses().length).toBeGreaterThan(0)
      for (const address of a.addresses()) expect(address.endsWith(`/p2p/${a.self}`)).toBe(true)
      await b.stop()
      await eventually(() => { expect(changes).toEqual([{ node: b.self, connected: true }, { node: b.self, connected: false }]) })
      expect(a.peers()).toEqual([] satisfies NodeId[])
    })

    it('starts again after a stop, with its subscriptions', async () => {
      const [a, b] = await swarm(2)
      const heard = collect(b, 'one')
      await publishHeard(a, { topic: 'one', text: 'before', by: 1 })
      await b.stop()
      await eventually(() => { expect(a.peers()).toEqual([]) })
      await b.start()
      await publishHeard(a, { topic: 'one', text: 'after', by: 1 })
      await eventually(() => { expect(heard.at(-1)).toBe(`${a.self} after`) })
    })
  })
}

/** Tries again, less and less often, until the check passes; fails with its last failure when the time is over. */
export const eventuallyWithin = async (patienceMs: number, check: () => void | Promise<void>): Promise<void> => {
  const deadline = performance.now() + patienceMs
  for (let waitMs = 20; ; waitMs = Math.min(500, waitMs * 1.5)) {
    try {
      await check()
      return
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown
      await new Promise((resolve) => { setTimeout(resolve, waitMs) })
    }
  }
}
