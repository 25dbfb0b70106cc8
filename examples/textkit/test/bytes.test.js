import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, groupThousands } from '../src/bytes.js'

test('formatBytes counts bytes one by one', () => {
  assert.equal(formatBytes(0), '0 B')
  assert.equal(formatBytes(1023), '1023 B')
})

test('formatBytes shows one decimal', () => {
  assert.equal(formatBytes(1536), '1.5 KiB')
  assert.equal(formatBytes(5_347_738), '5.1 MiB')
  assert.equal(formatBytes(1_288_490_189), '1.2 GiB')
})

test('formatBytes shows no decimal that is zero', () => {
  assert.equal(formatBytes(1024), '1 KiB')
  assert.equal(formatBytes(20 * 1024 ** 2), '20 MiB')
})

test('formatBytes stays at the largest unit', () => {
  assert.equal(formatBytes(5000 * 1024 ** 4), '5000 TiB')
  assert.throws(() => formatBytes(-1), RangeError)
})

test('groupThousands groups whole digits only', () => {
  assert.equal(groupThousands(1234567), '1,234,567')
  assert.equal(groupThousands(-1000.12345), '-1,000.12345')
  assert.equal(groupThousands(999), '999')
  assert.equal(groupThousands(1000, ' '), '1 000')
})
