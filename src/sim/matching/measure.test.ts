import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Chance } from '../chance.ts'
import { optimumOf, placesOf, randomTotal, scoreMatrix } from './baselines.ts'
import { makespanBound } from './bound.ts'
import { dispatched } from './dispatcher.ts'
import { measure, summarise } from './measure.ts'
import { makeWorkload } from './workload.ts'
import type { Workload, WorkNode, WorkTask } from './workload.ts'

const node = (name: string, part: Partial<WorkNode> = {}): WorkNode => ({ role: 'x', expertise: [], maxTasks: 1, ...part, name })
const task = (number: string, part: Partial<WorkTask> = {}): WorkTask => ({ requiredRole: undefined, requiredExpertise: [], priority: 4, durationMs: 60_000, arrivalMs: 0, ...part, number })
const workload = (nodes: readonly WorkNode[], tasks: readonly WorkTask[]): Workload => ({ nodes, tasks, arrival: 'batch' })
const minutes = (...all: readonly number[]): readonly WorkTask[] => all.map((length, index) => task(`${index + 1}`, { durationMs: length * 60_000 }))

describe('optimumOf', () => {
  it('is as good as the best of all assignments that there are', () => {
    const skills = fc.subarray(['p', 'q'])
    const nodes = fc.array(fc.record({ role: fc.constantFrom('x', 'y'), expertise: skills }), { minLength: 2, maxLength: 3 })
    const tasks = fc.array(fc.record({ requiredRole: fc.constantFrom('x', undefined), requiredExpertise: skills }), { minLength: 1, maxLength: 4 })
    fc.assert(fc.property(nodes, tasks, (who, what) => {
      const given = workload(who.map((part, index) => node(`n${index}`, part)), what.map((part, index) => task(`${index}`, part)))
      const places = given.nodes.map(() => 2)
      const best = bruteForce(scoreMatrix(given), places)
      if (best === undefined) expect(() => optimumOf(given, places)).toThrow()
      else expect(optimumOf(given, places).total).toBeCloseTo(best, 6)
    }), { seed: 3, numRuns: 300 })
  })

  it('gives nobody more than its places, or what it is not fit for', () => {
    const given = makeWorkload({ nodes: 100, tasksPerNode: 4, arrival: 'batch', entropy: new Chance('1') })
    const places = placesOf(given)
    const { nodeOf, total } = optimumOf(given, places)
    const scores = scoreMatrix(given)
    places.forEach((count, index) => { expect(nodeOf.filter((each) => each === index).length).toBeLessThanOrEqual(count) })
    expect(nodeOf.every((each, index) => scores[index]?.[each] !== undefined)).toBe(true)
    expect(total).toBeGreaterThan(randomTotal(given))
  })
})

describe('randomTotal', () => {
  it('is the mean over all slots that may take each task', () => {
    const given = workload([node('a', { maxTasks: 3 }), node('b', { role: 'y' }), node('c', { role: 'y', expertise: ['p'] })], [task('1', { requiredRole: 'x' }), task('2', { requiredRole: 'x', requiredExpertise: ['p'] })])
    // 1: a 0.95 (three slots), b and c 0.55. 2: a 0.65 (three slots), c 0.55; b is below the threshold.
    expect(randomTotal(given)).toBeCloseTo((3 * 0.95 + 2 * 0.55) / 5 + (3 * 0.65 + 0.55) / 4, 9)
  })
})

describe('makespanBound', () => {
  it.each([
    ['the longest task', minutes(1, 1, 9), 9, 'longest'],
    ['all work over all slots', minutes(4, 4, 4, 4), 8, 'work'],
    ['the work of a class over the slots that are fit for it', [1, 2, 3].map((index) => task(`${index}`, { requiredRole: 'y', requiredExpertise: ['p'] })), 3, 'class'],
    ['what comes late, from then on', [task('1'), task('2', { arrivalMs: 600_000 })], 11, 'longest'],
  ])('knows %s', (_name, tasks, expected, by) => {
    expect(makespanBound(workload([node('a'), node('b', { role: 'y', expertise: ['p'] })], tasks))).toMatchObject({ ms: expected * 60_000, by })
  })

  it('counts what every task takes besides its agent', () => {
    expect(makespanBound(workload([node('a')], minutes(1, 2)), 5_000).ms).toBe(190_000)
  })
})

describe('measure', () => {
  const given = workload([node('a', { expertise: ['p'] }), node('b')], [task('1', { requiredExpertise: ['p'] }), task('2')])
  const record = (first: string, second: string) => ({
    workload: given, claimAttempts: 3, claimWins: 2, besidesMsMin: 0,
    assignments: [{ task: '1', node: first, score: 1, claimedAtMs: 0, endedAtMs: 60_000 }, { task: '2', node: second, score: 1, claimedAtMs: 0, endedAtMs: 90_000 }],
  })

  it('is 1 for the best that can be, and less for the wrong way round', () => {
    expect(summarise([measure(record('a', 'b'))])).toEqual({ runs: 1, quality: 1, qualityEven: 1, makespanRatio: 1.5, makespanRatioMax: 1.5, claimAttemptsPerTask: 1.5 })
    expect(summarise([measure(record('b', 'a'))]).quality).toBeCloseTo(-1, 9)
  })

  it('has no opinion on a run in which a task is missing, doubled or in the wrong hands', () => {
    const whole = record('a', 'b')
    expect(() => measure({ ...whole, assignments: whole.assignments.slice(1) })).toThrow('task 1 was worked by no node')
    expect(() => measure({ ...whole, assignments: [...whole.assignments, ...whole.assignments] })).toThrow('assigned twice')
    expect(() => measure({ ...whole, claimWins: 1 })).toThrow('with 1 claims')
    const unfit = workload([node('a'), node('b', { role: 'y' })], [task('1', { requiredRole: 'x', requiredExpertise: ['p'] }), task('2')])
    expect(() => measure({ ...whole, workload: unfit, assignments: record('b', 'a').assignments })).toThrow('not fit for it')
  })
})

describe('the dispatcher', () => {
  it.each(['batch', 'stream'] as const)('works every task of a %s once, never more at a time than there are slots', (arrival) => {
    const made = makeWorkload({ nodes: 10, tasksPerNode: 4, arrival, entropy: new Chance('7') })
    const { assignments } = dispatched(made)
    expect(assignments.map((each) => Number(each.task)).sort((a, b) => a - b)).toEqual(made.tasks.map((each) => Number(each.number)))
    for (const { name, maxTasks } of made.nodes) {
      const mine = assignments.filter((each) => each.node === name)
      for (const { claimedAtMs } of mine) expect(mine.filter((each) => each.claimedAtMs <= claimedAtMs && claimedAtMs < each.endedAtMs).length).toBeLessThanOrEqual(maxTasks)
    }
    for (const each of assignments) expect(each.claimedAtMs).toBeGreaterThanOrEqual(made.tasks[Number(each.task) - 1]?.arrivalMs ?? Infinity)
  })
})

const bruteForce = (scores: readonly (readonly (number | undefined)[])[], places: readonly number[], at = 0): number | undefined => {
  if (at === scores.length) return 0
  let best: number | undefined
  places.forEach((left, index) => {
    const score = scores[at]?.[index]
    if (left === 0 || score === undefined) return
    const rest = bruteForce(scores, places.map((count, place) => place === index ? count - 1 : count), at + 1)
    if (rest !== undefined && (best === undefined || score + rest > best)) best = score + rest
  })
  return best
}
