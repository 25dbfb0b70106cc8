import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import type { TaskKey } from '../core/mod.ts'
import { CoordinatorBench } from '../testing/coordinator-bench.ts'
import type { BenchCoordinator } from '../testing/coordinator-bench.ts'
import { TaskBoard } from '../testing/coordinator-doubles.ts'

const key = (number: string | number, repository = 'demo'): TaskKey => `local:${repository}#${number}` as TaskKey
const STRANGER = '12D3KooWStranger' as never
const claims = (node: BenchCoordinator): readonly string[] => node.events.flatMap((event) => event.kind === 'task_claimed' ? [event.key] : [])

describe('the choice of tasks', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  it('goes by priority, then age', async () => {
    bench.board.add('young', { createdAtMs: 2_000 })
    bench.board.add('old', { createdAtMs: 1_000 })
    bench.board.add('urgent', { priority: 10, createdAtMs: 3_000 })
    const node = await bench.started('ada')
    await bench.until(() => bench.board.completions.length === 3)
    expect(claims(node)).toEqual([key('urgent'), key('old'), key('young')])
  })

  it('fills as many slots as the node has, and no more', async () => {
    for (let number = 1; number <= 5; number++) bench.board.add(number)
    const node = await bench.started('ada', { maxTasks: 2 })
    let most = 0
    await bench.until(() => { most = Math.max(most, node.coordinator.active().length); return bench.board.completions.length === 5 })
    expect(most).toBe(2)
  })

  it('leaves what does not suit it', async () => {
    bench.board.add(1, { requiredRole: 'designer', requiredExpertise: ['figma'] })
    const node = await bench.started('ada', { role: 'developer' })
    await bench.clock.advance(120_000)
    expect(node.events).toEqual([])
  })

  it('takes a dependent only when what it depends on is merged', async () => {
    bench.board.add(1)
    bench.board.add(2, { dependsOn: [key(1)], priority: 10 })
    const node = await bench.started('ada')
    await bench.until(() => bench.board.completions.length === 2)
    expect(claims(node)).toEqual([key(1), key(2)])
    expect(bench.merged()).toEqual([key(1), key(2)])
  })

  it('takes a dependent up when a person merged what it waited for, squashed or not', async () => {
    bench.board.add(1)
    bench.board.add(2, { dependsOn: [key(1)] })
    const node = await bench.started('ada', { policy: { delivery: 'branch' } })
    await bench.until(() => bench.board.completions.length === 1)
    await bench.clock.advance(120_000)
    expect(claims(node)).toEqual([key(1)])
    bench.pushToMain(`Merge what ada did\n\nChorus-Task: ${key(1)}`)
    await bench.until(() => bench.board.completions.length === 2)
  })

  it('has the claim refs of tasks deleted that were closed long ago, and of no others', async () => {
    bench.board.add(1)
    bench.board.add(2)
    await bench.started('ada')
    await bench.until(() => bench.board.completions.length === 2)
    bench.board.close(1)
    await bench.clock.advance(31 * 24 * 3_600_000)
    expect(await bench.story(key(1))).toEqual([])
    expect((await bench.story(key(2))).at(-1)).toMatch(/^done/)
  })

  it('keeps a dependent back while the other\'s work waits on a branch for review, until a person closes it', async () => {
    bench.board.add(1)
    bench.board.add(2, { dependsOn: [key(1)] })
    const node = await bench.started('ada', { policy: { delivery: 'branch' } })
    await bench.until(() => bench.board.completions.length === 1)
    await bench.clock.advance(120_000)
    expect(claims(node)).toEqual([key(1)])
    bench.board.close(1)
    await bench.until(() => bench.board.completions.length === 2)
  })

  it('names a broken task once, and drops the complaint when it is mended', async () => {
    bench.board.problems.push({ place: '.chorus/tasks/7.md', line: 3, reason: 'priority: a number expected' })
    const node = await bench.started('ada')
    await bench.clock.advance(120_000)
    expect(node.kinds()).toEqual(['task_problem'])
    expect(node.coordinator.problems).toEqual(['.chorus/tasks/7.md:3: priority: a number expected'])
    bench.board.problems.splice(0)
    await bench.clock.advance(60_000)
    expect(node.coordinator.problems).toEqual([])
  })

  it('finds a new task at the next look', async () => {
    const node = await bench.started('ada')
    bench.board.add(1)
    await bench.until(() => node.happened('task_claimed'), { withinMs: 31_000 })
  })

  it('tells all it knows, with the state of each claim', async () => {
    bench.board.add(1)
    bench.board.add(2, { requiredRole: 'designer', requiredExpertise: ['figma'] })
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_completed'))
    expect(node.coordinator.known().map(({ task, view }) => [task.number, view.state])).toEqual([['1', 'done'], ['2', 'free']])
  })

  it('survives a task that its scoring cannot bear', async () => {
    bench.board.add(1, { requiredExpertise: null as never })
    const node = await bench.started('ada')
    expect(node.errors.splice(0)[0]).toMatch(/^no task could be chosen/)
    bench.board.tasks.delete('1')
    bench.board.add(2)
    await bench.until(() => node.happened('task_completed'))
  })
})

