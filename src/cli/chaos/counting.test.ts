import { describe, expect, test } from 'vitest'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import { countEvidence, percentile } from './counting.ts'
import type { Evidence, Kill } from './counting.ts'
import type { Accepted, Chain, Push } from './evidence.ts'

const KEY = 'local:drill#1'
const REF = 'refs/chorus/claims/1-aaaaaaaaaaaaaaaa'
const RESULT = { commit: 'c'.repeat(40) }

type Step = Pick<ClaimRecord, 'node' | 'session' | 'epoch' | 'state'> & { readonly atMs: number; readonly result?: { readonly commit: string } }

const step = (who: string, epoch: number, state: ClaimRecord['state'], atMs: number, result?: { readonly commit: string }): Step =>
  ({ node: who as never, session: `session of ${who}` as never, epoch: epoch as never, state, atMs, ...result === undefined ? {} : { result } })
const oidOf = (index: number): string => String(index + 1).padStart(40, '0')

/** A chain of one task and the ledger that goes with it. */
const story = (steps: readonly Step[], more: Partial<Evidence> = {}): Evidence => {
  const links = steps.map((one, index) => ({
    oid: oidOf(index),
    record: { ...one, key: KEY, epochBase: 0, attempt: 0, parent: index === 0 ? null : oidOf(index - 1) } as unknown as ClaimRecord,
  }))
  const chain: Chain = { ref: REF, links }
  const ledger: readonly Accepted[] = steps.map(({ atMs }, index) => ({ atMs, from: '', to: oidOf(index), ref: REF }))
  return { tasks: [KEY], chains: [chain], ledger, pushes: [], kills: [], resultCommits: new Map([[KEY, [RESULT.commit]]]), refusedRecords: new Map(), ...more }
}

const finished = [step('a', 1, 'held', 100), step('a', 1, 'delivered', 200, RESULT), step('a', 1, 'done', 300, RESULT)]
const kill = (node: string, atMs: number): readonly Kill[] => [{ node, atMs }]

describe('countEvidence()', () => {
  test('a task that one node did is delivered once', () => {
    expect(countEvidence(story(finished))).toMatchObject({ tasks: 1, delivered: 1, lost: 0, duplicated: 0, reworked: 0, escalated: 0, reclaims: [], violations: [] })
  })

  test.each([
    ['nobody ever took it', [], []],
    ['its owner is gone', [step('a', 1, 'held', 100)], []],
    ['it was given back and nobody took it up', [step('a', 1, 'held', 100), step('a', 1, 'released', 200)], []],
    ['its claim says done, and its result is not in the repository', finished, ['d'.repeat(40)]],
    ['nobody finished what was delivered', finished.slice(0, 2), [RESULT.commit]],
  ] as const)('a task is lost when %s', (_why, steps, commits) => {
    expect(countEvidence(story(steps, { resultCommits: new Map([[KEY, commits]]) }))).toMatchObject({ delivered: 0, lost: 1 })
  })

  test('a task that waits for a person is not lost', () => {
    expect(countEvidence(story([step('a', 1, 'held', 100), step('a', 1, 'escalated', 200)], { resultCommits: new Map() }))).toMatchObject({ delivered: 0, lost: 0, escalated: 1 })
  })

  test('two results of one task are a duplicate, wherever they lie', () => {
    expect(countEvidence(story(finished, { resultCommits: new Map([[KEY, [RESULT.commit, 'd'.repeat(40)]]]) })).duplicated).toBe(1)
  })

  test('delivered in two epochs is a duplicate; finished by another is none', () => {
    const again = [...finished.slice(0, 2), step('b', 2, 'delivered', 250, RESULT), step('b', 2, 'done', 300, RESULT)]
    expect(countEvidence(story(again)).duplicated).toBe(0)
    const twice = [...finished.slice(0, 2), step('b', 2, 'held', 250), step('b', 2, 'delivered', 300, { commit: 'd'.repeat(40) })]
    expect(countEvidence(story(twice))).toMatchObject({ duplicated: 1 })
  })

  test('a step that the protocol forbids, and a record that was never accepted, are told', () => {
    const skipped = story([step('a', 1, 'held', 100), step('b', 3, 'held', 200)], { ledger: [{ atMs: 100, from: '', to: oidOf(0), ref: REF }] })
    expect(countEvidence(skipped).violations).toEqual([expect.stringContaining('epoch 2 expected'), expect.stringContaining('never accepted')])
  })
})

