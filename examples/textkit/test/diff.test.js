import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffLines } from '../src/diff.js'

test('diffLines keeps equal lines', () => {
  assert.deepEqual(diffLines('a\nb\n', 'a\nb'), [' a', ' b'])
  assert.deepEqual(diffLines('', ''), [])
})

test('diffLines shows what was added to and removed from an empty text', () => {
  assert.deepEqual(diffLines('', 'a\nb\n'), ['+a', '+b'])
  assert.deepEqual(diffLines('a\nb\n', ''), ['-a', '-b'])
})

test('diffLines removes before it adds', () => {
  assert.deepEqual(diffLines('a\nx\nc\n', 'a\ny\nc\n'), [' a', '-x', '+y', ' c'])
})

test('diffLines keeps as much as it can', () => {
  assert.deepEqual(diffLines('a\nb\nc\nd\n', 'b\nc\nd\ne\n'), ['-a', ' b', ' c', ' d', '+e'])
  assert.deepEqual(diffLines('x\nb\n', 'b\nb2\nx2\n'), ['-x', ' b', '+b2', '+x2'])
  assert.deepEqual(diffLines('b\nc\n', 'a\nb\nc\n'), ['+a', ' b', ' c'])
})
