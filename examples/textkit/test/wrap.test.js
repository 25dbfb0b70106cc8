import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wrapText } from '../src/wrap.js'

test('wrapText leaves short text alone', () => {
  assert.equal(wrapText('  one  two ', 20), 'one two')
})

test('wrapText breaks between words', () => {
  assert.equal(wrapText('the quick brown fox jumps', 12), 'the quick\nbrown fox\njumps')
})

test('wrapText fills a line to its last character', () => {
  assert.equal(wrapText('aaaa bbbb cccc', 9), 'aaaa bbbb\ncccc')
  assert.equal(wrapText('one two', 7), 'one two')
})

test('wrapText keeps paragraphs apart', () => {
  assert.equal(wrapText('one\ntwo\n\nthree', 20), 'one two\n\nthree')
})

test('wrapText does not cut a long word', () => {
  assert.equal(wrapText('a incomprehensibilities b', 8), 'a\nincomprehensibilities\nb')
})

test('wrapText indents every line', () => {
  assert.equal(wrapText('aa bb cc', 6, { indent: '> ' }), '> aa\n> bb\n> cc')
  assert.throws(() => wrapText('a', 2, { indent: '> ' }), RangeError)
})
