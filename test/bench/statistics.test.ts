import { describe, expect, it } from 'vitest'
import { alternate, resultOf } from '../../bench/row.ts'
import type { Row } from '../../bench/row.ts'
import { median, quantile, ratios, spreadOf } from '../../bench/statistics.ts'

describe('the statistics of a bench', () => {
  it('find quantiles between neighbours, in whatever order the numbers come', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(quantile([10, 0], 0.25)).toBe(2.5)
    expect([quantile([7], 0), quantile([7], 1)]).toEqual([7, 7])
    expect(() => median([])).toThrow(RangeError)
    expect(spreadOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual({ median: 5, p10: 1, p90: 9 })
  })

  it('compare round by round', () => {
    expect(ratios([2, 30], [1, 10])).toEqual([2, 3])
    expect(() => ratios([1], [1, 2])).toThrow(RangeError)
  })

  it('judge the middle ratio by the goal, the goal itself included', () => {
    const row = (goal: number): Row => ({ name: 'x', goal, what: '', against: '', measure: () => Promise.reject(new Error('unused')) })
    const rounds = { ours: [10, 26, 39], baseline: [10, 20, 10], unit: 'ms' } as const
    expect(resultOf(row(1.3), rounds)).toMatchObject({ ratio: 1.3, ok: true, n: 3 })
    expect(resultOf(row(1.29), rounds).ok).toBe(false)
    expect(resultOf(row(1), { ours: [0.5, 2, 1], baseline: [], limit: 1, unit: '% of a core' })).toMatchObject({ ratio: 1, ok: true })
  })

  it('take both sides in turn, each first as often as the other, and forget the warm-up', async () => {
    const order: string[] = []
    const side = (name: string) => (round: number): Promise<number> => { order.push(`${name}${round}`); return Promise.resolve(round) }
    expect(await alternate({ ours: side('a'), baseline: side('b') }, { rounds: 2, warmUp: 1 })).toEqual({ ours: [1, 2], baseline: [1, 2] })
    expect(order.join(' ')).toMatch(/^(?:a0 b0 b1 a1|b0 a0 a1 b1) (?:a2 b2|b2 a2)$/)
    expect(new Set([order.slice(2, 4).join(), order.slice(4).join()].map((pair) => pair[0])).size).toBe(2)
  })
})
