import { describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import { countingEntropy, HandClock, quietLogger, settle, testSigner } from '../testing/gossip-kit.ts'
import { MemoryNetwork } from '../testing/memory-gossip.ts'
import { Post, TOPICS } from './mod.ts'
import type { MessageData, PostOptions } from './mod.ts'

const swarm = async (roles: readonly string[], overrides: Partial<PostOptions> = {}) => {
  const network = new MemoryNetwork()
  const clock = new HandClock()
  const nodes = await Promise.all(roles.map(async (role, index) => {
    const signer = testSigner(index + 1)
    const gossip = network.join(signer.node)
    const post = new Post({
      gossip, signer, clock, logger: quietLogger, entropy: countingEntropy(`n${index}`), self: () => ({ role, expertise: [] }), redact: (data) => Promise.resolve(data), ...overrides,
    })
    await gossip.start()
    await post.start()
    return { node: signer.node, gossip, post }
  }))
  return { network, clock, nodes: nodes as [typeof nodes[0] & object, typeof nodes[0] & object, ...typeof nodes] }
}

const role = (node: string, specialization = ''): MessageData<'role_announcement'> => ({
  agent_id: 'agent-001', node_id: node as never, role: 'dev', expertise: ['Go'], capabilities: ['code'], max_tasks: 3, current_tasks: 0, status: 'ready', specialization,
})

describe('the post', () => {
  it('carries a typed message to the handlers of its type, and to nobody else', async () => {
    const { nodes: [a, b] } = await swarm(['dev', 'QA'])
    const heard: string[] = []
    b.post.on('role_announcement', (envelope) => { heard.push(`${envelope.from_role} ${envelope.data.agent_id}`) })
    b.post.on('availability_broadcast', () => { heard.push('wrong') })
    a.post.on('role_announcement', () => { heard.push('echo') })
    expect(await a.post.send('role_announcement', role(a.node))).toMatchObject({ recipients: 1 })
    await settle()
    expect(heard).toEqual(['dev agent-001'])
  })

  it('hands a role-addressed message only to those it names, yet passes it on', async () => {
    const { network, nodes: [a, b, c] } = await swarm(['dev', 'Database Specialist', 'QA'])
    const heard: string[] = []
    b.post.on('role_announcement', () => { heard.push('b') })
    c?.post.on('role_announcement', () => { heard.push('c') })
    await a.post.send('role_announcement', role(a.node), { toRoles: ['database specialist'] })
    await settle()
    expect(heard).toEqual(['b'])
    expect(network.verdicts.map(({ verdict }) => verdict)).toEqual(['accept', 'accept'])
    expect(c?.post.counts()['not-for-me']).toBe(1)
  })

  it('redacts before it signs, and does not send what may not be sent', async () => {
    const { nodes: [a, b] } = await swarm(['dev', 'QA'], {
      redact: async (data) => {
        if (data['specialization'] === 'deny') throw new ChorusError('SECRET_DENIED', 'a secret')
        return { ...data, specialization: String(data['specialization']).replace('hunter2', '***') }
      },
    })
    const heard: string[] = []
    b.post.on('role_announcement', ({ data }) => { heard.push(data.specialization) })
    await expect(a.post.send('role_announcement', role(a.node, 'deny'))).rejects.toMatchObject({ code: 'SECRET_DENIED' })
    await a.post.send('role_announcement', role(a.node, 'password hunter2'))
    await settle()
    expect(heard).toEqual(['password ***'])
  })

  it('keeps the order of the calls, however long each redaction takes', async () => {
    const { nodes: [a, b] } = await swarm(['dev', 'QA'], {
      redact: async (data) => { for (let turn = Number(data['specialization']) * 5; turn < 50; turn += 1) await Promise.resolve(); return data },
    })
    const heard: string[] = []
    b.post.on('role_announcement', ({ data }) => { heard.push(data.specialization) })
    await Promise.all(['1', '2', '3', '4'].map((mark) => a.post.send('role_announcement', role(a.node, mark))))
    await settle()
    expect(heard).toEqual(['1', '2', '3', '4'])
  })

  it('says no when too many sends wait', async () => {
    const { nodes: [a] } = await swarm(['dev', 'QA'], { redact: (data) => new Promise((resolve) => { setImmediate(() => resolve(data)) }) })
    const sends = await Promise.allSettled(Array.from({ length: 257 }, () => a.post.send('role_announcement', role(a.node))))
    expect(sends.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'LIMIT_EXCEEDED' } }])
  })

  it('counts a failing handler and still serves the others', async () => {
    const { network, nodes: [a, b] } = await swarm(['dev', 'QA'])
    const heard: string[] = []
    b.post.on('role_announcement', () => { throw new Error('first') })
    b.post.on('role_announcement', () => Promise.reject(new Error('second')))
    b.post.on('role_announcement', () => { heard.push('third') })
    await a.post.send('role_announcement', role(a.node))
    await settle()
    expect(heard).toEqual(['third'])
    expect(b.post.handlerFailures).toBe(2)
    expect(network.verdicts).toMatchObject([{ verdict: 'accept' }])
  })

  it('answers rubbish with reject and counts it', async () => {
    const { network, nodes: [a, b] } = await swarm(['dev', 'QA'])
    network.inject(TOPICS.coordination, a.node, new TextEncoder().encode('rubbish'))
    await settle()
    expect(network.verdicts).toMatchObject([{ by: b.node, verdict: 'reject' }])
    expect(b.post.counts()['not-json']).toBe(1)
  })

  it('tells who speaks another version', async () => {
    const others: string[] = []
    const { network, nodes: [a, b] } = await swarm(['dev', 'QA'], { otherVersion: (author) => { others.push(author) } })
    network.inject(TOPICS.coordination, a.node, new TextEncoder().encode('{"version":2,"wholly":"different"}'))
    await settle()
    expect(others).toEqual([a.node])
    expect(b.post.counts()['version-unknown']).toBe(1)
  })

  it('hears nothing after stop, and nothing from a handler taken back', async () => {
    const { nodes: [a, b] } = await swarm(['dev', 'QA'])
    const heard: string[] = []
    const off = b.post.on('role_announcement', () => { heard.push('x') })
    off()
    await a.post.send('role_announcement', role(a.node))
    b.post.on('role_announcement', () => { heard.push('y') })
    await b.post.stop()
    await b.post.stop()
    expect(await a.post.send('role_announcement', role(a.node))).toMatchObject({ recipients: 0 })
    await settle()
    expect(heard).toEqual([])
  })
})
