import { describe, expect, test } from 'vitest'
import { oid } from '../../core/mod.ts'
import { benchKey, ClaimsBench, deliveryBranch, deliveryOf, won } from '../../testing/claims-bench.ts'

const key = benchKey(42)
const branch = deliveryBranch

describe('the intent', () => {
  test('is durable before the push, with the oid that is pushed', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const order: string[] = []
    a.store.beforePush = (updates) => {
      const logged = a.intents.intents.map((intent) => intent.oid)
      order.push(`${updates.map((update) => logged.includes(update.to ?? oid('0'.repeat(40)))).join()} with ${logged.length} in the log`)
    }
    const claim = await won(a.claims.acquire(key))
    await a.claims.deliver(claim, await deliveryOf(a))
    await a.claims.finish(claim)
    expect(order).toEqual(['true with 1 in the log', 'true,false with 2 in the log', 'true with 3 in the log'])
    expect(a.intents.intents.map(({ state, epoch }) => `${state} ${epoch}`)).toEqual(['held 1', 'delivered 1', 'done 1'])
    expect(a.intents.intents[1]).toMatchObject({ key, from: expect.any(String), alongside: [{ ref: branch }], session: a.session })
    expect([...a.intents.outcomes.values()]).toEqual(['happened', 'happened', 'happened'])
  })

  test('that cannot be logged stops the push', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.intents.failNext = new Error('disk full')
    await expect(a.claims.acquire(key)).rejects.toThrow('disk full')
    expect(a.store.pushes()).toBe(0)
    expect(bench.tip(key)).toBeUndefined()
    expect((await a.claims.acquire(key)).ok).toBe(true)
  })

  test('that cannot be logged does not keep a claim alive that was let go', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    a.intents.failNext = new Error('disk full')
    await expect(a.claims.release(claim, { reason: 'x', countsAsAttempt: false })).rejects.toThrow('disk full')
    expect(a.claims.mine()).toEqual([])
    await a.claims.renewAll()
    expect(await bench.chain(key)).toHaveLength(1)
  })

  test('is not written for renewals', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await won(a.claims.acquire(key))
    await a.claims.renewAll()
    expect(await bench.chain(key)).toHaveLength(2)
    expect(a.intents.intents).toHaveLength(1)
  })

  test.each([
    { name: 'between intent and push', kind: 'request-lost', outcome: 'did not happen' },
    { name: 'after the push', kind: 'answer-lost', outcome: 'happened' },
  ] as const)('of a process that died $name is settled at the next start: $outcome', async ({ kind, outcome }) => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    // The process dies in the push: its promise never matters again.
    first.store.fault('push', kind)
    void first.claims.acquire(key).catch(() => undefined)
    await bench.clock.advance(0)
    first.store.gone = true
    const intents = Object.assign(first.intents, {})
    intents.outcomes.clear()
    const second = bench.node('a again', { as: 'a', intents })
    const settled = await second.claims.settle()
    expect(settled).toMatchObject([{ intent: { key, epoch: 1, state: 'held' }, outcome }])
    expect(await intents.unsettled()).toEqual([])
  })

  test('whose answer was lost has happened, however far the others have come since', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    a.store.fault('push', 'answer-lost')
    a.store.beforePush = () => { queueMicrotask(() => { a.store.gone = true }) }
    expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    a.store.beforePush = undefined
    b.claims.track([key])
    await b.claims.refresh()
    await bench.clock.advance(90_000)
    await won(b.claims.acquire(key))
    for (let round = 0; round < 3; round += 1) await b.claims.renewAll()
    a.store.gone = false
    await a.claims.refresh()
    expect([...a.intents.outcomes.values()]).toEqual(['happened'])
    expect(a.claims.mine()).toEqual([])
    expect(a.claims.view(key)).toMatchObject({ state: 'held', holder: b.signer.node, epoch: 2 })
  })

  test('that a later record follows has happened', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    await won(first.claims.acquire(key))
    await first.claims.renewAll()
    first.intents.outcomes.clear()
    const second = bench.node('a again', { as: 'a', intents: first.intents })
    expect(await second.claims.settle()).toMatchObject([{ outcome: 'happened' }])
  })

  test('nothing is claimed before the intents of the last run are settled', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    await won(first.claims.acquire(benchKey(1)))
    first.intents.outcomes.clear()
    const second = bench.node('a again', { as: 'a', intents: first.intents })
    second.store.gone = true
    await second.claims.start()
    expect((await second.claims.acquire(key)).ok).toBe(false)
    second.store.gone = false
    expect((await second.claims.acquire(key)).ok).toBe(true)
    expect(await first.intents.unsettled()).toEqual([])
    await second.claims.stop()
  })
})