describe('two repositories', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench(new TaskBoard('web'), new TaskBoard('api')) })
  afterEach(async () => { await bench.stop() })
  const boards = (): readonly [TaskBoard, TaskBoard] => [bench.repositories[0]?.board as TaskBoard, bench.repositories[1]?.board as TaskBoard]

  it('share one order: the more urgent task goes first, wherever it is', async () => {
    const [web, api] = boards()
    web.add(1, { priority: 2 })
    api.add(1, { priority: 9 })
    const node = await bench.started('ada')
    await bench.until(() => node.kinds().filter((kind) => kind === 'task_completed').length === 2)
    expect(claims(node)).toEqual([key(1, 'api'), key(1, 'web')])
  })

  it('do not stop each other when one cannot be read', async () => {
    const [web, api] = boards()
    web.add(1)
    api.add(1)
    const node = bench.node('ada')
    node.providerOf('web').fail('list', new ChorusError('PROVIDER_FAILED', 'web: 401'))
    await bench.clock.drive(node.start())
    await bench.until(() => node.happened('task_completed'))
    await bench.clock.advance(120_000)
    expect(claims(node)).toEqual([key(1, 'api')])
    expect(node.coordinator.problems).toEqual(['local:web: web: 401'])
    expect(node.kinds().filter((kind) => kind === 'repository_failed')).toHaveLength(1)
    node.providerOf('web').heal()
    await bench.until(() => claims(node).length === 2)
    expect(node.coordinator.problems).toEqual([])
  })

  it('do not hold each other up when one never answers', async () => {
    const [, api] = boards()
    api.add(1)
    const node = bench.node('ada')
    node.providerOf('web').hang('list')
    void node.start()
    await bench.until(() => node.happened('task_completed'), { withinMs: 60_000 })
    expect(node.coordinator.problems).toEqual(['local:web: it does not answer within 20 s'])
    expect(node.providerOf('web').count('list')).toBe(1)
  })
})

