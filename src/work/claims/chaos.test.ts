import { describe, expect, test } from 'vitest'
import { refName } from '../../core/mod.ts'
import type { Oid, TaskKey } from '../../core/mod.ts'
import { benchKey, ClaimsBench } from '../../testing/claims-bench.ts'
import type { BenchNode } from '../../testing/claims-bench.ts'
import type { FaultKind } from '../../testing/memory-ref-store.ts'
import { SeededEntropy } from '../../testing/seeded-entropy.ts'
import type { Claim } from './table.ts'
import { transitionFault } from './transition.ts'

const FAULTS: readonly FaultKind[] = ['refuse', 'request-lost', 'answer-lost', 'lands-late']
const branchOf = (key: TaskKey) => refName(`refs/heads/chorus/${key.split('#')[1]}`)

/** Nodes that claim, work, sleep, lose answers, wake as zombies and deliver; every choice from the seed. */
const run = async (seed: number) => {
  const bench = new ClaimsBench()
  const chance = new SeededEntropy(`chaos ${seed}`)
  const keys = Array.from({ length: 6 }, (_, index) => benchKey(index + 1))
  const nodes = Array.from({ length: 4 }, (_, index) => bench.node(`n${index}`, { retryAfterMs: [1_000], attemptsMax: 50 }))
  const delivered: { key: TaskKey; epoch: number; commit: Oid }[] = []
  const releases: (() => void)[] = []
  const tracked = nodes.map(() => new Map<TaskKey, Claim>())
  for (const node of nodes) { node.claims.track(keys); await node.claims.start() }

  const deliver = async (node: BenchNode, claim: Claim): Promise<void> => {
    const ref = branchOf(claim.key)
    const commit = await node.store.create({ parent: null, message: `work by ${node.name} at ${claim.epoch} ${chance.uuid()}`, atSeconds: 1 })
    const from = bench.remote.refs.get(ref) ?? null
    const answer = await node.claims.deliver(claim, { result: { commit }, alongside: [{ ref, from, to: commit }] })
    if (answer.kind === 'delivered') delivered.push({ key: claim.key, epoch: claim.epoch, commit })
  }
  const act = async (node: BenchNode, mine: Map<TaskKey, Claim>): Promise<void> => {
    const key = keys[chance.integer(keys.length)]!
    const claim = mine.get(key)
    if (claim === undefined) {
      const result = await node.claims.acquire(key)
      if (result.ok) mine.set(key, result.value)
      return
    }
    // A zombie acts on a claim that was aborted, too: it must come to nothing.
    const what = chance.integer(5)
    if (what === 0) { mine.delete(key); await node.claims.release(claim, { reason: 'chaos', countsAsAttempt: false }) }
    else if (what < 3 && claim.state === 'held') await deliver(node, claim)
    else if (claim.state === 'delivered') { mine.delete(key); await node.claims.finish(claim) }
  }

  for (let round = 0; round < 120; round += 1) {
    const at = chance.integer(nodes.length)
    const node = nodes[at]!
    if (chance.integer(4) === 0) {
      const fault = node.store.fault('push', FAULTS[chance.integer(FAULTS.length)]!)
      releases.push(() => { fault.release() })
    }
    if (chance.integer(12) === 0) node.store.gone = !node.store.gone
    // Remote trouble is part of it; anything else fails the run.
    await bench.clock.drive(act(node, tracked[at]!)).catch((thrown: { code?: string }) => { if (thrown.code !== 'REMOTE_UNAVAILABLE') throw thrown })
    if (chance.integer(3) === 0) releases.splice(chance.integer(releases.length + 1), 1)[0]?.()
    await bench.clock.advance(chance.integer(12) === 0 ? 95_000 : chance.integer(8_000))
    await bench.clock.drive(nodes[chance.integer(nodes.length)]!.claims.refresh().catch(() => undefined))
  }
  // Liveness: with the faults gone, every task comes to an end that is final or claimable.
  for (const release of releases) release()
  for (const node of nodes) node.store.gone = false
  const last = nodes[0]!
  for (const node of nodes.slice(1)) await bench.clock.drive(node.claims.stop())
  await bench.clock.advance(1_000_000)
  await bench.clock.drive(last.claims.refresh())
  await bench.clock.advance(200_000)
  return { bench, keys, nodes, delivered, last }
}

describe('under lost answers, late pushes, sleeps and zombies', () => {
  test.each([1, 2, 3, 4, 5, 6])('seed %i keeps one owner for each epoch and one delivery for each task', async (seed) => {
    const { bench, keys, delivered, last } = await run(seed)
    for (const key of keys) {
      const chain = await bench.chain(key)
      for (const [index, record] of chain.entries()) expect(transitionFault(chain[index - 1] ?? null, record)).toBeUndefined()
      const owners = new Map<number, string>()
      for (const record of chain) expect(owners.set(record.epoch, owners.get(record.epoch) ?? record.session).get(record.epoch)).toBe(record.session)
      // The branch is what the one delivery says, and whoever was told "delivered" was told the truth.
      const results = new Set(chain.filter((record) => record.state === 'delivered').map((record) => (record.result as { commit: Oid }).commit))
      expect(results.size).toBeLessThanOrEqual(1)
      expect(bench.remote.refs.get(branchOf(key))).toBe([...results][0])
      if (delivered.some((one) => one.key === key)) expect(results.size).toBe(1)
      expect(last.claims.view(key).state).not.toBe('quarantined')
      const view = last.claims.view(key)
      expect(view.claimable || view.mine || ['done', 'escalated'].includes(view.state), `${key}: ${JSON.stringify(view)}`).toBe(true)
    }
    expect(keys.some((key) => delivered.some((one) => one.key === key))).toBe(true)
    await last.claims.stop()
  })
})
