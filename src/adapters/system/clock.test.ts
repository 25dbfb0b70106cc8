import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { SystemClock } from './clock.ts'

const scripted = (): { now: { awakeMs: number; bootMs: number | undefined }; clock: SystemClock } => {
  const now: { awakeMs: number; bootMs: number | undefined } = { awakeMs: 1_000, bootMs: 501_000 }
  return { now, clock: new SystemClock({ awakeMs: () => now.awakeMs, bootMs: () => now.bootMs, wallMs: () => 0 }) }
}

describe('SystemClock', () => {
  it('counts the time that the machine slept', () => {
    const { now, clock } = scripted()
    expect(clock.monotonicMs()).toBe(1_000)
    Object.assign(now, { awakeMs: 1_010, bootMs: 501_010 + 90_000 })
    expect(clock.monotonicMs()).toBe(91_010)
    Object.assign(now, { awakeMs: 1_020, bootMs: 501_020 + 90_000 })
    expect(clock.monotonicMs()).toBe(91_020)
  })

  it('does not take the coarse uptime for sleep, however often it is read', () => {
    const { now, clock } = scripted()
    for (let step = 1; step <= 1_000; step += 1) {
      Object.assign(now, { awakeMs: 1_000 + step, bootMs: 501_000 + Math.floor(step / 10) * 10 })
      expect(clock.monotonicMs()).toBe(1_000 + step)
    }
  })

  it('never falls back when the uptime is set back, and counts sleep after that', () => {
    const { now, clock } = scripted()
    now.bootMs = 2_000
    expect(clock.monotonicMs()).toBe(1_000)
    now.bootMs = 62_000
    expect(clock.monotonicMs()).toBe(61_000)
  })

  it('goes on where there is no uptime', () => {
    const clock = new SystemClock({ awakeMs: () => 7, bootMs: () => undefined, wallMs: () => 0 })
    expect(clock.monotonicMs()).toBe(7)
  })

  it('rises on this machine and does not drift from the awake time without sleep', () => {
    const clock = new SystemClock()
    const first = clock.monotonicMs()
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first)
    expect(Math.abs(first - performance.now())).toBeLessThan(1_000)
    expect(clock.wallMs()).toBeGreaterThan(1_700_000_000_000)
  })

  it('arm() calls back once and not early, and not at all when taken back', async () => {
    const clock = new SystemClock()
    const startMs = performance.now()
    let taken = 0
    const takeBack = clock.arm(1, () => { taken += 1 })
    takeBack()
    takeBack()
    await new Promise<void>((resolve) => { clock.arm(20, resolve) })
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(20)
    expect(taken).toBe(0)
  })

  it('arm() waits longer than one system timer can', async () => {
    const clock = new SystemClock()
    let early = false
    const takeBack = clock.arm(2 ** 40, () => { early = true })
    await clock.delay(5)
    takeBack()
    expect(early).toBe(false)
  })

  it('delay() leaves no listener behind, and ends with the reason when aborted', async () => {
    const clock = new SystemClock()
    const controller = new AbortController()
    await clock.delay(1, { signal: controller.signal })
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    const waiting = clock.delay(60_000, { signal: controller.signal })
    const reason = new Error('drained')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(clock.delay(1, { signal: controller.signal })).rejects.toBe(reason)
  })
})