describe('what others say', () => {
  let bench: CoordinatorBench
  beforeEach(() => { bench = new CoordinatorBench() })
  afterEach(async () => { await bench.stop() })

  /** `eve` suits the task better, so that `ada` waits her turn. */
  const waiting = async (): Promise<BenchCoordinator> => {
    bench.board.add(1, { requiredRole: 'tester' })
    const eve = bench.node('eve', { role: 'tester' })
    await bench.clock.drive(eve.open())
    await bench.clock.drive(eve.coordinator.start())
    eve.store.gone = true
    const ada = bench.node('ada', { matching: { weights: { role: 0.1, expertise: 0.3, availability: 0.5, performance: 0.1 }, threshold: 0.5, expertise: 'score', roleFamilies: [] } })
    await bench.clock.drive(ada.start(), { stepMs: 10 })
    return ada
  }

  it('lets it step aside, but a lie costs it one look only', async () => {
    const ada = await waiting()
    expect(ada.coordinator.active()).toEqual([])
    const lying = (): void => { ada.coordinator.heard({ kind: 'claimed', key: key(1), by: STRANGER }) }
    lying()
    await bench.clock.advance(3_000)
    expect(ada.happened('task_claimed')).toBe(false)
    await bench.until(() => { lying(); return ada.happened('task_claimed') }, { withinMs: 5_000, stepMs: 50 })
  })

  it('leaves its slot free for what is its own, while it leaves to others what suits them better', async () => {
    const own = bench.board.add(2, { requiredRole: 'developer', createdAtMs: 2 })
    const ada = await waiting()
    await bench.until(() => ada.happened('task_claimed'), { withinMs: 100, stepMs: 10 })
    expect(ada.events.find((event) => event.kind === 'task_claimed')).toMatchObject({ key: own.key })
  })

  it('that a task ended stops no work on it', async () => {
    bench.board.add(1)
    const node = await bench.started('ada')
    await bench.until(() => node.happened('task_started'))
    for (const kind of ['ended', 'claimed'] as const) node.coordinator.heard({ kind, key: key(1), by: STRANGER })
    await bench.until(() => node.happened('task_completed'))
    expect(node.attempts.requests).toHaveLength(1)
  })

  it('makes it ask the provider once a second at most', async () => {
    bench.board.add(1, { requiredRole: 'designer', requiredExpertise: ['figma'] })
    const node = await bench.started('ada', { pollMs: 3_600_000 })
    const before = node.provider.count('list')
    for (let time = 0; time < 100; time++) {
      node.coordinator.heard({ kind: 'announced', key: key(2), contentHash: String(time), state: 'open', by: STRANGER })
      await bench.clock.advance(100)
    }
    expect(node.provider.count('list') - before).toBeGreaterThan(3)
    expect(node.provider.count('list') - before).toBeLessThanOrEqual(11)
  })

  it('of tasks that it knows already, or of repositories that are not its own, is passed over', async () => {
    const task = bench.board.add(1, { requiredRole: 'designer', requiredExpertise: ['figma'] })
    const node = await bench.started('ada', { pollMs: 3_600_000 })
    const before = node.provider.count('list')
    node.coordinator.heard({ kind: 'announced', key: task.key, contentHash: task.contentHash, state: 'open', by: STRANGER })
    node.coordinator.heard({ kind: 'ended', key: key(1, 'elsewhere'), by: STRANGER })
    node.coordinator.heard({ kind: 'ended', key: 'nonsense' as TaskKey, by: STRANGER })
    await bench.clock.advance(10_000)
    expect(node.provider.count('list')).toBe(before)
    node.coordinator.heard({ kind: 'announced', key: task.key, contentHash: task.contentHash, state: 'closed', by: STRANGER })
    await bench.clock.advance(10_000)
    expect(node.provider.count('list')).toBe(before + 1)
  })

  it('brings a task here within seconds that only the other polls', async () => {
    const options = { pollMs: 3_600_000, maxTasks: 1 }
    const [ada, bob] = [await bench.started('ada', options), await bench.started('bob', options)]
    const poller = ada.provider.count('list') > 0 ? [ada, bob] : [bob, ada]
    bench.board.add(1)
    bench.board.add(2)
    for (const node of poller) node.coordinator.membersChanged()
    await bench.until(() => bench.board.completions.length === 2, { withinMs: 60_000 })
    expect([ada, bob].map((node) => claims(node).length)).toEqual([1, 1])
  })

  it('wakes those who wait for a dependency that another finished', async () => {
    bench.board.add(1, { requiredRole: 'tester', requiredExpertise: ['qa'] })
    bench.board.add(2, { dependsOn: [key(1)], requiredRole: 'writer', requiredExpertise: ['prose'] })
    const tester = await bench.started('ada', { role: 'tester', expertise: ['qa'], pollMs: 3_600_000 })
    const writer = await bench.started('bob', { role: 'writer', expertise: ['prose'], pollMs: 3_600_000 })
    await bench.until(() => tester.happened('task_completed'))
    const atMs = bench.clock.monotonicMs()
    await bench.until(() => writer.happened('task_claimed'))
    expect(bench.clock.monotonicMs() - atMs).toBeLessThan(5_000)
  })

  it('announces what is new, once, and not what it did itself; of what it found at its start one task speaks for all', async () => {
    const bench = new CoordinatorBench()
    for (const number of [1, 2, 3]) bench.board.add(number)
    const ada = await bench.started('ada', { pollMs: 5_000 })
    await bench.until(() => bench.board.completions.length === 3)
    for (const number of [1, 2, 3]) bench.board.close(number)
    await bench.clock.advance(20_000)
    expect(ada.told('tell found')).toEqual(['tell found 1'])
    bench.board.add(4, { priority: 1, requiredRole: 'nobody here' })
    bench.board.add(5, { priority: 1, requiredRole: 'nobody here' })
    await bench.clock.advance(20_000)
    expect(ada.told('tell found')).toEqual(['tell found 1', 'tell found 4,5'])
    bench.board.close(5)
    await bench.clock.advance(20_000)
    expect(ada.told('tell found')).toEqual(['tell found 1', 'tell found 4,5', 'tell found 5'])
    await bench.stop()
  })
})
