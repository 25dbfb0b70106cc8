import { describe, expect, test } from 'vitest'
import { commitBytes } from '../../core/mod.ts'
import { benchKey, ClaimsBench, won } from '../../testing/claims-bench.ts'
import type { BenchNode } from '../../testing/claims-bench.ts'
import type { Logger } from '../../ports/mod.ts'

const key = benchKey(42)
const DAYS = 24 * 60 * 60_000

const complete = async (node: BenchNode, which = key): Promise<void> => {
  const claim = await won(node.claims.acquire(which))
  await node.claims.deliver(claim, { result: { commit: 'x' }, alongside: [] })
  await node.claims.finish(claim)
}

describe('prune()', () => {
  test('deletes what was done long ago and closed, and nothing else', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await complete(a, benchKey(1))
    await complete(a, benchKey(2))
    await won(a.claims.acquire(benchKey(3)))
    await bench.clock.advance(29 * DAYS)
    await complete(a, benchKey(4))
    expect(await a.claims.prune({ closedKeys: [benchKey(1), benchKey(3), benchKey(4)], olderThanMs: 30 * DAYS })).toEqual([])
    await bench.clock.advance(2 * DAYS)
    expect(await a.claims.prune({ closedKeys: [benchKey(1), benchKey(3), benchKey(4)], olderThanMs: 30 * DAYS })).toEqual([benchKey(1)])
    expect([1, 2, 3, 4].map((number) => bench.tip(benchKey(number)) !== undefined)).toEqual([false, true, true, true])
    expect(a.claims.view(benchKey(1))).toMatchObject({ state: 'free', claimable: true })
    expect(a.events.at(-1)).toEqual({ kind: 'claims_pruned', keys: [benchKey(1)] })
  })

  test('moves the list of ended claims in the same push that deletes', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await complete(a)
    await bench.clock.advance(31 * DAYS)
    await a.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })
    const last = a.store.calls.findLast((call) => call.operation === 'push')
    expect(last?.detail).toEqual([`${bench.ref(key)} null`, `refs/chorus/ended ${bench.remote.refs.get(bench.names.ended)}`])
  })

  test('that is refused deletes nothing and ends nothing', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await complete(a)
    await bench.clock.advance(31 * DAYS)
    a.store.fault('push', 'refuse')
    expect(await a.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })).toEqual([])
    expect(bench.tip(key)).toBeDefined()
    expect(bench.remote.refs.has(bench.names.ended)).toBe(false)
  })

  test('takes more than one commit of the list when there are many', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const keys = Array.from({ length: 40 }, (_, index) => benchKey(index + 1))
    for (const one of keys) await complete(a, one)
    await bench.clock.advance(31 * DAYS)
    expect(await a.claims.prune({ closedKeys: keys, olderThanMs: 30 * DAYS })).toHaveLength(40)
    const b = bench.node('b')
    for (const one of [keys[0]!, keys[39]!]) expect((await won(b.claims.acquire(one))).epoch).toBe(2)
  })
})

