import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slugify, uniqueSlug } from '../src/slug.js'

test('slugify lowers letters and drops accents', () => {
  assert.equal(slugify('Übergröße'), 'ubergrosse')
  assert.equal(slugify('SMØRREBRØD'), 'smorrebrod')
})

test('slugify joins words with the separator', () => {
  assert.equal(slugify('Hello World'), 'hello-world')
  assert.equal(slugify('The quick, brown fox'), 'the-quick-brown-fox')
  assert.equal(slugify('Crème Brûlée: a recipe', { separator: '_' }), 'creme_brulee_a_recipe')
})

test('slugify trims what is left over', () => {
  assert.equal(slugify('?what'), 'what')
  assert.equal(slugify('...'), '')
})

test('uniqueSlug counts up', () => {
  const taken = new Set()
  assert.deepEqual(['Post', 'post', 'POST', '!!!'].map((title) => uniqueSlug(title, taken)), ['post', 'post-2', 'post-3', 'untitled'])
  assert.equal(taken.size, 4)
})
