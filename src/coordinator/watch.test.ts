import { describe, expect, it } from 'vitest'
import type { Task, TaskListing } from '../ports/mod.ts'
import { CoordinatorBench } from '../testing/coordinator-bench.ts'
import { TaskBoard } from '../testing/coordinator-doubles.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import type { RepositoryWork } from './needs.ts'
import { COORDINATOR_TIMES } from './times.ts'
import { RepositoryWatch } from './watch.ts'

const { lookMsMax } = COORDINATOR_TIMES

/** A repository whose every listing and reading of claims waits until the test answers it. */
const stage = () => {
  const clock = new ManualClock()
  const board = new TaskBoard()
  const lists: PromiseWithResolvers<TaskListing>[] = []
  const readings: PromiseWithResolvers<void>[] = []
  const ask = <T>(asked: PromiseWithResolvers<T>[]): Promise<T> => {
    const answer = Promise.withResolvers<T>()
    asked.push(answer)
    return answer.promise
  }
  const work = {
    provider: { name: 'local', repository: 'demo', list: () => ask(lists) },
    claims: { track: () => undefined, refresh: () => ask(readings), view: () => ({ state: 'free' }), prune: () => Promise.resolve([]) },
  } as unknown as RepositoryWork
  const watch = new RepositoryWatch(work, clock, COORDINATOR_TIMES)
  /** As the coordinator's rounds do. Resolves with what the look came to; an answer must be given first, or it is too late. */
  const look = async (): Promise<string> => {
    const looking = watch.look({ poller: true, signal: new AbortController().signal }).then(({ fresh }) => `saw ${fresh.length}`, (thrown: unknown) => (thrown as Error).message)
    await clock.advance(0)
    return clock.drive(looking, { stepMs: 1_000 })
  }
  /** Rounds without an answer. */
  const lookUntil = async (what: () => boolean): Promise<void> => {
    for (let round = 0; !what(); round++) {
      if (round > 1_000) throw new Error(`it did not happen: ${what.toString()}`)
      const looking = look()
      await clock.advance(0)
      if (what()) return void looking
      await looking
    }
  }
  const answer = async (index: number, ...tasks: readonly Task[]): Promise<void> => {
    lists[index]?.resolve({ tasks, problems: [] })
    await clock.advance(0)
  }
  const read = async (index: number): Promise<void> => {
    readings[index]?.resolve()
    await clock.advance(0)
  }
  return { clock, board, watch, look, lookUntil, answer, read, lists, readings, titles: () => [...watch.tasks.values()].map(({ title }) => title) }
}

const LATE = `it does not answer within ${lookMsMax / 1_000} s`

describe('a repository that does not answer', () => {
  it('is waited for once more while that may help, and what comes late is taken in', async () => {
    const { board, look, answer, read, lists, titles, watch } = stage()
    expect([await look(), await look(), lists.length]).toEqual([LATE, LATE, 1])
    await answer(0, board.add(1))
    expect([titles(), watch.failing]).toEqual([['Task 1'], true])
    const again = look()
    await read(0)
    expect([await again, watch.failing, lists.length]).toEqual(['saw 1', false, 1])
  })

  it('is asked anew when a listing never comes', async () => {
    const { board, lookUntil, look, answer, read, lists, titles, watch } = stage()
    await lookUntil(() => lists.length === 2)
    await answer(1, board.add(1))
    const looking = look()
    await read(0)
    expect([await looking, titles(), watch.failing]).toEqual(['saw 1', ['Task 1'], false])
  })

  it('is asked anew when a reading of its claims never comes', async () => {
    const { lookUntil, look, answer, read, lists, readings, watch } = stage()
    const looking = look()
    await answer(0)
    expect([await looking, readings.length]).toEqual([LATE, 1])
    await lookUntil(() => lists.length === 2)
    await answer(1)
    const again = look()
    await read(1)
    expect([await again, watch.failing]).toEqual(['saw 0', false])
    const readMs = watch.readMs
    await read(0)
    expect(watch.readMs).toBe(readMs)
  })

  it('changes nothing any more by what it answers after it has answered a later question', async () => {
    const { board, lookUntil, look, answer, read, lists, readings, titles, watch } = stage()
    await lookUntil(() => lists.length === 2)
    const looking = look()
    await answer(1, board.add(1, { title: 'as it is now' }))
    await read(0)
    expect(await looking).toBe('saw 1')
    const { readMs } = watch
    await answer(0, board.add(1, { title: 'as it was' }), board.add(2, { title: 'withdrawn since' }))
    expect([titles(), watch.readMs, readings.length]).toEqual([['as it is now'], readMs, 1])
  })

  it('still brings news late while nothing newer is known, and the later answer wins', async () => {
    const { board, lookUntil, answer, lists, titles } = stage()
    await lookUntil(() => lists.length === 2)
    await answer(0, board.add(1, { title: 'as it was' }))
    expect(titles()).toEqual(['as it was'])
    await answer(1, board.add(1, { title: 'as it is now' }))
    expect(titles()).toEqual(['as it is now'])
  })

  it('is asked ever more rarely, so that what never ends stays little; once it answers, as often as before', async () => {
    const { clock, lookUntil, look, answer, read, lists } = stage()
    const startMs = clock.monotonicMs()
    const askedMs: number[] = []
    for (let count = 2; count <= 10; count++) {
      await lookUntil(() => lists.length === count)
      askedMs.push(clock.monotonicMs() - startMs)
    }
    const gaps = askedMs.slice(1).map((ms, index) => ms - (askedMs[index] ?? 0))
    expect(gaps.every((ms, index) => ms >= (gaps[index - 1] ?? 0))).toBe(true)
    expect(gaps.at(-1)).toBeGreaterThan(3_000_000)
    expect(gaps.at(-1)).toBeLessThan(2 * 3_600_000)
    const looking = look()
    await answer(9)
    await read(0)
    expect(await looking).toBe('saw 0')
    const healedMs = clock.monotonicMs()
    await lookUntil(() => lists.length === 12)
    expect(clock.monotonicMs() - healedMs).toBeLessThan(askedMs[0]! + 2 * lookMsMax)
  })
})

describe('a node whose first call was never answered', () => {
  it('takes up tasks when the repository answers again, without a restart', async () => {
    const bench = new CoordinatorBench()
    bench.board.add(1)
    const node = bench.node('ada')
    node.provider.hang('list')
    void node.start()
    await bench.clock.advance(30_000)
    expect([node.events.map(({ kind }) => kind), node.provider.count('list')]).toEqual([['repository_failed'], 1])
    node.provider.heal()
    await bench.until(() => node.happened('task_completed'), { withinMs: 180_000 })
    expect(node.coordinator.problems).toEqual([])
    await bench.stop()
  })
})
