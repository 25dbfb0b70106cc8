import { describe, expect, it } from 'vitest'
import { describeGossip } from './gossip-compliance.ts'
import { settle, testSigner } from './gossip-kit.ts'
import { MemoryNetwork } from './memory-gossip.ts'

describeGossip('the memory network', {
  messageBytesMax: 64 * 1024,
  patienceMs: 1_000,
  create: (count) => {
    const network = new MemoryNetwork()
    return Promise.resolve(Array.from({ length: count }, (_, index) => network.join(testSigner(index + 1).node)))
  },
})

describe('the memory network', () => {
  it('loses what is said during a cut, and tells both sides of the cut and of its end', async () => {
    const network = new MemoryNetwork()
    const [a, b, c] = [1, 2, 3].map((number) => network.join(testSigner(number).node)) as [ReturnType<MemoryNetwork['join']>, ReturnType<MemoryNetwork['join']>, ReturnType<MemoryNetwork['join']>]
    const heard: string[] = []
    const changes: string[] = []
    for (const [name, node] of Object.entries({ a, b, c })) {
      node.subscribe('one', (message) => { heard.push(`${name} ${new TextDecoder().decode(message.bytes)}`); return 'ignore' })
      await node.start()
    }
    for (const [name, node] of Object.entries({ a, b, c })) node.onPeerChange((change) => { changes.push(`${name} ${change.connected ? 'meets' : 'loses'}`) })
    network.cut(a.self, b.self)
    expect(await a.publish('one', new TextEncoder().encode('lost'))).toBe(1)
    network.heal(b.self, a.self)
    expect(await a.publish('one', new TextEncoder().encode('heard'))).toBe(2)
    await settle()
    expect(heard).toEqual(['c lost', 'b heard', 'c heard'])
    expect(changes).toEqual(['a loses', 'b loses', 'a meets', 'b meets'])
    expect(network.verdicts.map(({ verdict }) => verdict)).toEqual(['ignore', 'ignore', 'ignore'])
  })
})
