import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable } from '../src/table.js'

test('formatTable aligns text to the left', () => {
  assert.equal(formatTable(['name', 'role'], [['ada', 'analyst'], ['grace', 'admiral']]), [
    'name   role',
    '-----  -------',
    'ada    analyst',
    'grace  admiral',
  ].join('\n'))
})

test('formatTable aligns numbers to the right', () => {
  assert.equal(formatTable(['file', 'bytes'], [['a', 7], ['b', 1200]]), [
    'file  bytes',
    '----  -----',
    'a         7',
    'b      1200',
  ].join('\n'))
})

test('formatTable treats a column with one text as text', () => {
  assert.equal(formatTable(['n'], [[12345], ['-']]), 'n\n-----\n12345\n-')
})

test('formatTable fills what is missing', () => {
  assert.equal(formatTable(['a', 'b'], [['x'], [null, 'y']]), 'a  b\n-  -\nx\n   y')
})

test('formatTable takes another gap, and no rows', () => {
  assert.equal(formatTable(['a', 'b'], [], { gap: 1 }), 'a b\n- -')
  assert.equal(formatTable(['abc', 'n'], [], { gap: 1 }), 'abc n\n--- -')
})
