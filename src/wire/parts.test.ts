import { isoTime, parseIsoTime } from '../core/mod.ts'
import { describe, expect, it } from 'vitest'
import type { TaskKey } from '../core/mod.ts'
import { testSigner } from '../testing/gossip-kit.ts'
import { clip, clipLine, encodeJoinToken, isAddressedTo, parseJoinToken, taskThread, wireTaskNumber } from './mod.ts'
import { RateLimit } from './rate-limit.ts'
import { ReplayWindow } from './replay-window.ts'

describe('isAddressedTo()', () => {
  const me = { role: 'Database Specialist', expertise: ['PostgreSQL', 'Indexing'] }
  it.each([
    ['no address is for all', {}, true],
    ['empty lists are no address', { to_roles: [], required_expertise: [] }, true],
    ['my role', { to_roles: ['QA', ' database specialist'] }, true],
    ['another role', { to_roles: ['QA'] }, false],
    ['one expertise of several', { required_expertise: ['Go', 'postgresql'] }, true],
    ['no expertise', { required_expertise: ['Go'] }, false],
    ['my role without the expertise', { to_roles: ['Database Specialist'], required_expertise: ['Go'] }, false],
    ['my role with the expertise', { to_roles: ['Database Specialist'], required_expertise: ['Indexing'] }, true],
  ])('%s', (_, envelope, answer) => { expect(isAddressedTo(envelope, me)).toBe(answer) })
})

describe('a task thread', () => {
  it('is made of the whole key', () => {
    expect(taskThread('github:acme/shop#42' as TaskKey)).toBe('task-github:acme/shop#42')
  })
  it('writes task numbers as the seed does, when they are numbers', () => {
    expect(['42', '042', 'fix-login', '1e3', '99999999999999999999'].map(wireTaskNumber)).toEqual([42, '042', 'fix-login', '1e3', '99999999999999999999'])
  })
})

describe('instants', () => {
  it('are RFC 3339', () => {
    expect(isoTime(1_727_692_800_123.9)).toBe('2024-09-30T10:40:00.123Z')
    expect(parseIsoTime('2024-09-30T10:40:00.123456789Z')).toBe(1_727_692_800_123)
    expect(parseIsoTime('2024-09-30T12:40:00+02:00')).toBe(1_727_692_800_000)
    for (const text of ['', 'now', '2024-09-30', '2024-13-30T10:40:00Z', '1969-01-01T00:00:00Z', '2024-09-30T10:40:00', '+012024-09-30T10:40:00Z']) expect(parseIsoTime(text), text).toBeUndefined()
    for (const wallMs of [-1, NaN, Infinity, 1e18]) expect(() => isoTime(wallMs)).toThrow(RangeError)
  })
})

describe('clip()', () => {
  it('cuts between characters and keeps lines to one', () => {
    expect(clip('abcdef', 6)).toBe('abcdef')
    expect(clip('abcdefg', 6)).toBe('abcde…')
    expect(clip('abcd😀x', 6)).toBe('abcd…')
    expect(clip('\ud800', 6)).toBe('\ufffd')
    expect(clipLine('a\r\nb\u001b[0m', 10)).toBe('a b [0m')
  })
})

