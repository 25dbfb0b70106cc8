import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runLimited } from '../src/queue.js'

/** Jobs that count how many of them run at once. */
function counted(count) {
  const seen = { now: 0, most: 0, started: 0 }
  const jobs = Array.from({ length: count }, (_, index) => async () => {
    seen.now += 1
    seen.started += 1
    seen.most = Math.max(seen.most, seen.now)
    await new Promise((resolve) => setImmediate(resolve))
    seen.now -= 1
    return index
  })
  return { jobs, seen }
}

test('runLimited gives the results in the order of the jobs', async () => {
  const { jobs } = counted(5)
  assert.deepEqual(await runLimited(jobs, 2), [0, 1, 2, 3, 4])
})

test('runLimited never runs more than the limit', async () => {
  for (const limit of [1, 3]) {
    const { jobs, seen } = counted(8)
    await runLimited(jobs, limit)
    assert.equal(seen.most, limit)
    assert.equal(seen.started, 8)
  }
})

test('runLimited has nothing to do for no jobs', async () => {
  assert.deepEqual(await runLimited([], 3), [])
})

test('runLimited rejects with the first failure and starts nothing more', async () => {
  const started = []
  const jobs = [0, 1, 2, 3, 4, 5].map((index) => async () => {
    started.push(index)
    if (index === 1) throw new Error('job 1 failed')
    await new Promise((resolve) => setImmediate(resolve))
  })
  await assert.rejects(runLimited(jobs, 2), /job 1 failed/)
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(started.length < jobs.length)
})

test('runLimited refuses a limit that is none', () => {
  assert.throws(() => runLimited([], 0), RangeError)
  assert.throws(() => runLimited([], 1.5), RangeError)
})
