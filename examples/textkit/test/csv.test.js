import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCsv, parseCsv } from '../src/csv.js'

test('parseCsv reads plain rows, with either line end', () => {
  assert.deepEqual(parseCsv('a,b\nc,d\n'), [['a', 'b'], ['c', 'd']])
  assert.deepEqual(parseCsv('a,b\r\nc,d'), [['a', 'b'], ['c', 'd']])
  assert.deepEqual(parseCsv(''), [])
})

test('parseCsv keeps empty fields', () => {
  assert.deepEqual(parseCsv(',a,\n'), [['', 'a', '']])
})

test('parseCsv reads quoted fields', () => {
  assert.deepEqual(parseCsv('"a,b",c\n'), [['a,b', 'c']])
  assert.deepEqual(parseCsv('x,"two\nlines"\n'), [['x', 'two\nlines']])
})

test('parseCsv reads doubled quotes', () => {
  assert.deepEqual(parseCsv('"say ""hi""",b\n'), [['say "hi"', 'b']])
})

test('parseCsv refuses a quoted field that does not end', () => {
  assert.throws(() => parseCsv('"a,b\n'), SyntaxError)
})

test('formatCsv quotes only what must be quoted', () => {
  assert.equal(formatCsv([['a', 'b c'], ['d,e', 'say "hi"']]), 'a,b c\n"d,e","say ""hi"""\n')
})

test('both take another separator', () => {
  assert.deepEqual(parseCsv('a;b,c\n', { separator: ';' }), [['a', 'b,c']])
  assert.equal(formatCsv([['a', 'b;c']], { separator: ';' }), 'a;"b;c"\n')
})

test('what formatCsv writes, parseCsv reads', () => {
  const rows = [['plain', 'with, comma'], ['"quoted"', 'two\nlines']]
  assert.deepEqual(parseCsv(formatCsv(rows)), rows)
})
