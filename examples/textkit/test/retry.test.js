import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retry } from '../src/retry.js'

/** Fails so many times, then succeeds; the waits are written down instead of waited. */
function flaky(failures) {
  const calls = []
  const waits = []
  const attempt = async (number) => {
    calls.push(number)
    if (number <= failures) throw new Error(`failure ${number}`)
    return `success ${number}`
  }
  return { attempt, calls, waits, sleep: async (milliseconds) => { waits.push(milliseconds) } }
}

test('retry does not repeat what succeeds', async () => {
  const { attempt, calls, sleep } = flaky(0)
  assert.equal(await retry(attempt, { sleep }), 'success 1')
  assert.deepEqual(calls, [1])
})

test('retry waits twice as long each time', async () => {
  const { attempt, waits, sleep } = flaky(3)
  assert.equal(await retry(attempt, { attempts: 9, pause: 10, sleep }), 'success 4')
  assert.deepEqual(waits, [10, 20, 40])
})

test('retry uses its last attempt', async () => {
  const { attempt, calls, sleep } = flaky(2)
  assert.equal(await retry(attempt, { attempts: 3, sleep }), 'success 3')
  assert.deepEqual(calls, [1, 2, 3])
})

test('retry rejects with the last failure', async () => {
  const { attempt, waits, sleep } = flaky(9)
  await assert.rejects(retry(attempt, { attempts: 2, pause: '50ms', sleep }), /failure 2/)
  assert.deepEqual(waits, [50])
})

test('retry gives up at once when told to', async () => {
  const { attempt, calls, sleep } = flaky(9)
  await assert.rejects(retry(attempt, { attempts: 5, giveUp: (error) => error.message === 'failure 1', sleep }), /failure 1/)
  assert.deepEqual(calls, [1])
})

test('retry refuses no attempts', async () => {
  await assert.rejects(retry(async () => 1, { attempts: 0 }), RangeError)
})
