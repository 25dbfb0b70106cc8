import { describe, expect, it } from 'vitest'
import { RedialPlan } from './redial.ts'

describe('the redial plan', () => {
  it('tries a new candidate at once and waits longer after each failure, up to ten seconds', () => {
    const plan = new RedialPlan({ intervalMs: 2_000 })
    const triedAt: number[] = []
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 1_000) {
      if (plan.due(['a'], nowMs).length === 0) continue
      triedAt.push(nowMs)
      plan.dialled('a')
      expect(plan.due(['a'], nowMs)).toEqual([])
      expect(plan.failed('a', nowMs)).toBe(false)
    }
    expect(triedAt).toEqual([0, 1_000, 3_000, 7_000, 13_000, 21_000, 31_000, 41_000, 51_000])
  })

  it('starts afresh with a peer that was connected in between', () => {
    const plan = new RedialPlan({ intervalMs: 2_000 })
    for (let round = 0; round < 9; round += 1) plan.failed('a', 0)
    expect(plan.due(['a'], 5_000)).toEqual([])
    expect(plan.due([], 5_000)).toEqual([])
    expect(plan.due(['a'], 5_000)).toEqual(['a'])
  })

  it('dials sixteen at a time, those first that failed least', () => {
    const plan = new RedialPlan({ intervalMs: 0 })
    const all = Array.from({ length: 40 }, (_, index) => `p${index}`)
    const first = plan.due(all, 0)
    expect(first).toHaveLength(16)
    for (const peer of first) plan.dialled(peer)
    expect(plan.due(all, 0)).toEqual([])
    for (const peer of first) plan.failed(peer, 0)
    expect(plan.due(all, 1).filter((peer) => first.includes(peer))).toEqual([])
  })

  it('gives a peer up after an hour of failures', () => {
    const plan = new RedialPlan({ intervalMs: 2_000 })
    expect(plan.failed('a', 0)).toBe(false)
    expect(plan.failed('a', 3_599_999)).toBe(false)
    expect(plan.failed('a', 3_600_000)).toBe(true)
  })
})
