import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import { CoordinatorBench, MAIN } from '../testing/coordinator-bench.ts'
import type { AttemptOutcome } from './mod.ts'

const failed = (reason = 'the checks are red'): AttemptOutcome => ({ kind: 'failed', reason, facts: { rounds: 3 } })

describe('one task on one node', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  it('goes from found to completed, each step written before it is done and told after it is logged', async () => {
    const task = bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_completed'))
    expect(node.told('intent', 'push', 'log', 'emit', 'tell', 'ask complete', 'ask report')).toEqual([
      'tell found 1',
      'intent held', 'push claim', 'log task_claimed', 'emit task_claimed', 'tell claimed', 'ask report 1 claimed',
      'emit task_started', 'tell started', 'log execution', 'emit task_verified',
      'intent delivered', 'push claim+main', 'log task_delivered', 'emit task_delivered',
      'ask complete 1',
      'intent done', 'push claim', 'log task_completed', 'emit task_completed', 'tell completed', 'tell complete',
    ])
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
    expect(bench.merged()).toEqual([task.key])
  })

  it('tells its load truly: full from the claim on, free at the end', async () => {
    bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_completed'))
    expect(node.told('load')).toEqual(['load 1', 'load 0'])
    expect(node.coordinator.currentTasks).toBe(0)
    expect(node.coordinator.active()).toEqual([])
  })

  it('shows what it works on, since when, in which epoch', async () => {
    const task = bench.board.add(1, { title: 'Mend the parser' })
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_started'))
    expect(node.coordinator.active()).toMatchObject([{ key: task.key, title: 'Mend the parser', phase: 'working', epoch: 1 }])
    expect(node.coordinator.active()[0]?.claimedAtMs).toBeGreaterThan(1_700_000_000_000 - 1)
  })

  it('tells the provider the branch that it delivered to', async () => {
    bench.board.add(7)
    const node = await bench.started('ada', { policy: { delivery: 'branch' } })
    await bench.until(() => node.happened('task_completed'))
    const [completion] = bench.board.completions
    const tip = bench.remote.refs.get('refs/heads/chorus/7' as never)
    expect(completion?.result.metadata.artifacts).toEqual({ commit: tip, branch: 'chorus/7', evidence: 'proved' })
    expect(bench.merged()).toEqual([])
  })

  it.each([
    ['the evidence is not enough', 'unproven', {}],
    ['a person has to approve the first delivery', 'proved', { approveFirst: true }],
  ] as const)('delivers to a branch of its own when %s', async (_why, evidence, policy) => {
    bench.board.add(1)
    const node = bench.node('ada', { policy })
    node.attempts.script.push((request) => node.attempts.verified(request, { evidence }))
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_completed'))
    expect(bench.remote.refs.has('refs/heads/chorus/1' as never)).toBe(true)
    expect(bench.merged()).toEqual([])
  })

  it('is merged once a person has merged a first one', async () => {
    const task = bench.board.add(1)
    const node = await bench.started('ada', { policy: { approveFirst: true } })
    await bench.until(() => node.happened('task_completed'))
    expect(bench.merged()).toEqual([])
    bench.remote.refs.set(MAIN, bench.remote.refs.get('refs/heads/chorus/1' as never) as never)
    const next = bench.board.add(2)
    await bench.until(() => bench.board.completions.length === 2)
    expect(bench.merged()).toEqual([task.key, next.key])
  })

  it('is tried three times, then a person is asked', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(() => failed('first'), () => failed('second'), () => failed('third'))
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_escalated'), { withinMs: 3_600_000, stepMs: 1_000 })
    expect(node.kinds().filter((kind) => kind === 'task_failed')).toHaveLength(2)
    expect(node.reasonOf('task_escalated')).toBe('third')
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'released 1/1', 'held 2/1', 'released 2/2', 'held 3/2', 'escalated 3/2'])
    expect(bench.board.reports.map(({ event }) => event.kind)).toEqual(['claimed', 'failed', 'claimed', 'failed', 'claimed', 'escalated'])
    await bench.clock.advance(3_600_000)
    expect(node.attempts.requests).toHaveLength(3)
  })

  it('parks what a person has to look at, and keeps the patch on a branch', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(async (request) => {
      const { commit, dispose } = await node.attempts.verified(request)
      await dispose()
      return { kind: 'parked', reason: 'it edits a test', commit, facts: {} }
    })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_parked'))
    expect(node.reasonOf('task_parked')).toBe('it edits a test. The patch is on chorus/1-parked-e1')
    expect(bench.remote.refs.has('refs/heads/chorus/1-parked-e1' as never)).toBe(true)
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'parked 1/0'])
  })

  it('parks also when the patch cannot be kept', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(async (request) => {
      const { commit, dispose } = await node.attempts.verified(request)
      await dispose()
      bench.remote.plant('refs/heads/chorus/1-parked-e1' as never, 'blob', 'in the way')
      return { kind: 'parked', reason: 'it edits a test', commit, facts: {} }
    })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_parked'))
    expect(node.reasonOf('task_parked')).toBe('it edits a test')
  })

  it('does not take again at once what does not work here, and costs the task no attempt', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    for (let time = 0; time < 9; time++) node.attempts.script.push(() => ({ kind: 'unavailable', reason: 'no registry' }))
    await bench.clock.drive(node.start())
    await bench.clock.advance(300_000)
    const tries = node.attempts.requests.length
    expect(tries).toBeGreaterThan(1)
    expect(tries).toBeLessThanOrEqual(4)
    expect((await bench.story(task.key)).every((line) => line.endsWith('/0'))).toBe(true)
  })

  it('works at once when a person asks for it, however often it failed here', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(() => ({ kind: 'unavailable', reason: 'no registry' }))
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'))
    node.coordinator.wake(task.key)
    await bench.until(() => node.happened('task_completed'), { withinMs: 15_000 })
  })

  describe('whose text', () => {
    it('changed is worked on again, as it is now', async () => {
      bench.board.add(1, { title: 'Old' })
      const node = bench.node('ada')
      node.attempts.script.push((request) => { bench.board.edit(1, { title: 'New' }); return node.attempts.verified(request) })
      await bench.clock.drive(node.start())
      await bench.until(() => node.happened('task_completed'))
      expect(node.attempts.requests.map(({ task }) => task.title)).toEqual(['Old', 'New'])
      expect(bench.merged()).toHaveLength(1)
    })

    it('changed twice is given back', async () => {
      bench.board.add(1)
      const node = bench.node('ada')
      for (let time = 1; time <= 2; time++) node.attempts.script.push((request) => { bench.board.edit(1, { title: `edit ${time}` }); return node.attempts.verified(request) })
      await bench.clock.drive(node.start())
      await bench.until(() => node.happened('task_released'))
      expect(node.reasonOf('task_released')).toBe('the task text changed twice while it was worked on')
      expect(bench.merged()).toEqual([])
    })
  })

  it.each([
    ['closed', (): void => { bench.board.close(1) }],
    ['removed', (): void => { bench.board.tasks.delete('1') }],
  ])('delivers nothing of a task that was %s while it was worked on', async (_what, change) => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push((request) => { change(); return node.attempts.verified(request) })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'))
    expect(node.reasonOf('task_released')).toBe('the task was closed or withdrawn')
    expect(bench.merged()).toEqual([])
    await bench.clock.advance(120_000)
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'released 1/0'])
  })

  it('goes on with a task that left the listing, and asks the provider itself', async () => {
    bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_started'))
    node.provider.fail('list')
    node.coordinator.heard({ kind: 'ended', key: 'local:demo#1' as never, by: node.node })
    await bench.until(() => node.happened('task_completed'))
  })

  it('starts no agent for a task that was closed since it was listed', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.provider.once.set('report', () => { bench.board.close(1) })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'))
    expect(node.attempts.requests).toHaveLength(0)
  })

  it('waits for a provider that is away rather than throw the work away', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push((request) => { node.provider.fail('get'); return node.attempts.verified(request) })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_verified'))
    await bench.clock.advance(120_000)
    expect(node.coordinator.active()).toMatchObject([{ phase: 'reading' }])
    node.provider.heal()
    await bench.until(() => node.happened('task_completed'))
    expect(node.attempts.requests).toHaveLength(1)
  })

  it('gives the task back when the provider stays away', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push((request) => { node.provider.fail('get'); return node.attempts.verified(request) })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'), { withinMs: 2_400_000, stepMs: 1_000 })
    expect(bench.merged()).toEqual([])
  })

  it.each(['get', 'complete', 'report'] as const)('is not held up for ever by a provider that never answers %s', async (operation) => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.provider.hang(operation)
    await bench.clock.drive(node.start())
    await bench.until(() => node.trace.some((line) => line.startsWith(`ask ${operation}`)))
    await bench.clock.advance(70_000)
    node.provider.heal()
    await bench.until(() => node.happened('task_completed'), { withinMs: 300_000 })
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'delivered 1/0', 'done 1/0'])
  })

  it('asks the provider to complete until it confirms, and is completed only then', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.provider.fail('complete')
    await bench.clock.drive(node.start())
    await bench.until(() => node.provider.count('complete') >= 4, { withinMs: 120_000 })
    expect(node.happened('task_completed')).toBe(false)
    expect(node.coordinator.currentTasks).toBe(1)
    node.provider.heal()
    await bench.until(() => node.happened('task_completed'))
    expect(bench.board.completions).toHaveLength(1)
    expect(bench.merged()).toHaveLength(1)
  })

  it('tells the swarm and works on although the provider takes no reports', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.provider.fail('report', new Error('403'))
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_completed'))
    expect(node.told('tell')).toContain('tell complete')
  })

  it('frees its slot although the work trees cannot be removed', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.disposeFails = true
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_completed'))
    expect(node.coordinator.currentTasks).toBe(0)
  })

  it('is given back when an attempt throws', async () => {
    const task = bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(() => { throw new ChorusError('IO_FAILED', 'the disk is full') })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'))
    expect(await bench.story(task.key)).toEqual(['held 1/0', 'released 1/0'])
  })

  it('keeps a hostile title out of the size of its claim record', async () => {
    bench.board.add(1, { title: `${'x'.repeat(100_000)}\u{1F600}` })
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_completed'))
  })

  it('waits while the remote is away before the work begins, and ends when the claim is lost', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.provider.once.set('report', () => { node.store.gone = true })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_lost'), { withinMs: 90_000 })
    expect(node.reasonOf('task_lost')).toBe('unrenewed')
    expect(node.coordinator.currentTasks).toBe(0)
    node.store.gone = false
    await bench.until(() => node.happened('task_completed'), { withinMs: 600_000 })
    expect(bench.merged()).toHaveLength(1)
  })

  it('gives the task back, and tells so, when its log fails in the middle', async () => {
    bench.board.add(1)
    const node = bench.node('ada')
    node.attempts.script.push(async (request) => { node.logStore.fail(); return await node.attempts.verified(request) })
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_released'))
    expect(bench.merged()).toEqual([])
    expect(node.coordinator.currentTasks).toBe(0)
    expect(node.told('tell').at(-1)).toBe('tell released')
    expect(node.errors.splice(0).length).toBeGreaterThan(0)
  })
})

