import { describe, expect, it } from 'vitest'
import { Chance } from './chance.ts'
import { SimDisk, SimLogStore } from './disk.ts'
import { MachineClock, SimProcess } from './process.ts'
import { Scheduler } from './scheduler.ts'

describe('the log on a simulated disk', () => {
  it('answers in the order of the calls, however long each write takes', async () => {
    const scheduler = new Scheduler()
    const process = new SimProcess('n1/1', scheduler, new MachineClock(scheduler, { rate: 1, wallMs: 0 }))
    const store = new SimLogStore({
      disk: new SimDisk(new Uint8Array(32)), process, chance: new Chance('disk'), profile: { latency: { p50: 100, p99: 5_000 } }, landed: () => undefined, onWay: () => undefined,
    })
    const answered: number[] = []
    for (let entry = 0; entry < 50; entry += 1) void store.append(new Uint8Array([entry])).then((index) => { answered.push(index) })
    await scheduler.run(100_000)
    expect(answered).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })
})
