import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RefName } from '../core/mod.ts'
import { CoordinatorBench } from '../testing/coordinator-bench.ts'
import type { BenchCoordinator } from '../testing/coordinator-bench.ts'
import type { BenchNodeOptions } from '../testing/coordinator-node.ts'
import { claimNames } from '../work/claims/mod.ts'

const TURN = claimNames().turn('main')

/** docs/protocol.md §3.7. */
describe('many nodes that merge into one branch', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  const crowd = async (names: readonly string[], options: BenchNodeOptions = {}): Promise<readonly BenchCoordinator[]> => {
    for (const name of names) bench.board.add(name.slice(1))
    const nodes = names.map((name) => bench.node(name, options))
    for (const node of nodes) await bench.clock.drive(node.open())
    await bench.clock.drive(Promise.all(nodes.map((node) => node.coordinator.start())))
    return nodes
  }
  const count = (nodes: readonly BenchCoordinator[], kind: string): number => nodes.flatMap((node) => node.kinds()).filter((other) => other === kind).length
  const ten = Array.from({ length: 10 }, (_, index) => `n${index + 1}`)

  it('deliver each task with at most two rechecks, in one attempt each, and leave no turn behind', async () => {
    const nodes = await crowd(ten)
    await bench.until(() => bench.board.completions.length === 10)
    expect([...bench.merged()].sort()).toEqual([...bench.board.tasks.values()].map(({ key }) => key).sort())
    expect(nodes.reduce((sum, node) => sum + node.attempts.requests.length, 0)).toBe(10)
    expect(count(nodes, 'task_released')).toBe(0)
    for (const { key } of bench.board.tasks.values()) {
      const verified = nodes.flatMap((node) => node.events).filter((event) => event.kind === 'task_verified' && event.key === key).length
      expect(verified).toBeGreaterThanOrEqual(1)
      expect(verified).toBeLessThanOrEqual(3)
    }
    await bench.clock.advance(1_000)
    expect(bench.remote.refs.has(TURN)).toBe(false)
  })

  it('wait no longer than its length for one that died in front, and deliver', async () => {
    const nodes = await crowd(ten.slice(0, 4))
    for (const { attempts } of nodes) attempts.recheckMs = 8_000
    await bench.until(() => nodes.some((node) => node.coordinator.active()[0]?.phase === 'rechecking' && bench.remote.refs.has(TURN)))
    await bench.clock.advance(3_000)
    const front = nodes.find((node) => node.coordinator.active()[0]?.phase === 'rechecking') as BenchCoordinator
    const others = nodes.filter((node) => node !== front)
    await front.cut()
    const cutMs = bench.clock.monotonicMs()
    await bench.until(() => others.filter((node) => node.happened('task_completed')).length === 3)
    expect(bench.clock.monotonicMs() - cutMs).toBeLessThan(22_500 + 3 * 13_000)
    expect(count(others, 'task_released')).toBe(0)
    await front.mend()
    await bench.until(() => bench.board.completions.length === 4)
  })

  it('race, as they always could, where the remote takes no turns', async () => {
    const nodes = await crowd(ten.slice(0, 3))
    for (const { store } of nodes) {
      const push = store.push.bind(store)
      store.push = (updates, options) => updates.some(({ ref }) => ref === TURN)
        ? Promise.resolve(new Map(updates.map(({ ref }) => [ref, { kind: 'refused', reason: 'deny updating a hidden ref' }]))) : push(updates, options)
    }
    await bench.until(() => bench.board.completions.length === 3)
    expect(bench.merged()).toHaveLength(3)
    expect(bench.remote.refs.has(TURN)).toBe(false)
  })

  it('are not held up by junk at the ref for longer than a turn', async () => {
    bench.remote.plant(TURN, 'blob', 'no turn at all')
    const beganMs = bench.clock.monotonicMs()
    await crowd(ten.slice(0, 2))
    await bench.until(() => bench.board.completions.length === 2)
    expect(bench.clock.monotonicMs() - beganMs).toBeGreaterThan(22_500)
    expect(bench.clock.monotonicMs() - beganMs).toBeLessThan(60_000)
    expect(bench.merged()).toHaveLength(2)
  })

  it('do not wait at all to deliver to branches of their own', async () => {
    bench.remote.plant(TURN, 'blob', 'no turn at all')
    const nodes = await crowd(ten.slice(0, 3), { policy: { delivery: 'branch' } })
    await bench.until(() => bench.board.completions.length === 3, { withinMs: 30_000 })
    expect(nodes.flatMap((node) => node.told('push refs/chorus/turn'))).toEqual([])
    for (const number of [1, 2, 3]) expect(bench.remote.refs.has(`refs/heads/chorus/${number}` as RefName)).toBe(true)
  })

  it('look at the turns once, and push none, when nobody else merges', async () => {
    const [node] = await crowd(['n1'])
    await bench.until(() => bench.board.completions.length === 1)
    expect(node?.told('push')).toEqual(['push claim', 'push claim+main', 'push claim'])
    expect(node?.store.calls.filter(({ operation, detail }) => operation === 'tips' && detail[0] === TURN)).toHaveLength(1)
  })

  it('stop waiting at once when they are stopped, and leave the line', async () => {
    bench.remote.plant(TURN, 'blob', 'no turn at all')
    const [node] = await crowd(['n1'])
    if (node === undefined) throw new Error('there is a node')
    await bench.until(() => node.happened('task_verified'))
    await bench.clock.advance(5_000)
    expect(node.coordinator.active()).toMatchObject([{ phase: 'reading' }])
    const fromMs = bench.clock.monotonicMs()
    await bench.clock.drive(node.coordinator.drain(), { stepMs: 20 })
    expect(bench.clock.monotonicMs() - fromMs).toBeLessThan(100)
    expect(node.reasonOf('task_released')).toBe('the node is stopping')
  })

  it('stop waiting at once when the claim is lost, and renew it until then', async () => {
    bench.remote.plant(TURN, 'blob', 'no turn at all')
    const [node] = await crowd(['n1'], { claims: { leaseMs: 10_000, renewMs: 3_000 } })
    const [task] = bench.board.tasks.values()
    if (node === undefined || task === undefined) throw new Error('there is a node with a task')
    await bench.until(() => node.happened('task_verified'))
    await bench.clock.advance(12_000)
    expect(node.claims.view(task.key)).toMatchObject({ state: 'held', mine: true })
    await bench.steal(task.key)
    await bench.until(() => node.happened('task_lost'), { withinMs: 5_000 })
    expect(node.coordinator.active()).toEqual([])
    expect(bench.merged()).toEqual([])
  })
})
