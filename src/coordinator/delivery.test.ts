import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Oid } from '../core/mod.ts'
import { CoordinatorBench, MAIN } from '../testing/coordinator-bench.ts'
import type { BenchCoordinator } from '../testing/coordinator-bench.ts'
import { readDelivered } from './delivery.ts'
import { RECHECKS_MAX } from './life.ts'

describe('a delivery', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  const startedWith = async (prepare: (node: BenchCoordinator) => void): Promise<BenchCoordinator> => {
    const node = bench.node('ada')
    prepare(node)
    await bench.clock.drive(node.start())
    return node
  }

  it('to a branch that moved while it was checked is checked again on top', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ attempts }) => { attempts.script.push((request) => { bench.pushToMain('by a person'); return attempts.verified(request) }) })
    await bench.until(() => node.happened('task_completed'))
    expect(bench.merged()).toEqual([task.key])
    expect(node.kinds().filter((kind) => kind === 'task_verified')).toHaveLength(2)
    expect(node.attempts.requests).toHaveLength(1)
  })

  it('is refused whole, and checked again, when the branch moves in the very moment of the push', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ atPush }) => { atPush.set('claim+main', () => { bench.pushToMain('by a person') }) })
    await bench.until(() => node.happened('task_completed'))
    expect(bench.merged()).toEqual([task.key])
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
  })

  it('goes to a branch of its own when the branch moves again and again: no work is thrown away', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ provider }) => {
      const move = (): void => { bench.pushToMain('by a person'); provider.once.set('get', move) }
      provider.once.set('get', move)
    })
    await bench.until(() => node.happened('task_completed'))
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
    expect(node.kinds().filter((kind) => kind === 'task_verified')).toHaveLength(1 + RECHECKS_MAX)
    expect(node.attempts.requests).toHaveLength(1)
    expect(bench.merged()).toEqual([])
    const [completion] = bench.board.completions
    expect(completion?.result.metadata.artifacts).toMatchObject({ branch: 'chorus/1', commit: bench.remote.refs.get('refs/heads/chorus/1' as never) })
    expect(completion?.result.message).toMatch(`main moved ${RECHECKS_MAX} times during its checks: chorus/1 waits to be merged by you`)
  })

  it('that conflicts goes back to the agent once, from where the branch is now', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ attempts }) => {
      attempts.script.push((request) => { bench.pushToMain('by a person'); return attempts.verified(request) })
      attempts.rechecks.push(() => ({ kind: 'conflict', reason: 'src/a.js' }))
    })
    await bench.until(() => node.happened('task_completed'))
    expect(node.attempts.requests).toHaveLength(2)
    expect(node.attempts.requests[1]?.base).not.toBe(node.attempts.requests[0]?.base)
    expect(bench.merged()).toEqual([task.key])
  })

  it('that conflicts twice is for a person', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ attempts }) => {
      for (let time = 0; time < 2; time++) {
        attempts.script.push((request) => { bench.pushToMain('by a person'); return attempts.verified(request) })
        attempts.rechecks.push(() => ({ kind: 'conflict', reason: 'src/a.js' }))
      }
    })
    await bench.until(() => node.happened('task_escalated'))
    expect((await bench.story(task.key)).at(-1)).toBe('escalated 1/0')
    expect(bench.merged()).toEqual([])
  })

  it('into a work tree with edits in the way parks, and says what to do', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ store }) => { store.inTheWay.set(MAIN, ['src/a.js']) })
    await bench.until(() => node.happened('task_parked'))
    expect(node.reasonOf('task_parked')).toMatch(/your changes in src\/a\.js are in the way: commit or stash them, then `chorus task retry`, or merge the result yourself\. The patch is on chorus\/1-parked-e1/)
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'parked 1/0'])
    expect(bench.merged()).toEqual([])
  })

  it.each([['that arrived', 'answer-lost'], ['that did not arrive', 'request-lost']] as const)('without an answer %s happens once', async (_what, fault) => {
    const task = bench.board.add(1)
    const node = await startedWith(({ atPush, store }) => {
      atPush.set('claim+main', () => {
        store.fault('push', fault)
        for (let tries = 0; tries < 2; tries++) store.fault('push', 'request-lost')
        for (let tries = 0; tries < 3; tries++) store.fault('tips', 'request-lost')
      })
    })
    await bench.until(() => node.happened('task_completed'))
    expect(bench.merged()).toEqual([task.key])
    expect(node.attempts.requests).toHaveLength(1)
    expect(node.kinds().filter((kind) => kind === 'task_verified')).toHaveLength(1)
    expect(node.events.filter((event) => event.kind === 'task_delivered')).toEqual([{ kind: 'task_delivered', key: task.key, mode: 'merge', commit: bench.main }])
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
  })

  it('without an answer by a node that is then cut off is finished by another', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ atPush, store }) => {
      atPush.set('claim+main', () => { store.fault('push', 'answer-lost'); store.fault('tips', 'request-lost'); setImmediate(() => { store.gone = true }) })
    })
    await bench.until(() => node.store.gone)
    await node.cut()
    const other = await bench.started('bob')
    await bench.until(() => other.happened('task_completed'))
    await bench.until(() => node.happened('task_lost'))
    expect(bench.merged()).toEqual([task.key])
    expect(bench.board.completions).toHaveLength(1)
    expect(other.attempts.requests).toHaveLength(0)
    await node.mend()
  })

  it('of a node that dies before the provider confirmed is finished by another, the provider\'s part only', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ provider }) => { provider.fail('complete') })
    await bench.until(() => node.happened('task_delivered'))
    await node.cut()
    const other = await bench.started('bob')
    await bench.until(() => other.happened('task_completed'))
    expect(other.attempts.requests).toHaveLength(0)
    expect(bench.board.completions).toMatchObject([{ number: '1', result: { success: true, metadata: { artifacts: { branch: 'main', commit: bench.main } } } }])
    expect(other.told('log', 'tell')).toEqual(['tell found 1', 'log task_claimed', 'tell claimed', 'log task_completed', 'tell completed', 'tell complete'])
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'delivered 2/0', 'done 2/0'])
    expect(bench.merged()).toEqual([task.key])
    await bench.until(() => node.happened('task_lost'))
    await node.mend()
  })

  it('that cannot be logged is left to another, not renewed for ever', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ logStore, atPush }) => { atPush.set('claim+main', () => { logStore.fail() }) })
    await bench.until(() => node.coordinator.active().length === 0)
    expect(node.claims.mine()).toEqual([])
    node.errors.splice(0)
    const other = await bench.started('bob')
    await bench.until(() => other.happened('task_completed'))
    expect(bench.merged()).toEqual([task.key])
  })

  it('that the claim cannot be closed of is left to another', async () => {
    const task = bench.board.add(1)
    const node = await startedWith(({ logStore, provider }) => { provider.once.set('complete', () => { logStore.fail() }) })
    await bench.until(() => node.coordinator.active().length === 0, { withinMs: 2_400_000, stepMs: 1_000 })
    expect(node.happened('task_completed')).toBe(false)
    expect(node.claims.mine()).toEqual([])
    node.errors.splice(0)
    const other = await bench.started('bob')
    await bench.until(() => other.happened('task_completed'))
    expect(bench.merged()).toEqual([task.key])
  })
})

