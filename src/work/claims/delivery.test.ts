import { describe, expect, test } from 'vitest'
import { benchKey, ClaimsBench, deliveryBranch, deliveryOf, won } from '../../testing/claims-bench.ts'

const key = benchKey(42)
const branch = deliveryBranch

describe('deliver()', () => {
  test('moves claim and branch together, keeps the lease, and finish() ends it', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    const what = await deliveryOf(a)
    expect(await a.claims.deliver(claim, what)).toEqual({ kind: 'delivered' })
    expect(bench.remote.refs.get(branch)).toBe(what.result.commit)
    expect(claim.state).toBe('delivered')
    await a.claims.renewAll()
    expect(a.claims.view(key)).toMatchObject({ state: 'delivered', mine: true, result: what.result })
    expect(await a.claims.finish(claim)).toBe(true)
    expect(a.claims.view(key)).toMatchObject({ state: 'done', mine: false, claimable: false, notClaimableBecause: 'it is done' })
    expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
    expect(claim.signal.aborted).toBe(false)
  })

  test('tells a branch that moved from a claim that moved', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    const other = bench.remote.plant(branch, 'blob', 'moved')
    const refused = await a.claims.deliver(claim, await deliveryOf(a))
    expect(refused).toEqual({ kind: 'refused', reason: `${branch}: stale info` })
    expect(a.claims.view(key)).toMatchObject({ state: 'held', mine: true })
    expect(await a.claims.deliver(claim, await deliveryOf(a, other))).toEqual({ kind: 'delivered' })
  })

  test('into a work tree with changes in the way touches nothing', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    a.store.inTheWay.set(branch, ['src/x.ts'])
    expect(await a.claims.deliver(claim, await deliveryOf(a))).toEqual({ kind: 'in-the-way', paths: ['src/x.ts'] })
    expect(a.claims.view(key)).toMatchObject({ state: 'held', mine: true })
    expect(await a.claims.park(claim, { reason: 'your changes are in the way' })).toBe(true)
  })

  test('whose answer was lost was delivered; whose request was lost is tried again', async () => {
    for (const fault of ['answer-lost', 'request-lost'] as const) {
      const bench = new ClaimsBench()
      const a = bench.node('a')
      const claim = await won(a.claims.acquire(key))
      a.store.fault('push', fault)
      expect(await bench.clock.drive(a.claims.deliver(claim, await deliveryOf(a)))).toEqual({ kind: 'delivered' })
      expect(bench.remote.refs.has(branch)).toBe(true)
      expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0'])
    }
  })

  test('is unclear while the remote is away, and delivering again finds out', async () => {
    for (const landed of [true, false]) {
      const bench = new ClaimsBench()
      const a = bench.node('a')
      const claim = await won(a.claims.acquire(key))
      if (landed) a.store.fault('push', 'answer-lost')
      a.store.beforePush = () => { if (landed) queueMicrotask(() => { a.store.gone = true }); else a.store.gone = true }
      const what = await deliveryOf(a)
      expect(await bench.clock.drive(a.claims.deliver(claim, what))).toMatchObject({ kind: 'unclear' })
      a.store.beforePush = undefined
      a.store.gone = false
      expect(await a.claims.deliver(claim, what)).toEqual({ kind: 'delivered' })
      expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0'])
    }
  })

  test('is not pushed again once the holder has stopped itself', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a', { pushAgainMs: 70_000 })
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    a.store.fault('push', 'request-lost')
    expect(await bench.clock.drive(a.claims.deliver(claim, await deliveryOf(a)))).toEqual({ kind: 'unclear', reason: 'the claim was not renewed in time' })
    expect(claim.signal.reason).toBe('unrenewed')
    expect(bench.remote.refs.has(branch)).toBe(false)
    expect(await bench.story(key)).toEqual(['held 1/0'])
    await a.claims.stop()
  })

  test('refuses a result that others would not read', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    await expect(a.claims.deliver(claim, { result: 'x'.repeat(5_000), alongside: [] })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  test('of a holder that died is finished by another, which cannot do it again', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    const claim = await won(a.claims.acquire(key))
    const what = await deliveryOf(a)
    await a.claims.deliver(claim, what)
    b.claims.track([key])
    await b.claims.refresh()
    expect(await b.claims.acquire(key)).toEqual({ ok: false, reason: 'another finishes it' })
    await bench.clock.advance(90_000)
    const taken = await won(b.claims.acquire(key))
    expect(taken).toMatchObject({ epoch: 2, state: 'delivered', result: what.result })
    expect(await b.claims.deliver(taken, await deliveryOf(b))).toMatchObject({ kind: 'refused' })
    expect(await a.claims.finish(claim)).toBe(false)
    expect(await b.claims.finish(taken)).toBe(true)
    expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0', 'delivered 2/0', 'done 2/0'])
  })
})

