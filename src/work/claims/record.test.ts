import { describe, expect, test } from 'vitest'
import { canonicalJson, epoch, taskKey } from '../../core/mod.ts'
import type { Epoch, Oid, SessionId } from '../../core/mod.ts'
import { benchKey } from '../../testing/claims-bench.ts'
import { SeededEntropy } from '../../testing/seeded-entropy.ts'
import { SeededSigner } from '../../testing/seeded-signer.ts'
import { judgeChain } from './chain.ts'
import { claimNames, leafOf } from './leaf.ts'
import { openRecord, sealRecord } from './record.ts'
import type { ClaimRecord } from './record.ts'
import { transitionFault } from './transition.ts'

const signer = new SeededSigner('a')
const other = new SeededSigner('b')
const session = new SeededEntropy(1).uuid() as SessionId
const key = benchKey(42)
const oidOf = (digit: string): Oid => digit.repeat(40) as Oid

const record = (over: Partial<ClaimRecord> = {}): ClaimRecord => ({
  version: 1, key, node: signer.node, session, epoch: epoch(1), epochBase: 0, attempt: 0, state: 'held', leaseMs: 90_000,
  nonce: new SeededEntropy(2).uuid(), parent: null, atSeconds: 1_700_000_000, ...over,
})
const body = (fields: Record<string, unknown>): string => {
  const message = sealRecord(record(), signer)
  const [subject, text = ''] = message.split('\n\n')
  return `${subject}\n\n${canonicalJson({ ...JSON.parse(text) as object, ...fields })}`
}

describe('the leaf of a task', () => {
  test.each([
    ['42', /^42-[0-9a-f]{16}$/], ['fix_the-bug', /^fix_the-bug-[0-9a-f]{16}$/], ['v1.2', /^t-[0-9a-f]{16}$/], ['x'.repeat(33), /^t-[0-9a-f]{16}$/],
  ])('%s', (number, leaf) => {
    expect(leafOf(benchKey(number))).toMatch(leaf)
    expect(claimNames().claim(benchKey(number))).toBe(`refs/chorus/claims/${leafOf(benchKey(number))}`)
  })

  test('the same number in another repository is another leaf', () => {
    expect(leafOf(taskKey({ provider: 'github', repository: 'a/b', number: '42' }))).not.toBe(leafOf(key))
  })

  test('the namespace is configurable, and keeps CI quiet where it must be a branch', () => {
    const names = claimNames('refs/heads/chorus-claims')
    expect(names.claim(key)).toMatch(/^refs\/heads\/chorus-claims\/claims\/42-/)
    const message = sealRecord(record(), signer, names.mark)
    expect(message.split('\n')[0]).toMatch(/ \[skip ci\]$/)
    expect(openRecord(message).ok).toBe(true)
  })
})

