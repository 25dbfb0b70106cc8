import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LruCache } from '../src/lru.js'

test('LruCache keeps what fits', () => {
  const cache = new LruCache(2)
  cache.set('a', 1)
  cache.set('b', undefined)
  assert.equal(cache.get('a'), 1)
  assert.equal(cache.get('b'), undefined)
  assert.equal(cache.get('c'), undefined)
  assert.equal(cache.size, 2)
})

test('LruCache replaces a value without growing', () => {
  const cache = new LruCache(2)
  cache.set('a', 1)
  cache.set('a', 2)
  assert.equal(cache.get('a'), 2)
  assert.equal(cache.size, 1)
})

test('LruCache forgets the least recently used', () => {
  const cache = new LruCache(2)
  cache.set('a', 1)
  cache.set('b', 2)
  cache.get('a')
  cache.set('c', 3)
  assert.deepEqual(cache.keys(), ['a', 'c'])
  cache.set('d', 4)
  assert.deepEqual(cache.keys(), ['c', 'd'])
})

test('LruCache makes a value once', () => {
  const cache = new LruCache(2)
  let made = 0
  const make = (key) => { made += 1; return `${key}!` }
  assert.equal(cache.getOrMake('a', make), 'a!')
  assert.equal(cache.getOrMake('a', make), 'a!')
  assert.equal(made, 1)
})

test('LruCache refuses a limit that is none', () => {
  assert.throws(() => new LruCache(0), RangeError)
})
