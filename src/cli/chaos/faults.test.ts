import { describe, expect, test } from 'vitest'
import { Chance } from './chance.ts'
import { drawFault, drawGapMs, drawOversleepMs } from './faults.ts'
import type { Fault, FaultKind, Target } from './faults.ts'

const ALL: readonly FaultKind[] = ['kill', 'pause', 'sleep', 'cut', 'fill']
const target = (index: number, more: Partial<Target> = {}): Target => ({ index, well: true, holds: index % 2 === 0, small: index === 9, ...more })
const ten = Array.from({ length: 10 }, (_, index) => target(index))
const limits = { kinds: ALL, wellMin: 4, sleepersMax: 3, asleep: 0 }
const draw = (seed: string, count: number, targets = ten, more: Partial<typeof limits> = {}): readonly (Fault | undefined)[] => {
  const chance = new Chance(seed)
  return Array.from({ length: count }, () => drawFault(chance, targets, { ...limits, ...more }))
}

describe('drawFault()', () => {
  test('the same seed draws the same, another one does not', () => {
    expect(draw('a', 50)).toEqual(draw('a', 50))
    expect(draw('a', 50)).not.toEqual(draw('b', 50))
  })

  test('draws every kind, and more than half of the kills hit a holder', () => {
    const faults = draw('a', 500).filter((fault) => fault !== undefined)
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(ALL))
    const kills = faults.filter(({ kind }) => kind === 'kill')
    expect(kills.filter(({ node }) => node % 2 === 0).length).toBeGreaterThan(kills.length / 2)
    for (const { forMs } of kills) expect(forMs >= 3_000 && forMs <= 40_000).toBe(true)
  })

  test('only what may be done: the sleep of a holder, a full disk where it is small, no cut without a network of its own', () => {
    for (const fault of draw('c', 300)) {
      if (fault?.kind === 'sleep') expect(fault.node % 2).toBe(0)
      if (fault?.kind === 'fill') expect(fault.node).toBe(9)
      expect(fault?.cut === undefined).toBe(fault?.kind !== 'cut')
    }
    expect(draw('c', 300, ten, { kinds: ['kill', 'pause'] }).some((fault) => fault?.kind !== 'kill' && fault?.kind !== 'pause')).toBe(false)
    expect(draw('c', 300, ten, { asleep: 3 }).some((fault) => fault?.kind === 'sleep')).toBe(false)
  })

  test('leaves enough nodes alone', () => {
    expect(draw('d', 20, ten.map((one) => ({ ...one, well: one.index < 4 })))).toEqual(Array.from({ length: 20 }, () => undefined))
    for (const fault of draw('d', 100, ten.map((one) => ({ ...one, well: one.index < 6 })))) expect(fault!.node).toBeLessThan(6)
  })
})

describe('Chance', () => {
  test('stays within what it was asked for', () => {
    const chance = new Chance('e')
    for (let round = 0; round < 200; round += 1) {
      expect(drawGapMs(chance)).toBeGreaterThan(0)
      expect(drawOversleepMs(chance)).toBeLessThan(5_000)
      expect(['x', 'y']).toContain(chance.among(['x', 'y']))
      expect(chance.weighted({ never: 0, always: 1 })).toBe('always')
    }
    expect(chance.among([])).toBeUndefined()
  })
})
