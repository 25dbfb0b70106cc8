import { describe, expect, it } from 'vitest'
import { performance } from './performance.ts'
import { MATCHING_DEFAULTS, availability, matchExpertise, matchRole, scoreTask } from './score.ts'

const agent = { role: 'Backend Developer', expertise: ['Go', 'PostgreSQL'], currentTasks: 0, maxTasks: 2, performance: 0.5 }
const task = { requiredRole: undefined as string | undefined, requiredExpertise: [] as string[] }

describe('scoreTask', () => {
  it.each([
    ['everything fits, nothing known of the past', agent, task, 0.95],
    ['a perfect record', { ...agent, performance: 1 }, task, 1],
    ['half of the slots taken', { ...agent, currentTasks: 1 }, task, 0.85],
    ['a partial role', agent, { ...task, requiredRole: 'Senior Backend Developer' }, 0.75],
    ['a foreign role', agent, { ...task, requiredRole: 'Designer' }, 0.55],
    ['half of the expertise', agent, { ...task, requiredExpertise: ['go', 'Rust'] }, 0.8],
    ['a foreign role and none of the expertise', agent, { requiredRole: 'Designer', requiredExpertise: ['Rust'] }, 0.25],
  ])('%s', (_name, who, what, total) => {
    expect(scoreTask(what, who).total).toBeCloseTo(total, 9)
  })

  it('wants strictly more than the threshold, whatever binary fractions make of it', () => {
    // 0.3 expertise + 0.2 availability = 0.5 on paper
    const half = scoreTask({ requiredRole: 'Designer', requiredExpertise: [] }, { ...agent, performance: 0 })
    expect(half).toMatchObject({ total: 0.5, unfit: 'below-threshold' })
    // 0.1 + 0.2 + 0.2 by other weights, a hair over 0.5 when added up naively
    const weights = { role: 0.1, expertise: 0.2, availability: 0.2, performance: 0.5 }
    expect(scoreTask(task, { ...agent, performance: 0 }, { ...MATCHING_DEFAULTS, weights })).toMatchObject({ total: 0.5, unfit: 'below-threshold' })
    expect(scoreTask({ requiredRole: 'Designer', requiredExpertise: [] }, { ...agent, performance: 0.01 }).unfit).toBeUndefined()
  })

  it('has no room in a full node, however well the task suits it', () => {
    expect(scoreTask(task, { ...agent, currentTasks: 2 })).toMatchObject({ total: 0.75, availability: 0, unfit: 'full' })
    expect(scoreTask(task, { ...agent, maxTasks: 0 })).toMatchObject({ availability: 0, unfit: 'full' })
  })

  it('makes expertise a gate when told so', () => {
    const settings = { ...MATCHING_DEFAULTS, expertise: 'gate' as const }
    expect(scoreTask({ ...task, requiredExpertise: ['Go', 'Rust'] }, agent, settings).unfit).toBe('expertise-missing')
    expect(scoreTask({ ...task, requiredExpertise: ['Go', 'Rust'] }, agent).unfit).toBeUndefined()
    expect(scoreTask({ ...task, requiredExpertise: ['Go'] }, agent, settings).unfit).toBeUndefined()
  })

  it('follows other weights and thresholds', () => {
    const settings = { ...MATCHING_DEFAULTS, weights: { role: 1, expertise: 0, availability: 0, performance: 0 }, threshold: 0.4 }
    expect(scoreTask({ ...task, requiredRole: 'developer' }, agent, settings)).toMatchObject({ total: 0.5, unfit: undefined })
  })
})

describe('matchRole', () => {
  it.each([
    [undefined, 'anything', 1],
    ['  ', 'anything', 1],
    ['backend developer', 'Backend  Developer', 1],
    ['Backend-Developer', 'backend developer', 1],
    ['developer', 'Backend Developer', 0.5],
    ['Senior Backend Developer', 'Backend Developer', 0.5],
    ['Frontend Developer', 'Backend Developer', 0],
    ['end', 'Backend Developer', 0],
    ['Developer', '', 0],
    ['C++ engineer', 'C engineer', 0],
  ])('%j for %j is %d', (required, held, score) => {
    expect(matchRole(required, held)).toBe(score)
  })

  it('knows families of roles', () => {
    const families = [['designer', 'frontend engineer'], ['dba', 'backend engineer']]
    expect(matchRole('Designer', 'frontend engineer', families)).toBe(0.5)
    expect(matchRole('Designer', 'backend engineer', families)).toBe(0)
  })
})

describe('matchExpertise and availability', () => {
  it.each([[[], [], 1], [['a'], [], 0], [['A', 'b', 'c'], ['a', 'C'], 2 / 3], [['sql'], ['nosql'], 0]])('%j of %j', (required, held, share) => {
    expect(matchExpertise(required, held)).toBe(share)
  })
  it.each([[0, 0, 0], [0, 4, 1], [3, 4, 0.25], [5, 4, 0], [1, -1, 0]])('%d of %d slots', (current, max, share) => {
    expect(availability(current, max)).toBe(share)
  })
})

describe('performance', () => {
  it('is 0.5 without history and moves slowly with it', () => {
    expect(performance({})).toBe(0.5)
    expect(performance({}, 'testing')).toBe(0.5)
    expect(performance({ testing: { successes: 0, failures: 1 } })).toBeCloseTo(1 / 3)
    expect(performance({ testing: { successes: 98, failures: 0 } })).toBe(0.99)
  })
  it('weighs the same type of work more than the rest', () => {
    const record = { testing: { successes: 10, failures: 0 }, bug_fix: { successes: 0, failures: 10 } }
    expect(performance(record)).toBe(0.5)
    expect(performance(record, 'testing')).toBeCloseTo(11 / 12)
    expect(performance(record, 'bug_fix')).toBeCloseTo(1 / 12)
    expect(performance(record, 'documentation')).toBe(0.5)
  })
})