describe('a record', () => {
  test('is read as it was written, with a subject for people', () => {
    const written = record({ state: 'delivered', result: { commit: 'x', n: [1, null] }, reason: 'é' })
    const message = sealRecord(written, signer)
    expect(message.split('\n')[0]).toBe(`chorus-claim ${leafOf(key)}: delivered by ${signer.node} (epoch 1)`)
    expect(openRecord(message)).toEqual({ ok: true, value: { record: written, leaf: leafOf(key) } })
  })

  test.each<[string, string, string]>([
    ['no record', 'hello', 'no claim record'],
    ['no body', 'chorus-claim x: held', 'no claim record'],
    ['huge', `chorus-claim x\n\n${'x'.repeat(17_000)}`, 'over 16384 bytes'],
    ['not JSON', 'chorus-claim x\n\n{', 'not JSON'],
    ['an array', 'chorus-claim x\n\n[]', 'not a JSON object'],
    ['white space in the JSON', sealRecord(record(), signer).replace('{"', '{ "'), 'canonical'],
    ['text after the record', `${sealRecord(record(), signer)}\n`, 'canonical'],
    ['another subject', sealRecord(record(), signer).replace('(epoch 1)', '(epoch 2)'), 'subject'],
    ['a changed field', body({ leaseMs: 90_001 }), 'signature'],
    ['a changed nonce', body({ nonce: new SeededEntropy(9).uuid() }), 'signature'],
    ['a signature of another key', sealRecord(record(), { node: signer.node, sign: (data) => other.sign(data) }), 'signature'],
    ['a signature of 5 characters', body({ signature: 'AAAAA' }), 'signature'],
    ['an unknown field', body({ extra: 1 }), '"extra"'],
    ['a field named __proto__', sealRecord(record(), signer).replace('{"atSeconds"', '{"__proto__":1,"atSeconds"'), '"__proto__"'],
    ['epoch 0', body({ epoch: 0 }), '"epoch"'],
    ['epoch 1.5', body({ epoch: 1.5 }), '"epoch"'],
    ['an endless lease', body({ leaseMs: 1e12 }), '"leaseMs"'],
    ['an unknown state', body({ state: 'stolen' }), '"state"'],
    ['a key that is no task key', body({ key: 'x' }), '"key"'],
    ['a node that is no key', body({ node: 'me' }), '"node"'],
    ['a parent that is no oid', body({ parent: 'HEAD' }), '"parent"'],
    ['a reason that is a novel', body({ reason: 'x'.repeat(501) }), '"reason"'],
    ['a result over 4 KiB', body({ result: 'x'.repeat(5_000) }), '"result"'],
    ['a missing session', sealRecord(record(), signer).replace(`"session":"${session}",`, ''), '"session"'],
    ['deep nesting', `chorus-claim x\n\n${'['.repeat(8_000)}${']'.repeat(8_000)}`, 'not'],
  ])('with %s is not read', (_, message, reason) => {
    const opened = openRecord(message)
    expect(opened).toMatchObject({ ok: false, reason: expect.stringContaining(reason) })
  })

  test('any flipped byte of it is noticed', () => {
    const bytes = Buffer.from(sealRecord(record(), signer))
    for (let at = 0; at < bytes.byteLength; at += 7) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(openRecord(changed.toString('utf8')).ok).toBe(false)
    }
  })
})

describe('a step of a chain', () => {
  const next = (over: Partial<ClaimRecord>): ClaimRecord => record({ parent: oidOf('a'), ...over })
  const two = { epoch: epoch(2) }
  const theirs = { node: other.node }
  test.each<[string, ClaimRecord | null, ClaimRecord, boolean]>([
    ['a first claim', null, record(), true],
    ['a first claim after an ended chain', null, record({ epoch: epoch(5), epochBase: 4 }), true],
    ['a first claim at a later epoch', null, record({ epoch: epoch(2) }), false],
    ['a first record that is delivered', null, record({ state: 'delivered', result: 1 }), false],
    ['a renewal', record(), next({}), true],
    ['a renewal by another node', record(), next(theirs), false],
    ['a renewal by another session', record(), next({ session: new SeededEntropy(3).uuid() as SessionId }), false],
    ['a renewal that counts an attempt', record(), next({ attempt: 1 }), false],
    ['a failed attempt', record(), next({ state: 'released', attempt: 1 }), true],
    ['two attempts at once', record(), next({ state: 'released', attempt: 2 }), false],
    ['a takeover', record(), next({ ...two, ...theirs }), true],
    ['a takeover that skips an epoch', record(), next({ epoch: epoch(3), ...theirs }), false],
    ['a takeover in an older epoch', record(two), next({ epoch: epoch(1), ...theirs }), false],
    ['a takeover that forgets attempts', record({ attempt: 2 }), next({ ...two, ...theirs }), false],
    ['a takeover that sets epochs aside', record(), next({ ...two, epochBase: 1, ...theirs }), false],
    ['a takeover that delivers at once', record(), next({ ...two, ...theirs, state: 'delivered', result: 1 }), false],
    ['another releasing it', record(), next({ ...two, ...theirs, state: 'released' }), false],
    ['its own node releasing it after a restart', record(), next({ ...two, state: 'released' }), true],
    ['delivery', record(), next({ state: 'delivered', result: { a: 1 } }), true],
    ['delivery of nothing', record(), next({ state: 'delivered' }), false],
    ['done without delivery', record(), next({ state: 'done' }), false],
    ['finishing', record({ state: 'delivered', result: 1 }), next({ state: 'done', result: 1 }), true],
    ['finishing with another result', record({ state: 'delivered', result: 1 }), next({ state: 'done', result: 2 }), false],
    ['finishing another\'s delivery without taking it over', record({ state: 'delivered', result: 1 }), next({ ...two, ...theirs, state: 'done', result: 1 }), false],
    ['taking over a delivery', record({ state: 'delivered', result: 1 }), next({ ...two, ...theirs, state: 'delivered', result: 1 }), true],
    ['working again on what is delivered', record({ state: 'delivered', result: 1 }), next({ ...two, ...theirs }), false],
    ['releasing what is delivered', record({ state: 'delivered', result: 1 }), next({ state: 'released' }), false],
    ['claiming what was released', record({ state: 'released' }), next({ ...two, ...theirs }), true],
    ['going on in a released epoch', record({ state: 'released' }), next({}), false],
    ['resuming what was parked', record({ state: 'parked' }), next({}), true],
    ['claiming what is done', record({ state: 'done', result: 1 }), next(two), false],
    ['claiming what is escalated', record({ state: 'escalated' }), next(two), false],
    ['a reset of what is escalated', record({ state: 'escalated', attempt: 3 }), next({ ...two, ...theirs, state: 'released', epochBase: 2 }), true],
    ['a reset of what is held', record(), next({ ...two, ...theirs, state: 'released', epochBase: 2 }), false],
    ['the tenth epoch', record({ epoch: epoch(9), state: 'released' }), next({ epoch: epoch(10) }), true],
    ['the eleventh epoch', record({ epoch: epoch(10), state: 'released' }), next({ epoch: epoch(11) }), false],
    ['handing the eleventh to people', record({ epoch: epoch(10) }), next({ epoch: epoch(11), ...theirs, state: 'escalated' }), true],
    ['handing the second to people by another', record(), next({ ...two, ...theirs, state: 'escalated' }), false],
    ['continuing an ended chain', record(), next({ epoch: epoch(7), epochBase: 6 }), true],
    ['continuing an ended chain later', record({ parent: oidOf('b') }), next({ epoch: epoch(7), epochBase: 6 }), false],
  ])('%s', (_, previous, step, allowed) => {
    const fault = transitionFault(previous, step)
    expect(fault === undefined).toBe(allowed)
    if (!allowed) expect(fault?.length).toBeGreaterThan(10)
  })
})

