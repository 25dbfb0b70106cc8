import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CoordinatorBench } from '../testing/coordinator-bench.ts'
import type { BenchCoordinator } from '../testing/coordinator-bench.ts'
import { ManualClock } from '../testing/manual-clock.ts'

describe('a node that stops', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  const inPhase = async (phase: string, prepare: (node: BenchCoordinator) => void = () => undefined): Promise<BenchCoordinator> => {
    bench.board.add(1)
    const node = bench.node('ada')
    prepare(node)
    void node.start()
    await bench.until(() => node.coordinator.active()[0]?.phase === phase)
    return node
  }
  const drained = async (node: BenchCoordinator): Promise<number> => {
    const fromMs = bench.clock.monotonicMs()
    await bench.clock.drive(node.coordinator.drain(), { stepMs: 20 })
    return bench.clock.monotonicMs() - fromMs
  }

  it('gives back what it works on, at once', async () => {
    const node = await inPhase('working', ({ attempts }) => { attempts.attemptMs = 600_000 })
    expect(await drained(node)).toBeLessThan(100)
    expect(node.reasonOf('task_released')).toBe('the node is stopping')
    expect(node.attempts.running).toBe(0)
    expect(await bench.story('local:demo#1' as never)).toEqual(['held 1/0', 'released 1/0'])
    expect(bench.board.reports.map(({ event }) => event.kind)).toEqual(['claimed', 'released'])
  })

  it('does not wait for ever for an attempt that does not end, and says so', async () => {
    const node = await inPhase('working', ({ attempts }) => { attempts.attempt = () => new Promise(() => undefined) })
    expect(await drained(node)).toBeLessThanOrEqual(61_000)
    expect(node.errors.splice(0)).toEqual([expect.stringMatching(/^an attempt does not end it was stopped/)])
    expect(await bench.story('local:demo#1' as never)).toEqual(['held 1/0', 'released 1/0'])
  })

  it('ends an attempt that had only begun to be prepared', async () => {
    const node = await inPhase('working', ({ provider }) => { provider.hang('get') })
    expect(node.attempts.requests).toEqual([])
    expect(await drained(node)).toBeLessThan(100)
    node.provider.heal()
    await bench.clock.advance(100_000)
    expect(node.attempts.requests).toEqual([])
  })

  it.each(['reading', 'rechecking'])('gives back what it was %s', async (phase) => {
    const node = await inPhase(phase, ({ attempts, provider }) => {
      attempts.script.push((request) => {
        if (phase === 'reading') provider.fail('get')
        else bench.pushToMain('by a person')
        return attempts.verified(request)
      })
    })
    expect(await drained(node)).toBeLessThan(100)
    expect(node.happened('task_released')).toBe(true)
    expect(bench.merged()).toEqual([])
  })

  it('while it claims gives the claim back when it comes', async () => {
    let release = (): void => undefined
    const node = await inPhase('claiming', ({ atPush, store }) => { atPush.set('claim', () => { release = store.fault('push', 'slow').release }) })
    const drain = node.coordinator.drain()
    release()
    await bench.clock.drive(drain)
    expect(await bench.story('local:demo#1' as never)).toEqual(['held 1/0', 'released 1/0'])
    expect(node.attempts.requests).toEqual([])
  })

  it('while it waits its turn claims nothing', async () => {
    const other = bench.node('eve', { role: 'tester' })
    await bench.clock.drive(other.open())
    await bench.clock.drive(other.coordinator.start())
    other.store.gone = true
    bench.board.add(1, { requiredRole: 'tester' })
    const node = await bench.started('ada')
    await drained(node)
    await bench.clock.advance(60_000)
    expect(node.events).toEqual([])
  })

  it('in the middle of a delivery delivers, and completes', async () => {
    let release = (): void => undefined
    const node = await inPhase('delivering', ({ atPush, store }) => { atPush.set('claim+main', () => { release = store.fault('push', 'slow').release }) })
    const drain = node.coordinator.drain()
    release()
    await bench.clock.drive(drain)
    expect(node.kinds().slice(-2)).toEqual(['task_delivered', 'task_completed'])
    expect(bench.merged()).toHaveLength(1)
  })

  it('whose delivery is refused because the branch moved does not check again', async () => {
    let release = (): void => undefined
    const node = await inPhase('delivering', ({ atPush, store }) => { atPush.set('claim+main', () => { release = store.fault('push', 'slow').release }) })
    const drain = node.coordinator.drain()
    bench.pushToMain('by a person')
    release()
    await bench.clock.drive(drain)
    expect(node.reasonOf('task_released')).toBe('the node is stopping')
  })

  it('does not wait for a provider that is away: what is delivered is finished by another', async () => {
    const node = await inPhase('completing', ({ provider }) => { provider.fail('complete') })
    await bench.clock.advance(20_000)
    const asked = node.provider.count('complete')
    expect(await drained(node)).toBeLessThan(100)
    expect(node.provider.count('complete')).toBe(asked + 1)
    expect(node.reasonOf('task_released')).toMatch(/^delivered, but not confirmed by the provider before the node stopped: 502/)
    expect(bench.board.reports.map(({ event }) => event.kind)).toEqual(['claimed'])
    const other = await bench.started('bob')
    await bench.until(() => other.happened('task_completed'))
    expect(bench.merged()).toHaveLength(1)
    expect(other.attempts.requests).toEqual([])
  })

  it('does not wait for a provider that never answers, longer than one question takes', async () => {
    const node = await inPhase('completing', ({ provider }) => { provider.hang('complete') })
    expect(await drained(node)).toBeLessThanOrEqual(61_000)
  })

  it('does not wait for a remote that is away', async () => {
    const node = await inPhase('delivering', ({ atPush, store }) => { atPush.set('claim+main', () => { store.gone = true }) })
    await bench.clock.advance(5_000)
    expect(await drained(node)).toBeLessThan(10_000)
    expect(node.coordinator.currentTasks).toBe(0)
    node.store.gone = false
    node.errors.splice(0)
  })

  it('does not wait for a listing that never comes', async () => {
    const node = bench.node('ada')
    node.provider.hang('list')
    await bench.clock.drive(node.open())
    const started = node.coordinator.start()
    await bench.until(() => node.provider.count('list') === 1)
    expect(await drained(node)).toBe(0)
    await started
  })

  it('stops once, however often it is asked', async () => {
    const node = await inPhase('working')
    await bench.clock.drive(Promise.all([node.coordinator.stop(), node.coordinator.stop(), node.coordinator.drain()]))
    expect(node.kinds().filter((kind) => kind === 'task_released')).toHaveLength(1)
    await node.coordinator.start()
    expect(node.coordinator.accepting).toBe(false)
  })
})

