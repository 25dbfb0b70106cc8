import { describe, expect, test } from 'vitest'
import { benchKey, ClaimsBench, deliveryBranch, deliveryOf, won } from '../../testing/claims-bench.ts'

const key = benchKey(42)
const branch = deliveryBranch
const GONE = { witnesses: 2, others: 3 }

describe('a lease', () => {
  test('is renewed every 30 seconds, all leases of the node in one push', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    for (const number of [1, 2, 3]) await won(a.claims.acquire(benchKey(number)))
    const before = a.store.pushes()
    await bench.clock.advance(95_000)
    expect(a.store.pushes() - before).toBe(3)
    for (const number of [1, 2, 3]) expect(await bench.chain(benchKey(number))).toHaveLength(4)
    expect(a.claims.mine()).toHaveLength(3)
    expect(a.claims.stats).toMatchObject({ renewals: 9, renewalPushes: 3 })
    await a.claims.stop()
    expect(bench.clock.armed).toBe(0)
  })

  test('is taken over exactly when the observer has seen the same tip for its length on its own clock', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    b.claims.track([key])
    await won(a.claims.acquire(key))
    await bench.clock.advance(60_000)
    await b.claims.refresh()
    await bench.clock.advance(89_999)
    await b.claims.refresh()
    expect(await b.claims.acquire(key)).toEqual({ ok: false, reason: 'another holds it' })
    await bench.clock.advance(1)
    const claim = await won(b.claims.acquire(key))
    expect(claim).toMatchObject({ epoch: 2, attempt: 0 })
    expect(b.events.at(-1)).toMatchObject({ kind: 'claim_won', taken: 'expired' })
    expect(await bench.story(key)).toEqual(['held 1/0', 'held 2/0'])
  })

  test('starts anew for the observer with each renewal that it sees', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    for (let round = 0; round < 3; round += 1) {
      await bench.clock.advance(80_000)
      await a.claims.renewAll()
      await b.claims.refresh()
      expect(b.claims.view(key)).toMatchObject({ claimable: false, quietForMs: 0, heldForMs: (round + 1) * 80_000 })
    }
  })

  test('that was renewed since the observer looked is not taken: the compare-and-swap refuses', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    const claim = await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    await bench.clock.advance(90_000)
    await a.claims.renewAll()
    expect((await b.claims.acquire(key)).ok).toBe(false)
    expect(claim.signal.aborted).toBe(false)
    expect(await bench.story(key)).toEqual(['held 1/0'])
  })

  test('early takeover needs two others, or all of fewer, that cannot reach the holder', async () => {
    const cases = [
      { unreachable: { witnesses: 0, others: 0 }, wins: false }, { unreachable: { witnesses: 1, others: 3 }, wins: false },
      { unreachable: { witnesses: 1, others: 1 }, wins: true }, { unreachable: { witnesses: 2, others: 5 }, wins: true },
    ]
    for (const { unreachable, wins } of cases) {
      const bench = new ClaimsBench()
      const [a, b] = [bench.node('a'), bench.node('b', { unreachable: () => unreachable })]
      await won(a.claims.acquire(key))
      b.claims.track([key])
      await b.claims.refresh()
      await bench.clock.advance(5_000)
      expect((await b.claims.acquire(key)).ok).toBe(wins)
      if (wins) expect(b.events.at(-1)).toMatchObject({ kind: 'claim_won', taken: 'unreachable', epoch: 2 })
    }
  })

  test('no early takeover when the tip moved, or when the remote does not answer', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b', { unreachable: () => GONE })]
    const claim = await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    b.store.gone = true
    expect((await b.claims.acquire(key)).ok).toBe(false)
    b.store.gone = false
    b.store.beforePush = () => { b.store.beforePush = undefined; bench.remote.refs.set(bench.ref(key), renewed) }
    const renewed = await (async () => {
      await a.claims.renewAll()
      const tip = bench.tip(key)!
      bench.remote.refs.set(bench.ref(key), (await bench.chain(key))[1]!.parent!)
      return tip
    })()
    expect((await b.claims.acquire(key)).ok).toBe(false)
    expect(bench.tip(key)).toBe(renewed)
    expect(claim.signal.aborted).toBe(false)
  })

  test('fences itself after two thirds without a confirmed renewal, and only then', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    a.store.gone = true
    await bench.clock.advance(59_000)
    expect(claim.signal.aborted).toBe(false)
    await bench.clock.advance(4_000)
    expect(claim.signal.aborted).toBe(true)
    expect(claim.signal.reason).toBe('unrenewed')
    expect(a.claims.mine()).toEqual([])
    expect(a.events.at(-1)).toMatchObject({ kind: 'claim_unrenewed', epoch: 1 })
    a.store.gone = false
    expect(await a.claims.deliver(claim, await deliveryOf(a))).toEqual({ kind: 'refused', reason: 'the claim was not renewed in time' })
    expect(await a.claims.renew(claim)).toBe(false)
    expect(await a.claims.release(claim, { reason: 'stopped', countsAsAttempt: false })).toBe(true)
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/0'])
    await a.claims.stop()
  })

  test('survives a renewal whose answer was lost, and one that was lost itself', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    a.store.fault('push', 'answer-lost')
    await bench.clock.advance(31_000)
    a.store.fault('push', 'request-lost')
    await bench.clock.advance(45_000)
    expect(a.store.faultsLeft).toEqual([])
    expect(claim.signal.aborted).toBe(false)
    expect(claim.oid).toBe(bench.tip(key))
    expect(await bench.chain(key)).toHaveLength(3)
    await a.claims.stop()
  })

  test('counts its confirmation from when the push left, not from when it was answered', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    await bench.clock.advance(29_000)
    const slow = a.store.fault('push', 'slow')
    await bench.clock.advance(30_000)
    slow.release()
    a.store.beforePush = () => { a.store.gone = true }
    await bench.clock.advance(30_500)
    // Sent at 30 s: two thirds are over at 90 s, although the answer came at 59 s.
    expect(claim.signal.aborted).toBe(false)
    await bench.clock.advance(4_000)
    expect(claim.signal.reason).toBe('unrenewed')
    await a.claims.stop()
  })

  test('after a sleep of the machine it renews first, and goes on when nobody took over', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    await bench.clock.jump(3_600_000)
    await bench.clock.advance(1_000)
    expect(claim.signal.aborted).toBe(false)
    expect(await bench.chain(key)).toHaveLength(2)
    await a.claims.stop()
  })

  test('after a sleep in which another took over it is superseded', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    a.store.gone = true
    const late = bench.clock.jump(91_000)
    await late
    await won(b.claims.acquire(key))
    a.store.gone = false
    await bench.clock.advance(12_000)
    expect(claim.signal.reason).toBe('superseded')
    await a.claims.stop()
  })

  test('after a sleep with the remote away it fences itself when the grace is over', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    a.store.gone = true
    await bench.clock.jump(120_000)
    expect(claim.signal.aborted).toBe(false)
    await bench.clock.advance(16_000)
    expect(claim.signal.reason).toBe('unrenewed')
    await a.claims.stop()
  })
})

