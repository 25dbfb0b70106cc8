import { describe, expect, test } from 'vitest'
import { epoch, sha256 } from '../../core/mod.ts'
import type { Oid, SessionId } from '../../core/mod.ts'
import { benchKey } from '../../testing/claims-bench.ts'
import { SeededEntropy } from '../../testing/seeded-entropy.ts'
import { SeededSigner } from '../../testing/seeded-signer.ts'
import { claimable } from './judgement.ts'
import { claimNames } from './leaf.ts'
import { newLease } from './lease.ts'
import type { Lease } from './lease.ts'
import { stepLease } from './machine.ts'
import type { LeaseEffect, LeaseInput } from './machine.ts'
import type { ClaimRecord } from './record.ts'
import { claimTimes } from './settings.ts'

const key = benchKey(7)
const self = { node: new SeededSigner('me').node, session: new SeededEntropy('me').uuid() as SessionId }
const other = { node: new SeededSigner('other').node, session: new SeededEntropy('other').uuid() as SessionId }
const oidOf = (name: string): Oid => sha256(name).slice(0, 40) as Oid
const record = (over: Partial<ClaimRecord> = {}): ClaimRecord => ({
  version: 1, key, ...self, epoch: epoch(1), epochBase: 0, attempt: 0, state: 'held', leaseMs: 90_000, nonce: new SeededEntropy(2).uuid(), parent: null, atSeconds: 1, ...over,
})

/** One line per effect, as short as can be read. */
const shown = (effect: LeaseEffect): string => {
  switch (effect.kind) {
    case 'write': return `write ${effect.draft.state} ${effect.draft.epoch}/${effect.draft.attempt}`
    case 'refuse': return `refuse: ${effect.reason}`
    case 'abort': return `abort ${effect.reason}`
    case 'settle': return `settle ${effect.outcome}`
    case 'emit': return effect.event.kind
    case 'renew': case 'yield': return effect.kind
  }
}

/** Plays `[at second, input, what comes of it]` and gives the last state. */
const play = (script: readonly (readonly [number, LeaseInput, readonly string[]])[]): Lease => {
  let lease = newLease(key, claimNames().claim(key), { self, times: claimTimes() })
  for (const [index, [seconds, input, expected]] of script.entries()) {
    const step = stepLease(lease, input, seconds * 1_000)
    expect(step.effects.map(shown), `line ${index + 1}: ${input.kind} at ${seconds} s`).toEqual(expected)
    lease = step.state
  }
  return lease
}

const acquire: LeaseInput = { kind: 'want', move: { kind: 'acquire', endedEpoch: 0, unreachable: { witnesses: 0, others: 0 } } }
const want = (kind: 'renew' | 'finish'): LeaseInput => ({ kind: 'want', move: { kind } })
const absent: LeaseInput = { kind: 'read', tip: null, awaited: false }
const sent = (name: string, over: Partial<ClaimRecord> = {}): LeaseInput => ({ kind: 'sent', oid: oidOf(name), record: record(over), taken: over.parent === undefined ? 'first' : undefined })
const landed = (name: string, seconds: number): LeaseInput => ({ kind: 'landed', oid: oidOf(name), sentMs: seconds * 1_000 })
const read = (name: string, over: Partial<ClaimRecord> = {}, options: { passed?: string[]; awaited?: boolean } = {}): LeaseInput =>
  ({ kind: 'read', tip: { oid: oidOf(name), record: record(over), passed: (options.passed ?? [name]).map(oidOf) }, awaited: options.awaited ?? false })
const tick = (jumped = false): LeaseInput => ({ kind: 'tick', jumped })
const held = [[0, absent, []], [0, acquire, ['write held 1/0']], [0, sent('one'), []], [1, landed('one', 0), ['settle happened', 'claim_won']]] as const