describe('a node that pauses', () => {
  it('claims nothing until it goes on, and then takes up what it gave back', async () => {
    const bench = new CoordinatorBench()
    bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_started'))
    await bench.clock.drive(node.coordinator.drain())
    bench.board.add(2)
    node.coordinator.heard({ kind: 'ended', key: 'local:demo#2' as never, by: node.node })
    node.coordinator.wake('local:demo#2' as never)
    await bench.clock.advance(120_000)
    expect(node.coordinator.active()).toEqual([])
    expect(node.kinds().filter((kind) => kind === 'task_claimed')).toHaveLength(1)
    await bench.clock.drive(node.coordinator.start())
    await bench.until(() => bench.merged().length === 2)
    await bench.stop()
  })

  it('can go on while it still pauses', async () => {
    const bench = new CoordinatorBench()
    bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_started'))
    const draining = node.coordinator.drain()
    const starting = node.coordinator.start()
    await bench.clock.drive(Promise.all([draining, starting]))
    await bench.until(() => node.happened('task_completed'))
    await bench.stop()
  })
})

describe('a node that was killed and comes back', () => {
  const killed = async (phase: string, prepare: (node: BenchCoordinator) => void = () => undefined) => {
    const bench = new CoordinatorBench()
    bench.board.add(1)
    const frozen = new ManualClock()
    const node = bench.node('ada', { clock: frozen })
    prepare(node)
    void node.start()
    for (let tick = 0; node.coordinator.active()[0]?.phase !== phase; tick++) {
      if (tick > 1_000) throw new Error(`it never came to ${phase}`)
      await frozen.advance(100)
    }
    // As SIGKILL: its clock stands still from here, and nothing of it leaves any more.
    await node.cut()
    bench.nodes.splice(0)
    return { bench, back: bench.node('ada again', { as: 'ada', memory: node.memory }) }
  }

  it('gives back what it held, and works on it again in the next epoch', async () => {
    const { bench, back } = await killed('working')
    await bench.clock.drive(back.start())
    await bench.until(() => back.happened('task_completed'))
    expect(await bench.story('local:demo#1' as never)).toEqual(['held 1/0', 'released 2/0', 'held 3/0', 'delivered 3/0', 'done 3/0'])
    expect(bench.merged()).toHaveLength(1)
    await bench.stop()
  })

  it('finishes what it had delivered without working on it again', async () => {
    const { bench, back } = await killed('completing', ({ provider }) => { provider.hang('complete') })
    await bench.clock.drive(back.start())
    await bench.until(() => back.happened('task_completed'))
    expect(back.attempts.requests).toEqual([])
    expect(bench.merged()).toHaveLength(1)
    expect(bench.board.completions).toHaveLength(1)
    await bench.stop()
  })

  it('settles the intent of a push that it did not live to see answered', async () => {
    const { bench, back } = await killed('claiming', ({ atPush, store }) => { atPush.set('claim', () => { store.fault('push', 'slow') }) })
    await bench.clock.drive(back.start())
    await bench.until(() => back.happened('task_completed'))
    const settled = (await back.logged()).filter((entry) => entry.type === 'intent_settled').map((entry) => entry.data.outcome)
    expect(settled[0]).toBe('did-not-happen')
    expect(bench.merged()).toHaveLength(1)
    await bench.stop()
  })
})