describe('a node that comes back', () => {
  test('does not resume a claim of its last session: it takes it over in the next epoch, at once', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    const stale = await won(first.claims.acquire(key))
    // A copied state folder: the same key and the same log, while the first one still runs.
    const copy = bench.node('a copied', { as: 'a', intents: first.intents })
    await copy.claims.settle()
    expect(copy.claims.mine()).toEqual([])
    const adopted = await copy.claims.adopt(() => 'take over')
    expect(adopted).toMatchObject([{ key, outcome: 'taken over', claim: { epoch: 2 } }])
    await first.claims.renewAll()
    expect(stale.signal.reason).toBe('superseded')
    expect(await first.claims.deliver(stale, await deliveryOf(first))).toEqual({ kind: 'superseded' })
    expect((await bench.chain(key)).map((record) => record.session)).toEqual([first.session, copy.session])
  })

  test('gives back at start what it held, also tasks that nobody named, and leaves delivered work to be finished', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    await won(first.claims.acquire(benchKey(1)))
    const claim = await won(first.claims.acquire(key))
    await first.claims.deliver(claim, await deliveryOf(first))
    const [other] = [bench.node('b')]
    await won(other.claims.acquire(benchKey(3)))
    const second = bench.node('a again', { as: 'a', intents: first.intents })
    await second.claims.start()
    expect(await bench.story(benchKey(1))).toEqual(['held 1/0', 'released 2/0'])
    expect(await bench.story(benchKey(3))).toEqual(['held 1/0'])
    expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0'])
    expect(await won(second.claims.acquire(key))).toMatchObject({ epoch: 2, state: 'delivered' })
    await second.claims.stop()
  })
})

describe('a start on a repository with many claims of others', () => {
  test('reads them together, so that a store can bring them in one exchange', async () => {
    const bench = new ClaimsBench()
    const other = bench.node('b')
    for (let number = 1; number <= 30; number += 1) await won(other.claims.acquire(benchKey(number)))
    const first = bench.node('a')
    const history = first.store.history.bind(first.store)
    let [asked, together] = [0, 0]
    first.store.history = async (...about) => {
      asked += 1
      together = Math.max(together, asked)
      // Later than all that is asked for in the same breath.
      await new Promise((resolve) => { setImmediate(resolve) })
      asked -= 1
      return history(...about)
    }
    await first.claims.start()
    expect(together).toBe(30)
    await first.claims.stop()
  })
})

describe('a start while the remote is away', () => {
  test('gives back what the last run held as soon as it can be read', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    await won(first.claims.acquire(key))
    const second = bench.node('a again', { as: 'a', intents: first.intents })
    second.store.gone = true
    await second.claims.start()
    await expect(second.claims.refresh()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    second.store.gone = false
    await second.claims.refresh()
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 2/0'])
    await second.claims.stop()
  })
})

describe('drain() and stop()', () => {
  test('refuse new claims, keep renewing until stopped, and leave no timer', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    await won(a.claims.acquire(key))
    await a.claims.drain()
    expect(await a.claims.acquire(benchKey(2))).toEqual({ ok: false, reason: 'this node takes no new claims' })
    await bench.clock.advance(31_000)
    expect(await bench.chain(key)).toHaveLength(2)
    await Promise.all([a.claims.stop(), a.claims.stop()])
    expect(bench.clock.armed).toBe(0)
  })
})
