import { afterEach, describe, expect, it } from 'vitest'
import type { TaskKey } from '../../core/mod.ts'
import { epoch, isoTime } from '../../core/mod.ts'
import { countingEntropy, HandClock, quietLogger, settle, testSigner } from '../../testing/gossip-kit.ts'
import { MemoryNetwork } from '../../testing/memory-gossip.ts'
import { Post } from '../../wire/mod.ts'
import { Membership } from './mod.ts'
import type { Load, MembershipEvent } from './mod.ts'

const swarms: (() => Promise<void>)[] = []
afterEach(async () => { for (const end of swarms.splice(0)) await end() })

const swarm = () => {
  const network = new MemoryNetwork()
  const clock = new HandClock()
  let runs = 0
  const add = async (number: number, options: { role?: string } = {}) => {
    const signer = testSigner(number)
    // A restarted process draws other ids than the one before it.
    runs += 1
    const run = runs
    const role = options.role ?? `role ${number}`
    const gossip = network.join(signer.node)
    const numbers: { -readonly [Key in keyof Load]: Load[Key] } = { currentTasks: 0, maxTasks: 2, lastActivityMs: clock.wallMs(), accepting: true }
    const profile = { agentId: `agent-${number}`, role, expertise: ['Go'], capabilities: ['code'], specialization: '', models: [], repositories: ['local:shop'] }
    const post = new Post({ gossip, signer, clock, entropy: countingEntropy(`n${run}`), logger: quietLogger, self: () => ({ role, expertise: [] }), redact: (data) => Promise.resolve(data) })
    const membership = new Membership({ node: signer.node, profile, load: () => numbers, post, links: gossip, clock, entropy: countingEntropy(`m${run}`), logger: quietLogger })
    const events: MembershipEvent[] = []
    membership.on((event) => { events.push(event) })
    const start = async () => { await gossip.start(); await post.start(); await membership.start() }
    const end = async () => { await membership.stop(); await post.stop(); await gossip.stop() }
    swarms.push(end)
    await start()
    return { node: signer.node, gossip, post, membership, numbers, profile, events, end }
  }
  return { network, clock, add }
}