describe('letting go', () => {
  test('of delivered work leaves it to whoever finds the lease run out', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    await a.claims.deliver(claim, await deliveryOf(a))
    expect(await a.claims.release(claim, { reason: 'draining', countsAsAttempt: false })).toBe(true)
    expect(a.claims.mine()).toEqual([])
    b.claims.track([key])
    await b.claims.refresh()
    await bench.clock.advance(90_000)
    await a.claims.refresh()
    expect(await won(b.claims.acquire(key))).toMatchObject({ epoch: 2, state: 'delivered', takenDelivered: true })
    await a.claims.stop()
  })

  test('a failed attempt waits 1, then 5 minutes on each observer\'s clock; the third goes to people', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    b.claims.track([key])
    for (const waitMs of [60_000, 300_000]) {
      const claim = await won(a.claims.acquire(key))
      await a.claims.release(claim, { reason: 'checks are red', countsAsAttempt: true })
      await bench.clock.advance(10_000)
      await b.claims.refresh()
      await bench.clock.advance(waitMs - 10_000)
      expect(a.claims.view(key).claimable).toBe(true)
      expect(b.claims.view(key)).toMatchObject({ claimable: false, notClaimableBecause: 'to be tried again in 10000 ms', reason: 'checks are red' })
    }
    const last = await won(a.claims.acquire(key))
    expect(last.attempt).toBe(2)
    expect(await a.claims.release(last, { reason: 'still red', countsAsAttempt: true })).toBe(true)
    await b.claims.refresh()
    expect(b.claims.view(key)).toMatchObject({ state: 'escalated', attempt: 3, claimable: false, reason: 'attempt 3 of 3 failed: still red' })
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/1', 'held 2/1', 'released 2/2', 'held 3/2', 'escalated 3/3'])
  })

  test('a release that is no failure counts no attempt and is claimable at once', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await a.claims.release(await won(a.claims.acquire(key)), { reason: 'draining', countsAsAttempt: false })
    expect(await won(b.claims.acquire(key))).toMatchObject({ epoch: 2, attempt: 0 })
  })

  test('parked waits for its node to resume it, or for a person, or for the time it names', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await a.claims.park(await won(a.claims.acquire(key)), { reason: 'needs approval' })
    await b.claims.acquire(key)
    await bench.clock.advance(3_600_000)
    await b.claims.refresh()
    expect(b.claims.view(key)).toMatchObject({ state: 'parked', claimable: false, holder: a.signer.node })
    expect((await b.claims.resume(key)).ok).toBe(false)
    const resumed = await won(a.claims.resume(key))
    expect(resumed).toMatchObject({ epoch: 1, state: 'held' })
    await a.claims.park(resumed, { reason: 'quota', retryAfterMs: 30_000 })
    await b.claims.refresh()
    await bench.clock.advance(30_000)
    expect(await won(b.claims.acquire(key))).toMatchObject({ epoch: 2 })
  })

  test('that cannot reach the remote is done by the next refresh, with its reason and attempt', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await a.claims.start()
    const claim = await won(a.claims.acquire(key))
    a.store.gone = true
    await expect(bench.clock.drive(a.claims.release(claim, { reason: 'checks are red', countsAsAttempt: true }))).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    expect(a.claims.mine()).toEqual([])
    a.store.gone = false
    await bench.clock.advance(40_000)
    expect(await bench.story(key)).toEqual(['held 1/0'])
    await a.claims.refresh()
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/1'])
    await a.claims.stop()
  })

  test('escalated is final until a person resets it: next epoch, attempt 0', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    const claim = await won(a.claims.acquire(key))
    expect(await b.claims.retry(key)).toMatchObject({ ok: false, reason: expect.stringContaining('it is held') })
    await a.claims.escalate(claim, { reason: 'help' })
    await bench.clock.advance(10_000_000)
    await b.claims.refresh()
    expect(b.claims.view(key)).toMatchObject({ state: 'escalated', claimable: false, notClaimableBecause: 'it waits for a person: help' })
    expect((await b.claims.retry(key)).ok).toBe(true)
    expect(await won(a.claims.acquire(key).then(async (result) => { await a.claims.refresh(); return result.ok ? result : a.claims.acquire(key) }))).toMatchObject({ epoch: 3, attempt: 0 })
    expect(await bench.story(key)).toEqual(['held 1/0', 'escalated 1/0', 'released 2/0', 'held 3/0'])
  })

  test('done work is done again only when a person asks for rework', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    await a.claims.deliver(claim, await deliveryOf(a))
    await a.claims.finish(claim)
    expect((await a.claims.retry(key)).ok).toBe(false)
    expect((await a.claims.retry(key, { rework: true, reason: 'review' })).ok).toBe(true)
    expect(await won(a.claims.acquire(key))).toMatchObject({ epoch: 3, state: 'held' })
  })

  test('ten epochs are the bound: then it goes to people, and a reset sets them aside', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    for (let epoch = 1; epoch <= 10; epoch += 1) {
      const claim = await won(a.claims.acquire(key))
      expect(claim.epoch).toBe(epoch)
      await a.claims.release(claim, { reason: 'lost', countsAsAttempt: false })
    }
    expect(await a.claims.acquire(key)).toMatchObject({ ok: false, reason: expect.stringContaining('10 epochs are used up') })
    expect(a.claims.view(key)).toMatchObject({ state: 'escalated', epoch: 11 })
    expect(a.claims.mine()).toEqual([])
    await a.claims.retry(key)
    expect(await won(a.claims.acquire(key))).toMatchObject({ epoch: 13 })
  })
})
