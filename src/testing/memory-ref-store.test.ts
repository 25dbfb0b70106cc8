import { describe, expect, test } from 'vitest'
import { commitBytes, gitObjectId, refName } from '../core/mod.ts'
import { MemoryRemote } from './memory-ref-store.ts'
import type { MemoryRefStore } from './memory-ref-store.ts'
import { describeRefStore } from './ref-store-compliance.ts'

describeRefStore('the memory double', () => {
  const remote = new MemoryRemote()
  const stores: MemoryRefStore[] = []
  return Promise.resolve({
    open: () => { const store = remote.open(); stores.push(store); return Promise.resolve(store) },
    plant: (ref, object) => {
      if (object.type === 'blob') return Promise.resolve(remote.plant(ref, 'blob', object.content))
      const parents = object.parents.map((parent) => `parent ${parent}\n`).join('')
      const small = Buffer.from(commitBytes({ parent: null, message: '', atSeconds: 0 })).toString()
      return Promise.resolve(remote.plant(ref, 'commit', small.replace('author', `${parents}author`) + object.message))
    },
    cut: () => { for (const store of stores) store.gone = true; return Promise.resolve() },
    dispose: () => Promise.resolve(),
  })
})

describe('the memory double under faults', () => {
  const ref = refName('refs/chorus/claims/1')
  const setup = async () => {
    const remote = new MemoryRemote()
    const store = remote.open()
    const to = await store.create({ parent: null, message: 'x', atSeconds: 1 })
    return { remote, store, to, push: async () => (await store.push([{ ref, from: null, to }], { atomic: false })).get(ref)?.kind }
  }

  test.each([
    { kind: 'refuse', says: 'refused', lands: false },
    { kind: 'request-lost', says: 'unclear', lands: false },
    { kind: 'answer-lost', says: 'unclear', lands: true },
  ] as const)('$kind: the push says $says, landed $lands', async ({ kind, says, lands }) => {
    const { remote, store, push } = await setup()
    const fault = store.fault('push', kind)
    expect(await push()).toBe(says)
    expect(remote.refs.has(ref)).toBe(lands)
    expect(fault.used).toBe(true)
    expect(store.faultsLeft).toEqual([])
  })

  test('lands-late: unclear now, done when released, still a compare-and-swap', async () => {
    const { remote, store, to, push } = await setup()
    const fault = store.fault('push', 'lands-late')
    expect(await push()).toBe('unclear')
    expect(remote.refs.size).toBe(0)
    fault.release()
    await Promise.resolve()
    expect(remote.refs.get(ref)).toBe(to)
  })

  test('a read fault rejects once, and an unused fault is shown', async () => {
    const { store } = await setup()
    store.fault('tips', 'request-lost')
    store.fault('history', 'request-lost')
    await expect(store.tips('refs/')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    await expect(store.tips('refs/')).resolves.toBeInstanceOf(Map)
    expect(store.faultsLeft).toEqual(['history: request-lost'])
  })

  test('its objects are those of git', () => {
    // What git hash-object -t commit says of these bytes.
    const body = commitBytes({ parent: null, message: 'hello', atSeconds: 1_700_000_000 })
    expect(gitObjectId('commit', body)).toBe('077e3049718b62bb0ae163036df52ba3c5b2539c')
    expect(Buffer.from(body).toString()).toBe('tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor chorus <chorus@localhost> 1700000000 +0000\ncommitter chorus <chorus@localhost> 1700000000 +0000\n\nhello')
  })
})
