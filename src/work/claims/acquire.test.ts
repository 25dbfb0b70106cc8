import { describe, expect, test } from 'vitest'
import { benchKey, ClaimsBench, won } from '../../testing/claims-bench.ts'
import type { BenchNode } from '../../testing/claims-bench.ts'
import type { Logger } from '../../ports/mod.ts'

const key = benchKey(42)
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

  test('a claim of its own that ran out, taken again by a push that lands after it was given up, is given back, too', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    await won(a.claims.acquire(key))
    await a.claims.start()
    a.store.gone = true
    await bench.clock.advance(100_000)
    expect(kinds(a)).toContain('claim_unrenewed')
    a.store.gone = false
    const faults = [a.store.fault('push', 'lands-late'), a.store.fault('push', 'request-lost'), a.store.fault('push', 'request-lost')]
    expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    for (const fault of faults) fault.release()
    await bench.clock.advance(1)
    expect(await bench.story(key)).toEqual(['held 1/0', 'held 2/0'])
    await bench.clock.drive(a.claims.refresh())
    // Renewed for ever, it would be nobody's work.
    await bench.clock.advance(100_000)
    expect(await bench.story(key)).toEqual(['held 1/0', 'held 2/0', 'released 2/0'])
    expect(a.claims.mine()).toEqual([])
    await a.claims.stop()
  })

  test('a claim that is known to be won only after two thirds of its lease is no ground to begin on', async () => {
    const bench = new ClaimsBench()
    const a = bench.node('a')
    a.claims.track([key])
    await a.claims.refresh()
    a.store.fault('push', 'answer-lost')
    const slow = a.store.fault('tips', 'slow')
    const acquiring = a.claims.acquire(key)
    await bench.clock.advance(61_000)
    slow.release()
    expect(await bench.clock.drive(acquiring)).toMatchObject({ ok: false })
    expect(a.claims.mine()).toEqual([])
    await bench.clock.drive(a.claims.refresh())
    expect(await bench.story(key)).toEqual(['held 1/0', 'released 1/0'])
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

  test('a remote that refuses is told to a person once, not at each try', async () => {
    const bench = new ClaimsBench()
    const warned: unknown[] = []
    const quiet = (): void => undefined
    const logger: Logger = { debug: quiet, info: quiet, error: quiet, warn: (message, data) => { warned.push([message, data?.['ref']]) }, child: () => logger }
    const a = bench.node('a', { logger })
    for (let round = 0; round < 2; round += 1) {
      for (let tries = 0; tries < 3; tries += 1) a.store.fault('push', 'refuse')
      expect((await bench.clock.drive(a.claims.acquire(key))).ok).toBe(false)
    }
    expect(warned).toEqual([['a task cannot be claimed', bench.ref(key)]])
    await won(a.claims.acquire(key))
  })
})
