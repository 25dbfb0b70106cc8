import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, parseDuration } from '../src/duration.js'

test('parseDuration reads single units', () => {
  assert.equal(parseDuration('90s'), 90_000)
  assert.equal(parseDuration('250ms'), 250)
  assert.equal(parseDuration('1.5h'), 5_400_000)
})

test('parseDuration adds several units', () => {
  assert.equal(parseDuration('1h 30m'), 5_400_000)
  assert.equal(parseDuration('2d 1s'), 172_801_000)
})

test('parseDuration refuses what is no duration', () => {
  assert.throws(() => parseDuration('soon'), RangeError)
  assert.throws(() => parseDuration('10'), RangeError)
  assert.throws(() => parseDuration('1h 2h'), RangeError)
})

test('formatDuration shows the two largest units', () => {
  assert.equal(formatDuration(5_430_000), '1h 30m')
  assert.equal(formatDuration(90_500), '1m 30s')
  assert.equal(formatDuration(172_801_000, 3), '2d 1s')
})

test('formatDuration uses the larger unit when it fits exactly', () => {
  assert.equal(formatDuration(1_000), '1s')
  assert.equal(formatDuration(60_000), '1m')
  assert.equal(formatDuration(86_400_000), '1d')
})

test('formatDuration keeps whole numbers of units', () => {
  assert.equal(formatDuration(59_999, 1), '59s')
  assert.equal(formatDuration(999), '999ms')
})

test('formatDuration shows nothing as 0ms, and refuses less than nothing', () => {
  assert.equal(formatDuration(0), '0ms')
  assert.throws(() => formatDuration(-1), RangeError)
})
