import { describe, expect, test } from 'vitest'
import { oid } from '../../core/mod.ts'
import type { Oid, RefName } from '../../core/mod.ts'
import { refName } from '../../core/mod.ts'
import { benchKey, ClaimsBench, won } from '../../testing/claims-bench.ts'
import type { BenchNode } from '../../testing/claims-bench.ts'

const key = benchKey(42)
const branch = refName('refs/heads/chorus/42')
const GONE = { witnesses: 2, others: 3 }

/** A commit to deliver, known to the node. */
const work = (node: BenchNode, message = 'work'): Promise<Oid> => node.store.create({ parent: null, message, atSeconds: 1 })
const delivery = async (node: BenchNode, from: Oid | null = null) => {
  const commit = await work(node)
  return { result: { commit, branch }, alongside: [{ ref: branch as RefName, from, to: commit }] }
}
const kinds = (node: BenchNode): string[] => node.events.map((event) => event.kind)

describe('acquire()', () => {
  test('takes a free task: a signed first record at epoch 1 under the task\'s own ref', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    expect(bench.ref(key)).toMatch(/^refs\/chorus\/claims\/42-[0-9a-f]{16}$/)
    expect(bench.tip(key)).toBe(claim.oid)
    expect(claim).toMatchObject({ key, epoch: 1, attempt: 0, state: 'held', ref: bench.ref(key) })
    expect(await bench.chain(key)).toMatchObject([{ node: a.signer.node, session: a.session, state: 'held', epoch: 1, parent: null, leaseMs: 90_000 }])
    expect(a.claims.view(key)).toMatchObject({ state: 'held', mine: true, claimable: false, holder: a.signer.node })
    expect(a.claims.mine()).toEqual([claim])
    expect(kinds(a)).toEqual(['claim_won'])
  })

  test('of eight nodes that race for twenty tasks, each task has one winner', async () => {
    const bench = new ClaimsBench()
    const nodes = Array.from({ length: 8 }, (_, index) => bench.node(`n${index}`))
    const keys = Array.from({ length: 20 }, (_, index) => benchKey(index + 1))
    const wins = await Promise.all(nodes.map(async (node) => {
      const mine: string[] = []
      for (const one of keys) if ((await node.claims.acquire(one)).ok) mine.push(one)
      return mine
    }))
    expect(wins.flat().sort()).toEqual([...keys].sort())
  })

  test('says no to a task that another holds, without a push once it was seen', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    await won(a.claims.acquire(key))
    expect(await b.claims.acquire(key)).toEqual({ ok: false, reason: 'another holds it' })
    expect(b.store.pushes()).toBe(0)
  })

  test('loses a race that it saw as free, and knows then who holds it', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    b.claims.track([key])
    await b.claims.refresh()
    await won(a.claims.acquire(key))
    expect((await b.claims.acquire(key)).ok).toBe(false)
    expect(b.claims.view(key)).toMatchObject({ state: 'held', holder: a.signer.node, mine: false })
    expect(kinds(b)).toEqual(['claim_lost'])
    expect([...b.intents.outcomes.values()]).toEqual(['did not happen'])
  })

  test('an answer that was lost after it was applied is a win', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.store.fault('push', 'answer-lost')
    const claim = await won(a.claims.acquire(key))
    expect(bench.tip(key)).toBe(claim.oid)
    expect(a.store.faultsLeft).toEqual([])
    expect([...a.intents.outcomes.values()]).toEqual(['happened'])
  })

  test('a request that was lost is tried again with the same object', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.store.fault('push', 'request-lost')
    const claim = await bench.clock.drive(won(a.claims.acquire(key)))
    const pushed = a.store.calls.filter((call) => call.operation === 'push').map((call) => call.detail[0])
    expect(pushed).toEqual([`${claim.ref} ${claim.oid}`, `${claim.ref} ${claim.oid}`])
    expect(await bench.chain(key)).toHaveLength(1)
  })

  test('a request that was lost while another claimed is lost', async () => {
    const bench = new ClaimsBench()
    const [a, b] = [bench.node('a'), bench.node('b')]
    a.store.fault('push', 'request-lost')
    a.store.beforePush = () => { a.store.beforePush = undefined; void b.claims.acquire(key) }
    b.claims.track([key])
    await b.claims.refresh()
    const result = await bench.clock.drive(a.claims.acquire(key))
    expect(result.ok).toBe(false)
    expect(b.claims.mine()).toHaveLength(1)
    expect(a.claims.mine()).toHaveLength(0)
  })

  test('a remote that is away is a reason, no exception, and nothing is mine', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.store.gone = true
    expect(await a.claims.acquire(key)).toMatchObject({ ok: false, reason: expect.stringContaining('does not answer') })
    a.store.gone = false
    await a.claims.refresh()
    a.claims.track([key])
    await a.claims.refresh()
    a.store.gone = true
    expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    expect(a.claims.mine()).toEqual([])
  })

  test('a push that lands after it was given up is given back by the next refresh', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const faults = [a.store.fault('push', 'lands-late'), a.store.fault('push', 'request-lost'), a.store.fault('push', 'request-lost')]
    expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    for (const fault of faults) fault.release()
    await bench.clock.advance(1)
    expect(await bench.story(key)).toEqual(['held 1/0'])
    await a.claims.refresh()
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/0'])
    expect(kinds(a)).toEqual(['claim_landed_late', 'claim_moved'])
    expect(a.claims.mine()).toEqual([])
  })

  test('a push that lands late is found as a win by the next try', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const faults = [a.store.fault('push', 'lands-late'), a.store.fault('push', 'request-lost'), a.store.fault('push', 'request-lost')]
    expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    for (const fault of faults) fault.release()
    await bench.clock.advance(1)
    const claim = await won(a.claims.acquire(key))
    expect(claim.oid).toBe(bench.tip(key))
    expect(await bench.chain(key)).toHaveLength(1)
  })

  test('two calls for one task in one node win it once', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const results = await Promise.all([a.claims.acquire(key), a.claims.acquire(key)])
    expect(results.map((result) => result.ok)).toEqual([true, false])
    expect(await bench.chain(key)).toHaveLength(1)
  })
})

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
    await a.claims.deliver(claim, await delivery(a))
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
    expect(await a.claims.deliver(claim, await delivery(a))).toEqual({ kind: 'refused', reason: 'the claim was not renewed in time' })
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
    expect(await a.claims.deliver(stale, await delivery(a))).toEqual({ kind: 'superseded' })
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