describe('the join token', () => {
  const peer = `/ip4/192.168.1.5/tcp/4101/p2p/${testSigner(1).node}`
  const token = { swarmKey: 'ab'.repeat(32), bootstrap: [peer] }
  it('comes back as it went', () => {
    const text = encodeJoinToken(token)
    expect(text).toMatch(/^chorus-1-[A-Za-z0-9_-]+$/)
    expect(parseJoinToken(` ${text}\n`)).toEqual(token)
    expect(parseJoinToken(encodeJoinToken({ ...token, bootstrap: [] })).bootstrap).toEqual([])
  })
  it('is refused when anything is wrong with it, without being repeated', () => {
    const text = encodeJoinToken(token)
    const make = (value: unknown): string => `chorus-1-${Buffer.from(JSON.stringify(value)).toString('base64url')}`
    const bad = ['', 'chorus-2-abc', 'chorus-1-', text.slice(0, -5), `${text.slice(0, 40)} ${text.slice(40)}`, make({ key: 'xyz', peers: [] }), make([]), make({ key: token.swarmKey }),
      make({ key: token.swarmKey, peers: Array.from({ length: 17 }, () => peer) }), make({ key: token.swarmKey, peers: ['rm -rf /'] }), `chorus-1-${'A'.repeat(9_000)}`]
    for (const broken of bad) {
      expect(() => parseJoinToken(broken), broken.slice(0, 40)).toThrow(/join token/)
      try { parseJoinToken(broken) } catch (thrown) { expect((thrown as Error).message).not.toContain('abab') }
    }
    expect(() => encodeJoinToken({ ...token, bootstrap: Array.from({ length: 17 }, () => peer) })).toThrow(/peers/)
    expect(() => encodeJoinToken({ ...token, swarmKey: 'short' })).toThrow(/key/)
  })
})

describe('the rate limit', () => {
  it('gives a burst, then a steady rate, to each key its own', () => {
    const limit = new RateLimit({ perSecond: 2, burst: 3, keysMax: 10 })
    const take = (key: string, nowMs: number) => limit.take(key, nowMs)
    expect([0, 0, 0, 0].map((nowMs) => take('a', nowMs))).toEqual([true, true, true, false])
    expect(take('b', 0)).toBe(true)
    expect([499, 500, 501].map((nowMs) => take('a', nowMs))).toEqual([false, true, false])
    expect([100_000, 100_000, 100_000, 100_000].map((nowMs) => take('a', nowMs))).toEqual([true, true, true, false])
  })
})

describe('the rate limit in a full house', () => {
  it('gives the place of whoever was quiet longest to a newcomer', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1, keysMax: 2 })
    expect([limit.take('a', 0), limit.take('b', 10), limit.take('a', 20), limit.take('c', 30)]).toEqual([true, true, false, true])
    // `b` was pushed out and comes back with a full bucket, in the place of `a`.
    expect([limit.take('b', 40), limit.take('c', 50), limit.take('a', 60)]).toEqual([true, false, true])
  })
})

describe('the replay window', () => {
  const times = (nowMs: number, untilMs: number) => ({ nowMs, untilMs })
  it('refuses what is new when it is full, and never forgets what could come again', () => {
    const window = new ReplayWindow({ idsMax: 3, idsPerAuthorMax: 2, authorsMax: 2 })
    expect(window.admit('a', '1', times(0, 5_000))).toBe('fresh')
    expect(window.admit('a', '2', times(0, 9_000))).toBe('fresh')
    expect(window.admit('a', '3', times(0, 9_000))).toBe('full')
    expect(window.admit('b', '1', times(0, 9_000))).toBe('fresh')
    expect(window.admit('b', '2', times(0, 9_000))).toBe('full')
    expect(window.admit('c', '1', times(0, 9_000))).toBe('full')
    expect(window.admit('a', '1', times(4_999, 9_999))).toBe('replayed')
    expect(window.admit('a', '3', times(5_000, 9_000))).toBe('fresh')
    expect(window.size).toBe(3)
    expect(window.admit('c', '1', times(20_000, 30_000))).toBe('fresh')
    expect(window.size).toBe(1)
  })

  it('lets go of what is expired though it is never full', () => {
    const window = new ReplayWindow({ idsMax: 1_000, idsPerAuthorMax: 1_000, authorsMax: 2 })
    for (let second = 0; second < 500; second += 1) {
      const nowMs = second * 1_000
      expect(window.admit('a', String(second), times(nowMs, nowMs + 10_000))).toBe('fresh')
      for (let back = Math.max(0, second - 9); back <= second; back += 1) expect(window.seen('a', String(back))).toBe(true)
      expect(window.size).toBeLessThanOrEqual(20)
    }
  })
})
