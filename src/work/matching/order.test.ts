import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TaskKey } from '../../core/mod.ts'
import { orderTasks } from './order.ts'
import type { OrderedTask } from './order.ts'

type Scored = OrderedTask & { readonly score: number }
const key = (name: string): TaskKey => `local:r#${name}` as TaskKey
const task = (name: string, part: Partial<Omit<Scored, 'dependsOn'>> & { readonly dependsOn?: readonly string[] } = {}): Scored => ({
  priority: 4, createdAtMs: 0, score: 0.9, state: 'open', ...part, key: key(name), dependsOn: (part.dependsOn ?? []).map(key),
})
const order = (tasks: readonly Scored[], finished: readonly string[] = []): { names: string[]; blocked: string[]; cycles: string[][] } => {
  const listed = new Set(tasks.map((item) => item.key))
  const { candidates, blocked, cycles } = orderTasks(tasks, {
    score: (item) => item.score,
    stateOf: (item) => (finished.map(key).includes(item) ? 'finished' : listed.has(item) ? 'open' : 'unknown'),
  })
  const name = (item: TaskKey): string => item.slice('local:r#'.length)
  return { names: candidates.map((item) => name(item.key)), blocked: blocked.map((item) => `${name(item.task.key)} ${item.reason}`), cycles: cycles.map((cycle) => cycle.map(name)) }
}

describe('orderTasks', () => {
  it.each([
    ['priority first', [task('a', { priority: 3, score: 1 }), task('b', { priority: 9, score: 0.6 })], ['b', 'a']],
    ['then score', [task('a', { score: 0.6, createdAtMs: 1 }), task('b', { score: 0.8, createdAtMs: 9 })], ['b', 'a']],
    ['then age, the oldest first', [task('a', { createdAtMs: 9 }), task('b', { createdAtMs: 5 })], ['b', 'a']],
    ['an unknown age counts as oldest', [task('a', { createdAtMs: 9 }), task('b')], ['b', 'a']],
    ['then what holds up most', [task('a'), task('b'), task('c', { dependsOn: ['b'] }), task('d', { dependsOn: ['c'] })], ['b', 'a']],
    ['then the key', [task('c'), task('a'), task('b')], ['a', 'b', 'c']],
  ])('%s', (_name, tasks, names) => {
    expect(order(tasks).names).toEqual(names)
  })

  it('never offers a task with an open or unknown dependency, however urgent', () => {
    const tasks = [task('a'), task('b', { priority: 10, dependsOn: ['a'] }), task('c', { priority: 10, dependsOn: ['gone'] })]
    expect(order(tasks)).toEqual({ names: ['a'], blocked: ['b open-dependency', 'c unknown-dependency'], cycles: [] })
    expect(order(tasks, ['a']).names).toEqual(['b'])
  })

  it('leaves out closed tasks and those whose claim is done', () => {
    expect(order([task('a', { state: 'closed' }), task('b'), task('c')], ['b']).names).toEqual(['c'])
  })

  it('reports each circle once, and not the tasks that only wait for it', () => {
    const tasks = [task('a', { dependsOn: ['b'] }), task('b', { dependsOn: ['a'] }), task('c', { dependsOn: ['c'] }), task('d', { dependsOn: ['a'] }), task('e')]
    expect(order(tasks)).toEqual({ names: ['e'], cycles: [['a', 'b'], ['c']], blocked: ['a cycle', 'b cycle', 'c cycle', 'd open-dependency'] })
  })

  it('gives every node the same order, whatever the order in which it heard of the tasks', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const tasks = fc.tuple(...names.map((name) => fc.record({ priority: fc.integer({ min: 3, max: 5 }), score: fc.constantFrom(0.6, 0.7), dependsOn: fc.subarray(names) })
      .map((part) => task(name, part))))
    fc.assert(fc.property(tasks.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: names.length }))), ([list, shuffled]) => {
      expect(order(shuffled).names).toEqual(order(list).names)
    }), { seed: 7, numRuns: 200 })
  })

  it('stays quick with a thousand tasks in a chain', () => {
    const tasks = Array.from({ length: 1_000 }, (_, index) => task(`t${index}`, index === 0 ? {} : { dependsOn: [`t${index - 1}`] }))
    expect(order(tasks).names).toEqual(['t0'])
  })
})