describe('a zombie', () => {
  const superseded = async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    const stale = await won(a.claims.acquire(key))
    b.claims.track([key])
    await b.claims.refresh()
    await bench.clock.advance(90_000)
    const fresh = await won(b.claims.acquire(key))
    return { bench, a, b, stale, fresh }
  }

  test('cannot renew: its work is stopped, and the new holder is not touched', async () => {
    const { bench, a, b, stale, fresh } = await superseded()
    await a.claims.renewAll()
    expect(stale.signal.reason).toBe('superseded')
    expect(a.claims.mine()).toEqual([])
    expect(a.events.at(-1)).toMatchObject({ kind: 'claim_superseded', epoch: 1, by: b.signer.node })
    expect(bench.tip(key)).toBe(fresh.oid)
  })

  test('cannot deliver: claim and branch are refused as a whole', async () => {
    const { bench, a, stale, fresh } = await superseded()
    expect(await a.claims.deliver(stale, await deliveryOf(a))).toEqual({ kind: 'superseded' })
    expect(bench.remote.refs.has(branch)).toBe(false)
    expect(bench.tip(key)).toBe(fresh.oid)
    expect(stale.signal.reason).toBe('superseded')
  })

  test('cannot release, park, escalate or finish', async () => {
    for (const move of ['release', 'park', 'escalate', 'finish'] as const) {
      const { bench, a, stale, fresh } = await superseded()
      await a.claims.renewAll()
      const why = { reason: 'x', countsAsAttempt: true }
      expect(await (move === 'finish' ? a.claims.finish(stale) : a.claims[move](stale, why))).toBe(false)
      expect(bench.tip(key)).toBe(fresh.oid)
    }
  })

  test('hears of it by a refresh', async () => {
    const { a, stale } = await superseded()
    await a.claims.refresh()
    expect(stale.signal.reason).toBe('superseded')
  })
})