describe('membership', () => {
  it('lets nodes that start one after another know each other, in full', async () => {
    const { clock, add } = swarm()
    const nodes = [await add(1), await add(2), await add(3)]
    await clock.advance(1_500)
    for (const own of nodes) {
      const members = own.membership.members()
      expect(members.map(({ self }) => self)).toEqual([true, false, false])
      expect(new Map(members.map(({ node, role, status, repositories, connected }) => [node, { role, status, repositories, connected }]))).toEqual(
        new Map(nodes.map(({ node, profile }) => [node, { role: profile.role, status: 'ready', repositories: ['local:shop'], connected: true }])),
      )
    }
  })

  it('tells true numbers when they change, and only then', async () => {
    const { clock, add, network } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    const before = network.verdicts.length
    await a.membership.changed()
    await settle()
    expect(network.verdicts.length).toBe(before)
    a.numbers.currentTasks = 2
    await a.membership.changed()
    await settle()
    expect(b.membership.members()[1]).toMatchObject({ node: a.node, currentTasks: 2, maxTasks: 2, status: 'busy' })
    expect(a.membership.self()).toMatchObject({ currentTasks: 2, status: 'busy', self: true })
    a.numbers.accepting = false
    await a.membership.changed()
    await settle()
    expect(b.membership.members()[1]).toMatchObject({ status: 'offline', present: true })
  })

  it('tells a changed profile', async () => {
    const { clock, add } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    await a.membership.update({ ...a.profile, role: 'Architect', expertise: ['SQL'] })
    await settle()
    expect(b.membership.members()[1]).toMatchObject({ role: 'Architect', expertise: ['SQL'] })
  })

  it('hears of tasks by their progress', async () => {
    const { clock, add } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    const at = isoTime(clock.wallMs())
    await a.post.send('task_progress', {
      task_key: 'local:shop#1' as TaskKey, task_number: 1, repository: 'shop', agent_id: 'agent-1', agent_role: 'role 1', epoch: epoch(1),
      status: 'claimed', timestamp: at, title: 'x', claim_time: at, estimated_completion: at,
    })
    await settle()
    expect(b.membership.members()[1]).toMatchObject({ currentTasks: 1, tasks: ['local:shop#1'] })
  })

  it('says goodbye on drain, is silent after it, and still hears the others', async () => {
    const { clock, add, network } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    await a.membership.drain()
    await a.membership.drain()
    await settle()
    expect(b.events.at(-1)).toMatchObject({ kind: 'member_left', reason: 'left', member: { node: a.node, status: 'offline' } })
    const sentByA = network.verdicts.filter(({ author }) => author === a.node).length
    await clock.advance(200_000)
    expect(network.verdicts.filter(({ author }) => author === a.node).length).toBe(sentByA)
    expect(a.membership.members()[1]).toMatchObject({ node: b.node, present: true })
  })

  it('lets go of a node that died, and takes it back when it restarts', async () => {
    const { clock, add } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    // Dies without a word.
    await b.gossip.stop()
    expect(a.membership.members()[1]).toMatchObject({ connected: false, present: true })
    await clock.advance(20_000)
    expect(a.events.at(-1)).toMatchObject({ kind: 'member_left', reason: 'disconnected' })
    const again = await add(2)
    await clock.advance(2_000)
    expect(a.membership.members()[1]).toMatchObject({ node: again.node, present: true, connected: true })
    expect(again.membership.members()[1]).toMatchObject({ node: a.node, role: 'role 1' })
  })

  it('heals after a cut', async () => {
    const { clock, add, network } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    network.cut(a.node, b.node)
    await clock.advance(60_000)
    expect([a, b].map(({ membership }) => membership.members()[1]?.status)).toEqual(['offline', 'offline'])
    network.heal(a.node, b.node)
    await clock.advance(2_000)
    expect([a, b].map(({ membership }) => membership.members()[1]?.status)).toEqual(['ready', 'ready'])
  })

  it('asks the others about a member only when it cannot reach that one itself', async () => {
    const { clock, add, network } = swarm()
    const [a, b, c, d] = [await add(1), await add(2), await add(3), await add(4)]
    a.numbers.currentTasks = 1
    await clock.advance(5_000)
    for (const other of [b, c, d]) network.cut(other.node, a.node)
    // Told at the next beat at the latest; those who are cut off by all are gone by then.
    await clock.advance(10_000)
    expect([b, c, d].map(({ membership }) => membership.unreachable(a.node))).toEqual([{ witnesses: 2, others: 2 }, { witnesses: 2, others: 2 }, { witnesses: 2, others: 2 }])
    expect(b.membership.unreachable(c.node)).toEqual({ witnesses: 0, others: 0 })
    network.heal(b.node, a.node)
    await clock.advance(2_000)
    expect(b.membership.unreachable(a.node)).toEqual({ witnesses: 0, others: 0 })
    expect(c.membership.unreachable(a.node)).toEqual({ witnesses: 1, others: 2 })
  })

  it('tells nobody that a member without work cannot be reached', async () => {
    const { clock, add, network } = swarm()
    const [a, b, c] = [await add(1), await add(2), await add(3)]
    await clock.advance(5_000)
    for (const other of [b, c]) network.cut(other.node, a.node)
    await clock.advance(10_000)
    expect([b, c].map(({ membership }) => membership.members().find(({ self }) => self)?.unreachable)).toEqual([[], []])
    expect(b.membership.unreachable(a.node)).toEqual({ witnesses: 0, others: 1 })
  })

  it('keeps one timer, however much is heard', async () => {
    const { clock, add } = swarm()
    const nodes = [await add(1), await add(2), await add(3)]
    for (let minute = 0; minute < 5; minute += 1) {
      await clock.advance(60_000)
      expect(clock.armed).toBe(3)
    }
    for (const { membership } of nodes) expect(membership.members().map(({ present }) => present)).toEqual([true, true, true])
  })

  it('leaves no timer and no ear behind when it stops', async () => {
    const { clock, add } = swarm()
    const [a, b] = [await add(1), await add(2)]
    await clock.advance(5_000)
    await a.membership.stop()
    await a.membership.stop()
    await b.membership.stop()
    expect(clock.armed).toBe(0)
    const events = a.events.length
    b.numbers.currentTasks = 1
    await b.membership.changed()
    await settle()
    expect(a.events.length).toBe(events)
  })

  it('survives a listener that throws', async () => {
    const { clock, add } = swarm()
    const a = await add(1)
    const heard: string[] = []
    a.membership.on(() => { throw new Error('listener') })
    a.membership.on(({ kind }) => { heard.push(kind) })
    await add(2)
    await clock.advance(1_000)
    expect(heard[0]).toBe('member_joined')
  })
})