describe('kills of holders', () => {
  const takenOver = [step('a', 1, 'held', 100), step('b', 2, 'held', 900), step('b', 2, 'delivered', 1_000, RESULT), step('b', 2, 'done', 1_100, RESULT)]

  test('the time runs from the kill to the next accepted epoch, and says who took it', () => {
    expect(countEvidence(story(takenOver, { kills: kill('a', 400) }))).toMatchObject({ kills: 1, killsOfHolders: 1, reworked: 1, reclaims: [{ ms: 500, by: 'another' }] })
    const itself = [step('a', 1, 'held', 100), { ...step('a', 2, 'released', 700), session: 'next session of a' as never }]
    expect(countEvidence(story(itself, { kills: kill('a', 400) })).reclaims).toMatchObject([{ ms: 300, by: 'itself' }])
  })

  test('a renewal that still lands changes nothing, the end of the work does', () => {
    expect(countEvidence(story([step('a', 1, 'held', 100), step('a', 1, 'held', 405), step('b', 2, 'held', 900)], { kills: kill('a', 400) })).reclaims).toMatchObject([{ ms: 500 }])
    expect(countEvidence(story([finished[0]!, finished[1]!, { ...finished[2]!, atMs: 405 }], { kills: kill('a', 400) })).killsOfHolders).toBe(0)
  })

  test('who held nothing then is no holder', () => {
    for (const kills of [kill('b', 400), kill('a', 50), kill('a', 950)]) expect(countEvidence(story(takenOver, { kills })).killsOfHolders).toBe(0)
  })
})

describe('zombies', () => {
  const chain = [step('a', 1, 'held', 100), step('b', 2, 'held', 500)]
  const tried: Push = { node: 0, begunMs: 600, code: 1, updates: [{ ref: REF, from: oidOf(0), to: 'e'.repeat(40) }] }
  const record = (who: string, epoch: number): ReadonlyMap<string, ClaimRecord> => new Map([['e'.repeat(40), step(who, epoch, 'held', 0) as unknown as ClaimRecord]])
  const zombies = (push: Push, refusedRecords = record('a', 1)): number => countEvidence(story(chain, { pushes: [push], refusedRecords })).zombiesRefused

  test('a superseded holder that pushed and was refused is one, however often it tried', () => {
    expect(zombies(tried)).toBe(1)
    expect(countEvidence(story(chain, { pushes: [tried, { ...tried, begunMs: 700 }], refusedRecords: record('a', 1) })).zombiesRefused).toBe(1)
  })

  test.each([
    ['was not refused but got no answer', { ...tried, code: 128 }, undefined],
    ['never came to an end', { ...tried, code: undefined }, undefined],
    ['was begun before another took over', { ...tried, begunMs: 400 }, undefined],
    ['was of somebody who only lost a race', tried, record('c', 2)],
  ] as const)('a push that %s is none', (_why, push, records) => { expect(zombies(push, records)).toBe(0) })
})

describe('percentile()', () => {
  test.each([[[5], 0.5, 5], [[3, 1, 2], 0.5, 2], [[4, 3, 2, 1], 0.5, 2], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95, 10], [[1, 2], 0, 1]] as const)('of %j at %d is %d', (samples, share, value) => {
    expect(percentile(samples, share)).toBe(value)
  })

  test('of nothing is an error, never a number', () => { expect(() => percentile([], 0.5)).toThrow(RangeError) })
})