describe('whoever creates a ref', () => {
  const ended = async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await complete(a)
    await bench.clock.advance(31 * DAYS)
    await a.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })
    return { bench, a }
  }

  test('continues the epoch of an ended chain', async () => {
    const { bench } = await ended()
    const claim = await won(bench.node('b').claims.acquire(key))
    expect(claim.epoch).toBe(2)
    expect(await bench.chain(key)).toMatchObject([{ epoch: 2, epochBase: 1, parent: null }])
  })

  test.each([
    ['not at all, where a listing of a minute ago has told it', 60_000, []],
    ['once, where the listing is older: after the push', 60_001, ['refs/chorus/ended']],
  ])('asks the remote about it %s', async (_what, ageMs, asked) => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.claims.track([key])
    await a.claims.refresh()
    await bench.clock.advance(ageMs)
    const happened: string[] = []
    const [tips, push] = [a.store.tips.bind(a.store), a.store.push.bind(a.store)]
    a.store.tips = (prefix) => { happened.push(prefix); return tips(prefix) }
    a.store.push = (...given) => { happened.push('push'); return push(...given) }
    await won(a.claims.acquire(key))
    expect(happened).toEqual(['push', ...asked])
  })

  test('looks again after it has created: what ended meanwhile is continued before any work', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await complete(a)
    await bench.clock.advance(31 * DAYS)
    const pruned = Promise.withResolvers<undefined>()
    // B finds no ended list; between that and its push, A prunes.
    bench.remote.refs.delete(bench.ref(key))
    const tip = bench.remote.refs
    b.store.beforePush = () => {
      b.store.beforePush = undefined
      tip.set(bench.names.ended, endedTip)
      pruned.resolve(undefined)
    }
    const endedTip = await (async () => {
      const other = new ClaimsBench()
      const c = other.node('a')
      await complete(c)
      await other.clock.advance(31 * DAYS)
      await c.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })
      const id = other.remote.refs.get(other.names.ended)!
      for (const [oid, object] of other.remote.objects) bench.remote.objects.set(oid, object)
      return id
    })()
    const claim = await won(b.claims.acquire(key))
    await pruned.promise
    expect(claim.epoch).toBe(2)
    expect((await bench.chain(key)).map(({ epoch, epochBase, state }) => [state, epoch, epochBase])).toEqual([['held', 1, 0], ['held', 2, 1]])
    const reader = bench.node('c')
    reader.claims.track([key])
    await reader.claims.refresh()
    expect(reader.claims.view(key)).toMatchObject({ state: 'held', epoch: 2 })
  })

  test('yields when it cannot look again, and gives the claim back', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.claims.track([key])
    await a.claims.refresh()
    await bench.clock.advance(61_000)
    a.store.beforePush = () => { a.store.beforePush = undefined; a.store.fault('tips', 'request-lost') }
    expect((await a.claims.acquire(key)).ok).toBe(false)
    expect(a.claims.mine()).toEqual([])
    await a.claims.refresh()
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/0'])
  })

  test('claims nothing while the list cannot be trusted', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const junk = Buffer.from(commitBytes({ parent: null, message: 'nothing ended', atSeconds: 1 })).toString()
    bench.remote.plant(bench.names.ended, 'commit', junk)
    expect(await a.claims.acquire(key)).toMatchObject({ ok: false, reason: expect.stringContaining('cannot be trusted') })
    expect(bench.tip(key)).toBeUndefined()
  })

  test('says in each view and once in the log why nothing is claimed, until the list is mended', async () => {
    const bench = new ClaimsBench()
    const warnings: string[] = []
    const quiet = (): void => undefined
    const logger: Logger = { debug: quiet, info: quiet, error: quiet, warn: (message) => { warnings.push(message) }, child: () => logger }
    const a = bench.node('a', { logger })
    bench.remote.plant(bench.names.ended, 'commit', Buffer.from(commitBytes({ parent: null, message: 'nothing ended', atSeconds: 1 })).toString())
    a.claims.track([key])
    await a.claims.refresh()
    await a.claims.refresh()
    expect(a.claims.view(key)).toMatchObject({ state: 'free', claimable: false, notClaimableBecause: expect.stringContaining('cannot be trusted') })
    expect(warnings).toEqual(['the list of ended claims cannot be trusted: no new claim is made'])
    bench.remote.refs.delete(bench.names.ended)
    await a.claims.refresh()
    expect(a.claims.view(key)).toMatchObject({ claimable: true })
    expect((await won(a.claims.acquire(key))).epoch).toBe(1)
  })

  test('what has not stood long enough under the eyes of this node is not pruned, whatever the clocks say', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await complete(a)
    await bench.clock.advance(31 * DAYS)
    b.claims.track([key])
    await b.claims.refresh()
    await bench.clock.advance(179_000)
    expect(await b.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })).toEqual([])
    await bench.clock.advance(1_000)
    expect(await b.claims.prune({ closedKeys: [key], olderThanMs: 30 * DAYS })).toEqual([key])
  })

  test('a stale holder of a pruned ref can do nothing', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    bench.remote.refs.delete(bench.ref(key))
    expect(await a.claims.deliver(claim, { result: 1, alongside: [] })).toEqual({ kind: 'superseded' })
    expect(claim.signal.reason).toBe('superseded')
  })
})
