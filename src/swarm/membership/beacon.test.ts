import { describe, expect, it } from 'vitest'
import { beaconWakeMs, silentBeacon, stepBeacon } from './beacon.ts'
import type { BeaconInput, BeaconTimes } from './beacon.ts'

/** Plays the inputs at their times, wakes when asked to, and writes down what is said. */
const play = (inputs: readonly (readonly [number, BeaconInput])[], untilMs: number, times: Partial<BeaconTimes> = {}): string[] => {
  let state = silentBeacon(times)
  const said: string[] = []
  const step = (nowMs: number, input: BeaconInput): void => {
    const { state: next, effects } = stepBeacon(state, input, nowMs)
    state = next
    for (const effect of effects) said.push(`${nowMs} ${effect}`)
  }
  const waiting = [...inputs]
  for (;;) {
    const [next] = waiting
    const wakeMs = beaconWakeMs(state) ?? Infinity
    const atMs = Math.min(next?.[0] ?? Infinity, wakeMs)
    if (atMs > untilMs) return said
    if (next !== undefined && next[0] <= wakeMs) { waiting.shift(); step(next[0], next[1]) } else step(wakeMs, { kind: 'tick' })
  }
}

describe('the beacon', () => {
  it('announces at the start, then tells availability every 30 s and all again every two minutes', () => {
    expect(play([[0, { kind: 'start' }]], 125_000)).toEqual([
      '0 announce', '0 availability', '30000 availability', '60000 availability', '90000 availability', '120000 announce', '120000 availability',
    ])
  })

  it('beats as its settings say', () => {
    expect(play([[0, { kind: 'start' }], [100, { kind: 'newcomer', delayMs: 10, spreadMs: 0, known: false }]], 2_000, { availabilityMs: 1_000, announcementGapMs: 300, newcomerAgainMs: 400, beatsPerAnnouncement: 2 })).toEqual([
      '0 announce', '0 availability', '300 announce', '700 announce', '1000 availability', '2000 announce', '2000 availability',
    ])
  })

  it('tells a change at once, and the next availability 30 s after it', () => {
    expect(play([[0, { kind: 'start' }], [10_000, { kind: 'load-changed' }], [20_000, { kind: 'profile-changed' }]], 45_000)).toEqual([
      '0 announce', '0 availability', '10000 availability', '20000 announce', '40000 availability',
    ])
  })

  it('announces to newcomers soon and again, to those that come together together', () => {
    const crowd = Array.from({ length: 20 }, (_, index) => [5_000 + index * 10, { kind: 'newcomer', delayMs: 300, spreadMs: 0, known: false }] as const)
    expect(play([[0, { kind: 'start' }], ...crowd], 20_000)).toEqual(['0 announce', '0 availability', '5300 announce', '8490 announce'])
  })

  it('announces once, and later, to one whose link only opened again', () => {
    expect(play([[0, { kind: 'start' }], [5_000, { kind: 'newcomer', delayMs: 300, spreadMs: 0, known: true }], [5_010, { kind: 'newcomer', delayMs: 300, spreadMs: 0, known: true }]], 10_000)).toEqual(['0 announce', '0 availability', '8310 announce'])
  })

  it('begins no other round of answers while one may last', () => {
    const stream = Array.from({ length: 100 }, (_, index) => [index * 100, { kind: 'newcomer', delayMs: 300, spreadMs: 4_000, known: false }] as const)
    expect(play([[0, { kind: 'start' }], ...stream], 20_000).filter((line) => line.endsWith(' announce'))).toHaveLength(5)
  })

  it('announces at most once a second to a stream of newcomers, and is not put off by it', () => {
    const stream = Array.from({ length: 100 }, (_, index) => [index * 100, { kind: 'newcomer', delayMs: 300, spreadMs: 0, known: false }] as const)
    const times = play([[0, { kind: 'start' }], ...stream], 10_000).filter((line) => line.endsWith('announce')).map((line) => Number(line.split(' ')[0]))
    expect(times.length).toBeGreaterThanOrEqual(7)
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0)).every((gap) => gap >= 1_000)).toBe(true)
  })

  it('says goodbye once and nothing after it', () => {
    expect(play([[0, { kind: 'start' }], [5, { kind: 'leave' }], [6, { kind: 'leave' }], [7, { kind: 'load-changed' }], [8, { kind: 'newcomer', delayMs: 1, spreadMs: 0, known: false }]], 60_000)).toEqual(['0 announce', '0 availability', '5 leave'])
  })
})