describe('a holder that was replaced', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  /** Runs until the state is reached, lets another take the claim, and waits until the holder knows. */
  const replacedIn = async (phase: string, prepare: (node: BenchCoordinator) => void = () => undefined): Promise<BenchCoordinator> => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    prepare(node)
    await bench.clock.drive(node.start())
    await bench.until(() => node.coordinator.active()[0]?.phase === phase)
    await bench.steal(task.key)
    node.trace.push('stolen')
    return node
  }
  /** What it did after the theft that others could see, but for looking, giving its turn back, and saying that it lost. */
  const deeds = (node: BenchCoordinator): readonly string[] =>
    node.trace.slice(node.trace.indexOf('stolen') + 1).filter((line) => /^(push (?!claim$|refs\/chorus\/turn\/)|ask (report|complete)|emit task_(delivered|completed|released|failed))/.test(line))

  it.each(['working', 'reading', 'rechecking', 'completing'])('in %s stops and writes nothing more', async (phase) => {
    const node = await replacedIn(phase, ({ attempts, provider }) => {
      attempts.attemptMs = phase === 'working' ? 60_000 : 10_000
      attempts.recheckMs = 60_000
      if (phase === 'reading') attempts.script.push((request) => { provider.fail('get'); return attempts.verified(request) })
      if (phase === 'rechecking') attempts.script.push((request) => { bench.pushToMain('by a person'); return attempts.verified(request) })
      if (phase === 'completing') provider.fail('complete')
    })
    await bench.until(() => node.happened('task_lost'))
    expect(node.reasonOf('task_lost')).toBe('superseded')
    expect(deeds(node).filter((line) => line !== 'ask complete 1' || phase !== 'completing')).toEqual([])
    expect(node.coordinator.currentTasks).toBe(0)
    expect(node.told('tell').at(-1)).toBe('tell lost')
  })

  it('asks the provider nothing more after the lost renewal', async () => {
    const node = await replacedIn('completing', ({ provider }) => { provider.fail('complete') })
    node.provider.heal()
    await bench.until(() => node.happened('task_lost'))
    expect(bench.board.completions).toEqual([])
  })

  it.each([['delivering', 'claim+main'], ['finishing', 'claim']])('in %s is refused whole', async (phase, push) => {
    let release = (): void => undefined
    const slow = (node: BenchCoordinator): void => { node.atPush.set(push, () => { release = node.store.fault('push', 'slow').release }) }
    const node = await replacedIn(phase, (ada) => {
      if (push === 'claim+main') slow(ada)
      else ada.provider.once.set('complete', () => { slow(ada) })
    })
    const before = bench.main
    release()
    await bench.until(() => node.happened('task_lost'))
    expect(bench.main).toBe(before)
    expect(deeds(node)).toEqual([])
  })

  it('that lets go says nothing to the provider', async () => {
    let release = (): void => undefined
    const node = await replacedIn('letting-go', (ada) => {
      ada.attempts.script.push(() => {
        ada.atPush.set('claim', () => { release = ada.store.fault('push', 'slow').release })
        return { kind: 'failed', reason: 'red', facts: {} }
      })
    })
    release()
    await bench.until(() => node.happened('task_lost'))
    expect(deeds(node)).toEqual([])
  })

  it('before it knew that it had won does not begin', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    await bench.clock.drive(node.open())
    const { release } = node.store.fault('push', 'slow')
    const started = node.coordinator.start()
    await bench.until(() => node.coordinator.active()[0]?.phase === 'claiming')
    await bench.steal(task.key)
    release()
    await bench.clock.drive(started)
    await bench.until(() => node.coordinator.active().length === 0)
    expect(node.attempts.requests).toEqual([])
    expect(node.events).toEqual([])
  })
})

it('what a record of another version says of its delivery is not believed', () => {
  const good = { commit: 'a'.repeat(40) as Oid, branch: 'main', mode: 'merge', evidence: 'proved', title: 'x' }
  expect(readDelivered(good)).toEqual(good)
  expect(readDelivered({ ...good, evidence: 'sworn', title: 7 })).toEqual({ ...good, evidence: 'unproven', title: '' })
  for (const bad of [undefined, null, 'merge', [], { ...good, commit: 'HEAD' }, { ...good, branch: 1 }, { ...good, mode: 'force' }]) expect(readDelivered(bad)).toBeUndefined()
})
