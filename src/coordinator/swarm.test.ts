import { describe, expect, it } from 'vitest'
import type { TaskKey } from '../core/mod.ts'
import { CoordinatorBench } from '../testing/coordinator-bench.ts'
import type { BenchCoordinator } from '../testing/coordinator-bench.ts'
import { SeededEntropy } from '../testing/seeded-entropy.ts'

const winners = (nodes: readonly BenchCoordinator[], key: TaskKey): readonly string[] =>
  nodes.filter((node) => node.events.some((event) => event.kind === 'task_completed' && event.key === key)).map((node) => node.name)

describe('several nodes', () => {
  it('deliver each of many tasks once, and share the work', async () => {
    const bench = new CoordinatorBench()
    const tasks = Array.from({ length: 12 }, (_, index) => bench.board.add(index + 1))
    const nodes = await Promise.all(['ada', 'bob', 'eve', 'kim'].map(async (name) => { const node = bench.node(name); await bench.clock.drive(node.open()); return node }))
    await bench.clock.drive(Promise.all(nodes.map((node) => node.coordinator.start())))
    await bench.until(() => bench.board.completions.length >= 12, { withinMs: 1_800_000 })
    await bench.clock.advance(120_000)
    expect([...bench.merged()].sort()).toEqual(tasks.map(({ key }) => key).sort())
    expect(bench.board.completions).toHaveLength(12)
    for (const { key } of tasks) expect(winners(nodes, key)).toHaveLength(1)
    for (const node of nodes) expect(node.kinds().filter((kind) => kind === 'task_completed').length).toBeGreaterThanOrEqual(1)
    await bench.stop()
  })

  it('let the one whom the task suits best have it', async () => {
    const bench = new CoordinatorBench()
    const nodes = [bench.node('ada', { role: 'backend' }), bench.node('bob', { role: 'tester', expertise: ['qa'] }), bench.node('eve', { role: 'backend', expertise: ['qa'] })]
    for (const node of nodes) await bench.clock.drive(node.start())
    bench.board.add(1, { requiredRole: 'tester', requiredExpertise: ['qa'] })
    for (const node of nodes) node.coordinator.membersChanged()
    await bench.until(() => bench.board.completions.length === 1)
    expect(nodes.map((node) => node.happened('task_completed'))).toEqual([false, true, false])
    expect(nodes.map((node) => node.attempts.requests.length)).toEqual([0, 1, 0])
    await bench.stop()
  })

  it('take over from one that died while it worked, once its lease has run out', async () => {
    const bench = new CoordinatorBench()
    const task = bench.board.add(1)
    const ada = await bench.started('ada')
    ada.attempts.attemptMs = 300_000
    await bench.until(() => ada.happened('task_started'))
    const bob = await bench.started('bob')
    await ada.cut()
    const cutMs = bench.clock.monotonicMs()
    await bench.until(() => bob.happened('task_claimed'))
    expect(bench.clock.monotonicMs() - cutMs).toBeGreaterThan(80_000)
    await bench.until(() => bob.happened('task_completed'))
    expect(ada.kinds().at(-1)).toBe('task_lost')
    await ada.mend()
    await bench.clock.advance(60_000)
    expect(bench.merged()).toEqual([task.key])
    await bench.stop()
  })

  it.each([1, 2, 3, 4, 5, 6])('deliver each task once and end all, whatever goes wrong meanwhile (seed %i)', async (seed) => {
    const bench = new CoordinatorBench()
    const chance = new SeededEntropy(`swarm ${seed}`)
    const tasks = Array.from({ length: 6 }, (_, index) => bench.board.add(index + 1))
    const nodes: BenchCoordinator[] = []
    for (const name of ['ada', 'bob', 'eve']) {
      const node = bench.node(name, { maxTasks: 1 + chance.integer(2) })
      node.attempts.attemptMs = 2_000 + chance.integer(30_000)
      nodes.push(node)
      await bench.clock.drive(node.start())
    }
    const troubles: ((node: BenchCoordinator) => void | Promise<void>)[] = [
      (node) => node.cut(),
      (node) => node.mend(),
      (node) => { node.provider.fail('complete') },
      (node) => { node.provider.fail('get') },
      (node) => { node.provider.heal() },
      (node) => { node.store.fault('push', 'answer-lost') },
      (node) => { node.store.fault('push', 'request-lost'); node.store.fault('tips', 'request-lost') },
      (node) => { node.attempts.script.push(() => ({ kind: 'unavailable', reason: 'no sandbox' })) },
      () => { bench.pushToMain('by a person') },
      (node) => { void node.coordinator.drain().then(() => node.coordinator.start()) },
      (node) => { node.coordinator.heard({ kind: 'claimed', key: tasks[chance.integer(tasks.length)]?.key as TaskKey, by: node.node }) },
    ]
    for (let time = 0; time < 60; time++) {
      await troubles[chance.integer(troubles.length)]?.(nodes[chance.integer(nodes.length)] as BenchCoordinator)
      await bench.clock.advance(chance.integer(8_000))
    }
    for (const node of nodes) { await node.mend(); node.provider.heal() }
    const ended = (): boolean => tasks.every(({ key }) => nodes.some((node) => ['done', 'escalated'].includes(node.claims.view(key).state)))
    await bench.until(() => ended() && nodes.every((node) => node.coordinator.active().length === 0), { withinMs: 7_200_000, stepMs: 1_000 })
    const merged = bench.merged()
    expect(new Set(merged).size).toBe(merged.length)
    for (const { key } of tasks) {
      const done = (await bench.story(key)).at(-1)?.startsWith('done') === true
      expect([key, merged.includes(key)]).toEqual([key, done])
      expect(winners(nodes, key).length).toBeLessThanOrEqual(1)
    }
    for (const node of nodes) {
      // Faults that were not met any more are no fault of the test's.
      while (node.store.faultsLeft.length > 0) await (node.store.faultsLeft[0]?.startsWith('push') === true ? node.store.push([], { atomic: false }) : node.store.tips('refs/none').catch(() => undefined))
      node.errors.splice(0)
    }
    await bench.stop()
  })
})
