import { describe, expect, test } from 'vitest'
import { commitBytes } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import { benchKey, ClaimsBench, won } from '../../testing/claims-bench.ts'
import type { BenchNode } from '../../testing/claims-bench.ts'
import { openRecord, sealRecord } from './record.ts'
import type { ClaimRecord } from './record.ts'

const key = benchKey(42)

/** A commit that somebody pushed past the rules. */
const plant = (bench: ClaimsBench, message: string, parent: Oid | null = bench.tip(key) ?? null): Oid =>
  bench.remote.plant(bench.ref(key), 'commit', Buffer.from(commitBytes({ parent, message: '', atSeconds: 1 })).toString() + message)

/** The tip's record, changed and signed by the node. */
const forged = async (bench: ClaimsBench, by: BenchNode, over: Partial<ClaimRecord>): Promise<string> => {
  const tip = (await bench.chain(key)).at(-1)!
  return sealRecord({ ...tip, parent: bench.tip(key)!, node: by.signer.node, session: by.session, ...over }, by.signer)
}

const quarantinedFor = async (bench: ClaimsBench, observer: BenchNode): Promise<string | undefined> => {
  observer.claims.track([key])
  await observer.claims.refresh()
  const view = observer.claims.view(key)
  const pushes = observer.store.pushes()
  if (view.state !== 'quarantined') return undefined
  // Shown, and never claimed over, however long it stays.
  await bench.clock.advance(100 * 90_000)
  expect((await observer.claims.acquire(key)).ok).toBe(false)
  expect(observer.store.pushes()).toBe(pushes)
  expect(observer.claims.quarantined()).toMatchObject([{ key, oid: bench.tip(key) }])
  expect(observer.events.filter((event) => event.kind === 'tip_quarantined')).toHaveLength(1)
  await observer.claims.refresh()
  expect(observer.claims.stats.quarantined).toBe(1)
  return view.reason
}

describe('an invalid tip is quarantined', () => {
  test.each<[string, (bench: ClaimsBench, a: BenchNode) => Promise<unknown>, string]>([
    ['junk text', (bench) => Promise.resolve(plant(bench, 'release this')), 'no claim record'],
    ['no commit', (bench) => Promise.resolve(bench.remote.plant(bench.ref(key), 'blob', 'junk')), 'not a commit'],
    ['a huge message', (bench) => Promise.resolve(plant(bench, 'x'.repeat(20_000))), 'over 16384 bytes'],
    ['an unsigned record', async (bench, a) => plant(bench, (await forged(bench, a, { epoch: 2 as ClaimRecord['epoch'] })).replace(/"signature":"[^"]*"/, '"signature":""')), 'signature'],
    ['a record in another node\'s name', async (bench, a) => plant(bench, (await forged(bench, bench.node('eve'), {})).replaceAll(bench.node('eve').signer.node, a.signer.node)), 'signature'],
    ['a record of another task', async (bench, a) => plant(bench, await forged(bench, a, { key: benchKey(43) })), 'another task'],
    ['a record with another parent', async (bench, a) => plant(bench, await forged(bench, a, {}), null), 'another parent'],
    ['an epoch that jumps', async (bench, a) => plant(bench, await forged(bench, a, { epoch: 9 as ClaimRecord['epoch'] })), 'epoch 2 expected'],
    ['a ref set back to an older record', async (bench) => {
      const root = (await bench.chain(key))[1]?.parent
      return bench.remote.refs.set(bench.ref(key), root!)
    }, 'does not continue'],
  ])('%s', async (_, spoil, reason) => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await won(a.claims.acquire(key))
    const observer = bench.node('observer')
    observer.claims.track([key])
    await a.claims.renewAll()
    await observer.claims.refresh()
    await spoil(bench, a)
    const why = await quarantinedFor(bench, observer)
    expect(why).toContain(reason)
  })

  test('also one of a node that is no member, until it is one', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b', { isMember: () => member })]
    let member = false
    await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    expect(b.claims.view(key)).toMatchObject({ state: 'quarantined', reason: 'the record is of a node that is no member' })
    member = true
    await b.claims.refresh()
    expect(b.claims.view(key)).toMatchObject({ state: 'held', holder: a.signer.node })
  })

  test('a holder whose tip was overwritten stops', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    plant(bench, 'junk')
    await a.claims.renewAll()
    expect(claim.signal.reason).toBe('superseded')
    expect(a.claims.view(key).state).toBe('quarantined')
  })

  test('a person clears it: the next claim comes after the last valid epoch', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    plant(bench, 'junk')
    await b.claims.refresh()
    await bench.clock.advance(59_000)
    expect(await b.claims.clear(key)).toEqual({ ok: false, reason: 'this node has seen it for 59 s: it can be cleared after 60 s' })
    await bench.clock.advance(1_000)
    expect((await b.claims.clear(key)).ok).toBe(true)
    expect(bench.tip(key)).toBeUndefined()
    const claim = await won(b.claims.acquire(key))
    expect(claim.epoch).toBe(2)
    expect((await bench.chain(key)).map(({ epoch, epochBase }) => [epoch, epochBase])).toEqual([[2, 1]])
    expect((await b.claims.clear(key)).ok).toBe(false)
  })

  test('nodes may share what they read of a record, and judge the chain by themselves', async () => {
    const bench = new ClaimsBench()
    const opened = new Map<string, ReturnType<typeof openRecord>>()
    let asked = 0
    const sharing = (message: string): ReturnType<typeof openRecord> => {
      asked += 1
      const known = opened.get(message) ?? openRecord(message)
      opened.set(message, known)
      return known
    }
    const a = bench.node('a')
    await won(a.claims.acquire(key))
    const observers = ['b', 'c'].map((name) => bench.node(name, { openRecord: sharing }))
    for (const { claims } of observers) {
      claims.track([key])
      await claims.refresh()
      expect(claims.view(key)).toMatchObject({ state: 'held', holder: a.signer.node })
    }
    expect([asked, opened.size]).toEqual([2, 1])
    await a.claims.renewAll()
    plant(bench, await forged(bench, a, { epoch: 9 as ClaimRecord['epoch'] }))
    for (const { claims } of observers) {
      await claims.refresh()
      expect(claims.view(key).state).toBe('quarantined')
    }
    expect([asked, opened.size]).toEqual([6, 3])
  })

  test('every record that the service writes is one that others read', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    await a.claims.escalate(claim, { reason: `${'\u{1F600}'.repeat(400)}\uD800` })
    for (const record of await bench.chain(key)) expect(openRecord(sealRecord(record, a.signer)).ok).toBe(true)
    expect((await bench.chain(key)).at(-1)?.reason).toMatch(/^\u{1F600}{249}…$/u)
  })
})
