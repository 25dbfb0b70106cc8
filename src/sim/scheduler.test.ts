import { describe, expect, it } from 'vitest'
import { MachineClock, SimProcess } from './process.ts'
import { Scheduler } from './scheduler.ts'

const process = (scheduler: Scheduler, rate = 1): SimProcess => new SimProcess('ada/1', scheduler, new MachineClock(scheduler, { rate, wallMs: 1_000 }))

describe('virtual time', () => {
  it('does things in the order of their time, then of their planning, and settles each before the next', async () => {
    const scheduler = new Scheduler()
    const done: string[] = []
    const act = (name: string) => async (): Promise<void> => { await Promise.resolve(); await Promise.resolve(); done.push(`${name} at ${scheduler.nowMs}`) }
    for (const [name, atMs] of [['c', 20], ['a', 10], ['d', 20], ['b', 10]] as const) scheduler.after(atMs, () => { void act(name)() })
    await scheduler.run(100)
    expect(done).toEqual(['a at 10', 'b at 10', 'c at 20', 'd at 20'])
    expect(scheduler.nowMs).toBe(100)
  })

  it('keeps the order of a thousand things, and does not do what was taken back', async () => {
    const scheduler = new Scheduler()
    const done: number[] = []
    const plans = Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 5_003)
    const takeBack = plans.map((atMs) => scheduler.after(atMs, () => { done.push(atMs) }))
    for (const [index, take] of takeBack.entries()) if (index % 3 !== 0) take()
    expect(scheduler.waiting).toBe(1_667)
    await scheduler.run(10_000)
    expect(done).toEqual(plans.filter((_, index) => index % 3 === 0).sort((a, b) => a - b))
    expect(scheduler.waiting).toBe(0)
  })

  it('stops early when it is done', async () => {
    const scheduler = new Scheduler()
    let times = 0
    const again = (): void => { times += 1; scheduler.after(10, again) }
    again()
    await scheduler.run(1_000, () => times >= 5)
    expect([times, scheduler.nowMs]).toEqual([5, 40])
  })
})

describe('a process', () => {
  it('hears nothing any more once it is dead, while the world goes on', async () => {
    const scheduler = new Scheduler()
    const ada = process(scheduler)
    const heard: string[] = []
    let landed = false
    ada.arm(50, () => { heard.push('timer') })
    void ada.answer(50, () => { landed = true; return 'answer' }).then((text) => { heard.push(text) })
    await scheduler.run(10)
    ada.kill()
    await scheduler.run(100)
    expect([heard, landed]).toEqual([[], true])
  })

  it('hears what came while it was stopped when it goes on, in order, one after another', async () => {
    const scheduler = new Scheduler()
    const ada = process(scheduler)
    const heard: string[] = []
    const disarm = ada.arm(40, () => { heard.push('taken back') })
    ada.arm(20, () => { heard.push('first'); disarm() })
    void ada.answer(30, () => 'second').then((text) => { heard.push(`${text} at ${ada.monotonicMs()}`) })
    ada.pause()
    await scheduler.run(100)
    expect(heard).toEqual([])
    ada.resume()
    await scheduler.run(200)
    expect(heard).toEqual(['first', 'second at 100'])
    expect(ada.armed).toBe(0)
  })

  it('has clocks that run too fast, and a wall clock that can be set', async () => {
    const scheduler = new Scheduler()
    const machine = new MachineClock(scheduler, { rate: 1.5, wallMs: 10_000 })
    const ada = new SimProcess('ada/1', scheduler, machine)
    let firedMs = 0
    ada.arm(300, () => { firedMs = scheduler.nowMs })
    await scheduler.run(1_000)
    expect([firedMs, ada.monotonicMs(), ada.wallMs()]).toEqual([200, 1_500, 11_500])
    machine.setWall(-2_000)
    expect([ada.monotonicMs(), ada.wallMs()]).toEqual([1_500, 9_500])
  })

  it('gives up a wait when its signal fires, and leaves no timer', async () => {
    const scheduler = new Scheduler()
    const ada = process(scheduler)
    const stop = new AbortController()
    const waited = ada.delay(1_000, { signal: stop.signal }).then(() => 'over', () => 'given up')
    stop.abort(new Error('enough'))
    expect(await waited).toBe('given up')
    expect(ada.armed).toBe(0)
  })
})
