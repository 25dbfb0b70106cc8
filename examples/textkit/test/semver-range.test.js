import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions, parseVersion, satisfies } from '../src/semver-range.js'

test('parseVersion reads numbers and prerelease', () => {
  assert.deepEqual(parseVersion('v1.20.3-beta.1'), { major: 1, minor: 20, patch: 3, prerelease: 'beta.1' })
  assert.throws(() => parseVersion('1.2'), RangeError)
})

test('compareVersions orders by major, then minor', () => {
  assert.ok(compareVersions('2.0.0', '1.9.9') > 0)
  assert.ok(compareVersions('1.2.0', '1.10.0') < 0)
  assert.equal(compareVersions('1.2.3', 'v1.2.3'), 0)
})

test('compareVersions orders by patch last', () => {
  assert.ok(compareVersions('1.2.3', '1.2.10') < 0)
  assert.ok(compareVersions('1.9.3', '1.9.1') > 0)
  assert.deepEqual(['1.5.7', '1.5.10', '1.5.1'].sort(compareVersions), ['1.5.1', '1.5.7', '1.5.10'])
})

test('compareVersions puts a prerelease before its release', () => {
  assert.ok(compareVersions('1.0.0-rc.1', '1.0.0') < 0)
  assert.ok(compareVersions('1.0.0', '1.0.0-rc.1') > 0)
  assert.ok(compareVersions('1.0.0-alpha', '1.0.0-beta') < 0)
})

test('satisfies knows comparisons and sets of them', () => {
  assert.equal(satisfies('1.4.0', '>=1.2.0 <2.0.0'), true)
  assert.equal(satisfies('2.0.0', '>=1.2.0 <2.0.0'), false)
  assert.equal(satisfies('1.0.0', '1.0.0'), true)
})

test('satisfies knows caret and tilde', () => {
  assert.equal(satisfies('1.9.0', '^1.2.0'), true)
  assert.equal(satisfies('0.3.0', '^0.2.0'), false)
  assert.equal(satisfies('1.3.0', '~1.2.0'), false)
})