describe('a chain', () => {
  const commit = (id: Oid, parent: Oid | null, over: Partial<ClaimRecord> = {}) => ({ oid: id, parent, message: sealRecord(record({ parent, ...over }), signer) })
  const [a, b, c, d] = [oidOf('a'), oidOf('b'), oidOf('c'), oidOf('d')]
  const expected = { key, known: undefined, isMember: () => true }
  const at = (value: number): { epoch: Epoch } => ({ epoch: epoch(value) })

  test('that is well formed gives the record of its tip', () => {
    expect(judgeChain([commit(b, a), commit(a, null)], expected)).toMatchObject({ ok: true, value: { parent: a } })
  })

  test.each<[string, Parameters<typeof judgeChain>[0], Partial<Parameters<typeof judgeChain>[1]>, string]>([
    ['is of another task', [commit(a, null)], { key: benchKey(43) }, 'another task'],
    ['names another parent than the commit', [{ ...commit(b, a), parent: c }, commit(a, null)], {}, 'another parent'],
    ['hides a bad step under its tip', [commit(c, b, at(3)), commit(b, a, at(3)), commit(a, null)], {}, 'epoch 2 expected'],
    ['starts wrongly', [commit(a, null, at(2))], {}, 'first record'],
    ['is by no member', [commit(a, null)], { isMember: () => false }, 'no member'],
    ['was set back', [commit(a, null)], { known: { oid: b, record: record({ parent: a, ...at(2) }) } }, 'does not continue'],
    ['was replaced in the same epoch', [commit(d, null)], { known: { oid: a, record: record() } }, 'does not continue'],
    ['does not follow from what was known', [commit(b, a, at(5))], { known: { oid: a, record: record() } }, 'epoch 2 expected'],
  ])('that %s is refused', (_, commits, over, reason) => {
    expect(judgeChain(commits, { ...expected, ...over })).toMatchObject({ ok: false, reason: { reason: expect.stringContaining(reason) } })
  })

  test('that was pruned and made again at a later epoch is taken', () => {
    expect(judgeChain([commit(d, null, { ...at(4), epochBase: 3 })], { ...expected, known: { oid: b, record: record({ parent: a, ...at(3) }) } }).ok).toBe(true)
  })

  test('of a node that is no member yet is asked about again', () => {
    expect(judgeChain([commit(a, null)], { ...expected, isMember: () => false })).toMatchObject({ reason: { passing: true } })
  })
})