describe('deliver()', () => {
  test('moves claim and branch together, keeps the lease, and finish() ends it', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    const what = await delivery(a)
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
    const refused = await a.claims.deliver(claim, await delivery(a))
    expect(refused).toEqual({ kind: 'refused', reason: `${branch}: stale info` })
    expect(a.claims.view(key)).toMatchObject({ state: 'held', mine: true })
    expect(await a.claims.deliver(claim, await delivery(a, other))).toEqual({ kind: 'delivered' })
  })

  test('into a work tree with changes in the way touches nothing', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    const claim = await won(a.claims.acquire(key))
    a.store.inTheWay.set(branch, ['src/x.ts'])
    expect(await a.claims.deliver(claim, await delivery(a))).toEqual({ kind: 'in-the-way', paths: ['src/x.ts'] })
    expect(a.claims.view(key)).toMatchObject({ state: 'held', mine: true })
    expect(await a.claims.park(claim, { reason: 'your changes are in the way' })).toBe(true)
  })

  test('whose answer was lost was delivered; whose request was lost is tried again', async () => {
    for (const fault of ['answer-lost', 'request-lost'] as const) {
      const bench = new ClaimsBench()
      const a = bench.node('a')
      const claim = await won(a.claims.acquire(key))
      a.store.fault('push', fault)
      expect(await bench.clock.drive(a.claims.deliver(claim, await delivery(a)))).toEqual({ kind: 'delivered' })
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
      const what = await delivery(a)
      expect(await bench.clock.drive(a.claims.deliver(claim, what))).toMatchObject({ kind: 'unclear' })
      a.store.beforePush = undefined
      a.store.gone = false
      expect(await a.claims.deliver(claim, what)).toEqual({ kind: 'delivered' })
      expect(await bench.story(key)).toEqual(['held 1/0', 'delivered 1/0'])
    }
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
    const what = await delivery(a)
    await a.claims.deliver(claim, what)
    b.claims.track([key])
    await b.claims.refresh()
    expect(await b.claims.acquire(key)).toEqual({ ok: false, reason: 'another finishes it' })
    await bench.clock.advance(90_000)
    const taken = await won(b.claims.acquire(key))
    expect(taken).toMatchObject({ epoch: 2, state: 'delivered', result: what.result })
    expect(await b.claims.deliver(taken, await delivery(b))).toMatchObject({ kind: 'refused' })
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
    await a.claims.deliver(claim, await delivery(a))
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
    await a.claims.deliver(claim, await delivery(a))
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
    expect(await first.claims.deliver(stale, await delivery(first))).toEqual({ kind: 'superseded' })
    expect((await bench.chain(key)).map((record) => record.session)).toEqual([first.session, copy.session])
  })

  test('gives back at start what it held, also tasks that nobody named, and leaves delivered work to be finished', async () => {
    const bench = new ClaimsBench()
    const first = bench.node('a')
    await won(first.claims.acquire(benchKey(1)))
    const claim = await won(first.claims.acquire(key))
    await first.claims.deliver(claim, await delivery(first))
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
