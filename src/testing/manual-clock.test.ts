import { expect, test } from 'vitest'
import { ManualClock } from './manual-clock.ts'
import { SeededEntropy } from './seeded-entropy.ts'

test('advance() runs what falls due in order, each at its own time, with what it sets in motion', async () => {
  const clock = new ManualClock({ monotonicMs: 0 })
  const seen: string[] = []
  clock.arm(30, () => { seen.push(`c ${clock.monotonicMs()}`) })
  clock.arm(10, () => { seen.push(`a ${clock.monotonicMs()}`); clock.arm(10, () => { seen.push(`b ${clock.monotonicMs()}`) }) })
  clock.arm(31, () => { seen.push('late') })
  await clock.advance(30)
  expect(seen).toEqual(['a 10', 'b 20', 'c 30'])
  expect(clock.armed).toBe(1)
})

test('a taken back callback does not run, and an aborted delay rejects', async () => {
  const clock = new ManualClock()
  const seen: string[] = []
  clock.arm(1, () => { seen.push('no') })()
  const abort = new AbortController()
  const delay = clock.delay(5, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(delay).rejects.toThrow('enough')
  await clock.advance(10)
  expect(seen).toEqual([])
  expect(clock.armed).toBe(0)
})

test('jump() passes the time at once: what fell due runs late', async () => {
  const clock = new ManualClock({ monotonicMs: 0 })
  const seen: number[] = []
  clock.arm(10, () => { seen.push(clock.monotonicMs()) })
  await clock.jump(1_000)
  expect(seen).toEqual([1_000])
})

test('drive() advances until the promise settles, and gives up in time', async () => {
  const clock = new ManualClock()
  expect(await clock.drive(clock.delay(1_000).then(() => 'done'))).toBe('done')
  await expect(clock.drive(new Promise(() => undefined), { withinMs: 100 })).rejects.toThrow('not settled')
})

test('seeded chance repeats, and forks do not move each other', () => {
  const draws = (): unknown[] => {
    const entropy = new SeededEntropy(7)
    const fork = entropy.fork('a')
    return [entropy.integer(1_000), fork.uuid(), entropy.fraction(), Buffer.from(fork.bytes(40)).toString('hex')]
  }
  expect(draws()).toEqual(draws())
  const alone = new SeededEntropy(7).fork('a').uuid()
  expect(alone).toBe(draws()[1])
  expect(alone).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
