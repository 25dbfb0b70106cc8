import { describe, expect, it } from 'vitest'
import type { Oid } from '../core/mod.ts'
import { RECHECKS_MAX, begin, step } from './life.ts'
import type { LifeInput, LifeState } from './life.ts'

const tip = 'a'.repeat(40) as Oid
const won: LifeInput = { kind: 'claim-won', deliveredBefore: false }
const verified: LifeInput = { kind: 'verified' }
const same: LifeInput = { kind: 'task-read', verdict: 'same' }

/** Feeds the inputs in order and tells where the life stands and what it asked for, as one line per step. */
const play = (inputs: readonly LifeInput[], from: LifeState = begin()): readonly string[] => {
  let state = from
  return inputs.map((input) => {
    const next = step(state, input)
    state = next.state
    const asked = next.effects.map((effect) => effect.kind === 'let-go' ? `let-go:${effect.how.kind}${effect.countsAsAttempt ? '+1' : ''}`
      : effect.kind === 'end' ? `end:${effect.how.kind}` : effect.kind)
    return `${state.at}${asked.length > 0 ? ` <${asked.join(' ')}>` : ''}`
  })
}
const last = (inputs: readonly LifeInput[]): string | undefined => play(inputs).at(-1)

describe('the life of a task', () => {
  it('waits for the provider as its settings say, the last wait for all that follow', () => {
    let state = begin([10, 20])
    const waits: number[] = []
    for (const input of [{ kind: 'due' }, { kind: 'claim-won', deliveredBefore: true }, ...Array.from({ length: 3 }, () => ({ kind: 'provider-failed', reason: 'away' }))] as LifeInput[]) {
      const next = step(state, input)
      state = next.state
      for (const effect of next.effects) if (effect.kind === 'complete') waits.push(effect.afterMs)
    }
    expect(waits).toEqual([0, 10, 20, 20])
  })

  it('goes from due to completed only through provider and claim', () => {
    expect(play([{ kind: 'due' }, won, verified, same, { kind: 'delivered' }, { kind: 'provider-confirmed' }, { kind: 'finished' }])).toEqual([
      'claiming <acquire>', 'working <tell-claimed attempt>', 'reading <read-task>', 'delivering <deliver>',
      'completing <complete>', 'finishing <finish>', 'ended <end:completed>',
    ])
  })

  it('steps aside while it waits when another node was heard to claim', () => {
    expect(play([{ kind: 'seen-elsewhere' }])).toEqual(['ended <end:outrun>'])
  })

  it('finishes only the provider part of what another node delivered', () => {
    expect(play([{ kind: 'due' }, { kind: 'claim-won', deliveredBefore: true }, { kind: 'provider-confirmed' }])).toEqual([
      'claiming <acquire>', 'completing <tell-claimed complete>', 'finishing <finish>',
    ])
  })

  it.each([
    [{ kind: 'attempt-failed', reason: 'red', last: false }, 'letting-go <let-go:failed+1>'],
    [{ kind: 'attempt-failed', reason: 'red', last: true }, 'letting-go <let-go:escalated+1>'],
    [{ kind: 'attempt-parked', reason: 'protected path' }, 'letting-go <let-go:parked>'],
    [{ kind: 'attempt-unavailable', reason: 'no sandbox' }, 'letting-go <stop-attempt let-go:released>'],
    [{ kind: 'task-read', verdict: 'gone' }, 'letting-go <let-go:released>'],
  ] satisfies [LifeInput, string][])('gives the claim back when the attempt ends with %o', (input, expected) => {
    expect(last([{ kind: 'due' }, won, input])).toBe(expected)
    expect(last([{ kind: 'due' }, won, input, { kind: 'let-go' }])).toMatch(/^ended <end:/)
  })

  it('releases a task that was closed while it was worked on', () => {
    expect(last([{ kind: 'due' }, won, verified, { kind: 'task-read', verdict: 'gone' }])).toBe('letting-go <let-go:released>')
  })

  it('gives a changed text to the agent once, and releases it the second time', () => {
    const changed: LifeInput = { kind: 'task-read', verdict: 'changed' }
    expect(play([{ kind: 'due' }, won, verified, changed, verified, changed]).slice(3)).toEqual([
      'working <attempt>', 'reading <read-task>', 'letting-go <let-go:released>',
    ])
  })

  it('checks again on a moved branch, a bounded number of times', () => {
    const moved: LifeInput = { kind: 'delivery-refused', reason: 'main moved', moved: tip }
    const rounds = Array.from({ length: RECHECKS_MAX }, () => [moved, verified, same]).flat()
    expect(play([{ kind: 'due' }, won, verified, same, moved]).at(-1)).toBe('rechecking <recheck>')
    expect(last([{ kind: 'due' }, won, verified, same, ...rounds, moved])).toBe('delivering <deliver>')
  })

  it('puts what is verified on a branch of its own when the branch moves too often, seen before the push or by it', () => {
    const refused: LifeInput = { kind: 'delivery-refused', reason: 'main moved', moved: tip }
    const moved: LifeInput = { kind: 'branch-moved', moved: tip }
    const [first = moved, ...more] = Array.from({ length: RECHECKS_MAX }, () => [moved, verified]).flat()
    const way: readonly LifeInput[] = [{ kind: 'due' }, won, verified, first, ...more]
    const forReview = (inputs: readonly LifeInput[]): readonly boolean[] => {
      let state = begin()
      return inputs.flatMap((input) => {
        const next = step(state, input)
        state = next.state
        return next.effects.flatMap((effect) => effect.kind === 'deliver' || effect.kind === 'read-task' ? [effect.forReview] : [])
      })
    }
    expect(play(way).filter((line) => line === 'rechecking <recheck>')).toHaveLength(RECHECKS_MAX)
    expect(play([...way, moved, same]).slice(-2)).toEqual(['reading <read-task>', 'delivering <deliver>'])
    expect(forReview([...way, moved, same]).slice(-2)).toEqual([true, true])
    expect(forReview([...way, same, refused]).slice(-2)).toEqual([false, true])
    expect(last([...way, same, { kind: 'drain' }, refused])).toBe('letting-go <let-go:released>')
  })

  it('checks nothing again that waits for its turn when the node stops, or the claim is lost', () => {
    const moved: LifeInput = { kind: 'branch-moved', moved: tip }
    expect(play([{ kind: 'due' }, won, verified, { kind: 'drain' }, moved]).slice(-2)).toEqual(['letting-go <stop-attempt let-go:released>', 'letting-go'])
    expect(play([{ kind: 'due' }, won, verified, { kind: 'superseded', reason: 'next epoch' }, moved]).slice(-2)).toEqual(['ended <stop-attempt end:lost>', 'ended'])
  })

  it('gives a conflict to the agent once, then asks a person', () => {
    const moved: LifeInput = { kind: 'delivery-refused', reason: 'main moved', moved: tip }
    const conflict: LifeInput = { kind: 'conflict', reason: 'src/a.js' }
    expect(play([{ kind: 'due' }, won, verified, same, moved, conflict, verified, same, moved, conflict]).at(-1)).toBe('letting-go <let-go:escalated>')
  })

  it('tries the provider again until it confirms', () => {
    const failed: LifeInput = { kind: 'provider-failed', reason: '502' }
    let state = begin()
    for (const input of [{ kind: 'due' }, won, verified, same, { kind: 'delivered' }] satisfies LifeInput[]) state = step(state, input).state
    const delays: number[] = []
    for (let round = 0; round < 6; round++) {
      const next = step(state, failed)
      state = next.state
      for (const effect of next.effects) if (effect.kind === 'complete') delays.push(effect.afterMs)
    }
    expect(delays).toEqual([1_000, 5_000, 25_000, 60_000, 60_000, 60_000])
  })

  it.each(['due', 'won', 'verified', 'same', 'delivered', 'provider-confirmed'])('writes nothing more once superseded after %s', (upTo) => {
    const path: [string, LifeInput][] = [['due', { kind: 'due' }], ['won', won], ['verified', verified], ['same', same], ['delivered', { kind: 'delivered' }], ['provider-confirmed', { kind: 'provider-confirmed' }]]
    const inputs = path.slice(0, path.findIndex(([name]) => name === upTo) + 1).map(([, input]) => input)
    expect(last([...inputs, { kind: 'superseded', reason: 'next epoch' }])).toBe('ended <stop-attempt end:lost>')
    expect(last([...inputs, { kind: 'superseded', reason: 'next epoch' }, { kind: 'delivered' }])).toBe('ended')
  })

  it('checks nothing again and starts no attempt while the node stops', () => {
    expect(last([{ kind: 'due' }, won, verified, same, { kind: 'drain' }, { kind: 'delivery-refused', reason: 'main moved', moved: tip }])).toBe('letting-go <let-go:released>')
  })

  it('leaves what is delivered to others when it stops and the provider does not answer', () => {
    const failed: LifeInput = { kind: 'provider-failed', reason: '502' }
    expect(last([{ kind: 'due' }, won, verified, same, { kind: 'delivered' }, failed, { kind: 'drain' }])).toBe('completing')
    expect(last([{ kind: 'due' }, won, verified, same, { kind: 'delivered' }, { kind: 'drain' }, failed])).toBe('letting-go <let-go:released>')
  })

  it('gives work back on drain, but finishes what was delivered', () => {
    expect(last([{ kind: 'due' }, won, { kind: 'drain' }])).toBe('letting-go <stop-attempt let-go:released>')
    expect(last([{ kind: 'due' }, { kind: 'drain' }, won])).toBe('letting-go <let-go:released>')
    expect(last([{ kind: 'due' }, won, verified, same, { kind: 'drain' }])).toBe('delivering')
    expect(last([{ kind: 'due' }, won, verified, same, { kind: 'delivered' }, { kind: 'drain' }, { kind: 'provider-confirmed' }])).toBe('finishing <finish>')
  })
})