describe('the lease machine', () => {
  test('claims, renews when due, and fences itself at two thirds', () => {
    const lease = play([
      ...held,
      [29, tick(), []],
      [30, tick(), ['renew']],
      [30, want('renew'), ['write held 1/0']],
      [30, sent('two', { parent: oidOf('one') }), []],
      [40, landed('two', 30), []],
      [60, tick(), ['renew']],
      [89, tick(), ['renew']],
      [90, tick(), ['abort unrenewed', 'claim_unrenewed']],
      [91, tick(), []],
      [91, want('renew'), ['refuse: the claim was not renewed in time']],
      [91, { kind: 'want', move: { kind: 'release', reason: 'stopped', countsAsAttempt: false } }, ['write released 1/0']],
    ])
    expect(lease.holding?.standing).toBe('fenced')
  })

  test('a confirmation that comes after the fence does not lift it', () => {
    const lease = play([
      ...held, [30, sent('two', { parent: oidOf('one') }), []], [60, tick(), ['abort unrenewed', 'claim_unrenewed']], [61, landed('two', 30), []],
    ])
    expect(lease.holding?.standing).toBe('fenced')
    expect(lease.seen).toMatchObject({ oid: oidOf('two') })
  })

  test('after a jump of the clock it renews first, and fences when the grace is over', () => {
    play([...held, [500, tick(true), ['renew']], [505, tick(), ['renew']], [513, tick(), ['renew']], [515, tick(), ['abort unrenewed', 'claim_unrenewed']]])
    play([...held, [500, tick(true), ['renew']], [501, sent('two', { parent: oidOf('one') }), []], [502, landed('two', 501), []], [520, tick(), []]])
  })

  test('its record as an ancestor of the tip was a win, and is superseded in the same breath', () => {
    const lease = play([
      [0, absent, []], [0, sent('one'), []],
      [5, read('two', { ...other, epoch: epoch(2), parent: oidOf('one') }, { passed: ['two', 'one'], awaited: true }), ['settle happened', 'claim_won', 'abort superseded', 'claim_superseded']],
    ])
    expect(lease).toMatchObject({ holding: undefined, pending: undefined, seen: { oid: oidOf('two') } })
  })

  test('a tip past its parent without it means that it never lands', () => {
    play([[0, absent, []], [0, sent('one'), []], [5, read('theirs', other), ['settle did not happen']], [5, acquire, ['refuse: another holds it']]])
  })

  test('what lands when nobody waits for it any more is yielded', () => {
    const lease = play([[0, absent, []], [0, sent('one'), []], [60, read('one'), ['settle happened', 'claim_landed_late', 'yield']]])
    expect(lease.holding?.standing).toBe('late')
  })

  test('an observer\'s clock starts with each tip that it sees', () => {
    const nobody = { witnesses: 0, others: 0 }
    const lease = play([[0, read('a', other), []], [80, read('b', { ...other, parent: oidOf('a') }), []], [100, read('b', { ...other, parent: oidOf('a') }), []]])
    expect(claimable(lease, 169_999, nobody).yes).toBe(false)
    expect(claimable(lease, 170_000, nobody)).toEqual({ yes: true, taken: 'expired' })
    expect(claimable(lease, 100_000, { witnesses: 2, others: 9 })).toEqual({ yes: true, taken: 'unreachable' })
  })

  test('the lease length that counts is the one in the record', () => {
    const lease = play([[0, read('a', { ...other, leaseMs: 900_000 }), []]])
    expect(claimable(lease, 899_999, { witnesses: 0, others: 0 }).yes).toBe(false)
    expect(claimable(lease, 900_000, { witnesses: 0, others: 0 }).yes).toBe(true)
  })

  test('junk at the tip ends a holding, is told once, and is over when a valid tip comes', () => {
    const junk: LeaseInput = { kind: 'junk', oid: oidOf('junk'), reason: 'no record', passing: false }
    play([
      ...held, [5, junk, ['abort superseded', 'claim_superseded', 'tip_quarantined']], [6, junk, []], [6, acquire, ['refuse: quarantined: no record']],
      [7, read('b', { ...other, epoch: epoch(2), parent: oidOf('one') }), []], [97, acquire, ['write held 3/0']],
    ])
  })

  test('a ref that is gone ends a holding', () => {
    play([...held, [5, absent, ['abort superseded', 'claim_superseded']], [5, want('finish'), ['refuse: there is no claim']]])
  })
})
