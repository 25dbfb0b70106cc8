import { describe, expect, it } from 'vitest'
import type { NodeId, TaskKey } from '../../core/mod.ts'
import { COURTESY_DELAY_MS_MAX, courtesyDelayMs, courtesyRank, courtesySlotMs } from './courtesy.ts'
import { rendezvousWinner } from './rendezvous.ts'

const task = 'local:r#1' as TaskKey
const rival = (node: string, score = 0.9): { node: NodeId; score: number } => ({ node: node as NodeId, score })
const options = { slotMs: 400, delayMsMax: COURTESY_DELAY_MS_MAX }

describe('courtesyDelayMs', () => {
  it('is zero when alone, and when one sees only oneself', () => {
    expect(courtesyDelayMs(task, rival('a'), { ...options, rivals: [] })).toBe(0)
    expect(courtesyDelayMs(task, rival('a'), { ...options, rivals: [rival('a')] })).toBe(0)
  })

  it('lets the better suited go first', () => {
    const rivals = [rival('a', 0.7), rival('b', 0.9), rival('c', 0.8)]
    expect(rivals.map((self) => courtesyDelayMs(task, self, { ...options, rivals }))).toEqual([800, 0, 400])
  })

  it('ranks equals without a gap or a tie, and differently from task to task', () => {
    const rivals = ['a', 'b', 'c', 'd', 'e'].map((name) => rival(name))
    const firsts = new Set<string>()
    for (let number = 0; number < 40; number += 1) {
      const ranks = rivals.map((self) => courtesyRank(`local:r#${number}` as TaskKey, self, rivals))
      expect([...ranks].sort()).toEqual([0, 1, 2, 3, 4])
      firsts.add(rivals[ranks.indexOf(0)]?.node ?? '')
    }
    expect(firsts.size).toBe(5)
  })

  it('is bounded in a long line', () => {
    const rivals = Array.from({ length: 200 }, (_, index) => rival(`n${index}`, 0.99))
    expect(courtesyDelayMs(task, rival('z', 0.6), { ...options, rivals })).toBe(COURTESY_DELAY_MS_MAX)
  })
})

describe('courtesySlotMs', () => {
  it.each([
    ['the default while little is measured', [900, 900], 3_000],
    ['the 95th percentile', Array.from({ length: 100 }, (_, index) => 100 + index), 194],
    ['not below 50 ms', [1, 1, 1, 1, 1], 50],
    ['not over five seconds', [9_000, 9_000, 9_000, 9_000, 9_000], 5_000],
  ])('%s', (_name, samples, slot) => {
    expect(courtesySlotMs(samples)).toBe(slot)
  })
})

describe('rendezvousWinner', () => {
  it('names one node whatever the order, and moves only the subjects of a node that left', () => {
    const nodes = ['a', 'b', 'c', 'd'].map((name) => name as NodeId)
    expect(rendezvousWinner('x', [])).toBeUndefined()
    for (let subject = 0; subject < 30; subject += 1) {
      const winner = rendezvousWinner(`r${subject}`, nodes)
      expect(rendezvousWinner(`r${subject}`, [...nodes].reverse())).toBe(winner)
      if (winner !== 'd') expect(rendezvousWinner(`r${subject}`, nodes.slice(0, 3))).toBe(winner)
    }
  })
})
