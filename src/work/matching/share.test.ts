import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NodeId, TaskKey } from '../../core/mod.ts'
import { rendezvous } from './rendezvous.ts'
import { scoreTask } from './score.ts'
import { shareTasks } from './share.ts'
import type { SharedTask, Sharer } from './share.ts'

const repository = 'local:r'
const node = (name: string, part: Partial<Sharer> = {}): Sharer => ({ role: 'developer', expertise: [], currentTasks: 0, maxTasks: 1, repositories: [repository], ...part, node: name as NodeId })
const task = (name: string, part: Partial<SharedTask> = {}): SharedTask => ({ requiredRole: undefined, requiredExpertise: [], priority: 4, repository, ...part, key: `${part.repository ?? repository}#${name}` as TaskKey })
const share = (tasks: readonly SharedTask[], nodes: readonly Sharer[]): Record<string, string> =>
  Object.fromEntries([...shareTasks(tasks, nodes)].map(([key, who]) => [key.slice(key.indexOf('#') + 1), who]))

describe('shareTasks', () => {
  it('gives every free slot a task of its own, however alike the nodes are', () => {
    const nodes = ['a', 'b', 'c'].map((name) => node(name, { maxTasks: 2 }))
    const turns = share(['1', '2', '3', '4', '5', '6', '7'].map((name) => task(name)), nodes)
    expect(Object.keys(turns)).toEqual(['1', '2', '3', '4', '5', '6'])
    for (const name of ['a', 'b', 'c']) expect(Object.values(turns).filter((who) => who === name)).toHaveLength(2)
  })

  it.each([
    ['the best suited goes first', [task('1', { requiredExpertise: ['sql'] }), task('2')], [node('a', { expertise: ['sql'] }), node('b')], { 1: 'a', 2: 'b' }],
    ['priority goes before fit', [task('1', { priority: 9 }), task('2', { requiredExpertise: ['sql'] })], [node('a', { expertise: ['sql'] })], { 1: 'a' }],
    ['among equals the older goes first', [task('1'), task('2')], [node('a')], { 1: 'a' }],
    ['an idle node goes before a busy one', [task('1')], [node('a', { maxTasks: 2, currentTasks: 1 }), node('b', { maxTasks: 2 })], { 1: 'b' }],
    ['a full node has no turn', [task('1')], [node('a', { currentTasks: 1 })], {}],
    ['nobody gets what is below the threshold', [task('1', { requiredRole: 'designer', requiredExpertise: ['figma'] })], [node('a')], {}],
    ['nobody gets a task of a repository that it does not work on', [task('1', { repository: 'local:s' }), task('2')], [node('a')], { 2: 'a' }],
    ['a task that suits only idle nodes leaves the second slot to another', [task('1', { requiredRole: 'designer' }), task('2', { requiredRole: 'designer' })], [node('a', { maxTasks: 2 }), node('b')], undefined],
  ])('%s', (_name, tasks, nodes, turns) => {
    if (turns !== undefined) expect(share(tasks, nodes)).toEqual(turns)
    else expect(Object.values(share(tasks, nodes)).sort()).toEqual(['a', 'b'])
  })

  it('is stable: no task and no free slot would both rather have each other', () => {
    const facts = fc.record({ role: fc.constantFrom('x', 'y'), expertise: fc.subarray(['p', 'q']), currentTasks: fc.integer({ min: 0, max: 1 }), maxTasks: fc.integer({ min: 1, max: 2 }) })
    const needs = fc.record({ requiredRole: fc.constantFrom('x', 'y', undefined), requiredExpertise: fc.subarray(['p', 'q']), priority: fc.integer({ min: 4, max: 5 }) })
    fc.assert(fc.property(fc.array(facts, { minLength: 1, maxLength: 5 }), fc.array(needs, { maxLength: 8 }), (crew, work) => {
      // One free slot each, so that no score changes on the way.
      const nodes = crew.map((part, index) => node(`n${index}`, { ...part, currentTasks: part.maxTasks - 1 }))
      const tasks = work.map((part, index) => task(`${index}`, part)).sort((a, b) => b.priority - a.priority)
      const turns = shareTasks(tasks, nodes)
      const score = (at: Sharer, of: SharedTask) => scoreTask(of, { ...at, performance: 0.5 })
      for (const of of tasks) {
        for (const at of nodes.filter((each) => score(each, of).unfit === undefined)) {
          const holder = nodes.find((each) => each.node === turns.get(of.key))
          const wantsIt = holder === undefined || score(at, of).total > score(holder, of).total
            || (score(at, of).total === score(holder, of).total && rendezvous(at.node, of.key) < rendezvous(holder.node, of.key))
          const has = tasks.find((each) => turns.get(each.key) === at.node)
          const isWanted = has === undefined || of.priority > has.priority
            || (of.priority === has.priority && (score(at, of).total > score(at, has).total || (score(at, of).total === score(at, has).total && tasks.indexOf(of) < tasks.indexOf(has))))
          expect(has !== of && wantsIt && isWanted).toBe(false)
        }
      }
    }), { seed: 11, numRuns: 500 })
  })

  it('is the same for all, whatever the order in which they know each other', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e'].map((name, index) => node(name, { maxTasks: 1 + index % 2, expertise: index % 3 === 0 ? ['sql'] : [] }))
    const tasks = Array.from({ length: 9 }, (_, index) => task(`${index}`, { requiredExpertise: index % 2 === 0 ? ['sql'] : [] }))
    expect(share(tasks, [...nodes].reverse())).toEqual(share(tasks, nodes))
  })

  it('takes a thousand nodes and three thousand tasks in its stride', () => {
    const roles = ['backend', 'frontend', 'tester', 'writer']
    const nodes = Array.from({ length: 1_000 }, (_, index) => node(`n${index}`, { role: roles[index % 4] ?? '', expertise: [`e${index % 7}`], maxTasks: 1 + index % 3 }))
    const tasks = Array.from({ length: 3_000 }, (_, index) => task(`${index}`, { requiredRole: roles[index % 4], requiredExpertise: [`e${index % 5}`] }))
    const turns = shareTasks(tasks, nodes)
    const worked = new Map<string, number>()
    for (const who of turns.values()) worked.set(who, (worked.get(who) ?? 0) + 1)
    expect(turns.size).toBe(1_999)
    expect(nodes.every(({ node: name, maxTasks }) => (worked.get(name) ?? 0) <= maxTasks)).toBe(true)
  })
})
