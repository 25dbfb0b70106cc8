import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../core/mod.ts'
import { SeededSigner } from '../../testing/seeded-signer.ts'
import { LENGTH_MS_MAX, openTurn, sealTurn } from './record.ts'
import type { TurnRecord } from './record.ts'

const signer = new SeededSigner('ada')
const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const record: TurnRecord = {
  version: 1, branch: 'main', node: signer.node, turn: uuid(1), leaf: '7-0123456789abcdef', lengthMs: 45_000, nonce: uuid(9), parent: null, atSeconds: 1_700_000_000,
}
const at = { branch: 'main', parent: null }
/** Signed as it is, whatever it is. */
const sealed = (value: object): string => `chorus-turn: x by x\n\n${canonicalJson({ ...value, signature: signer.sign(`chorus-turn/v1\n${canonicalJson(value)}`) })}`

describe('the record of a turn', () => {
  it('is read as it was written, also where it keeps CI quiet', () => {
    expect(openTurn(sealTurn(record, signer), at)).toEqual({ ok: true, value: record })
    expect(openTurn(sealTurn(record, signer, ' [skip ci]'), at)).toEqual({ ok: true, value: record })
    expect(openTurn(sealed(record), at).ok).toBe(true)
  })

  it.each<[string, object]>([
    ['an unknown field', { ...record, extra: 1 }],
    ['another version', { ...record, version: 2 }],
    ['another branch', { ...record, branch: 'other' }],
    ['another place in the chain', { ...record, parent: 'a'.repeat(40) }],
    ['a length of days', { ...record, lengthMs: LENGTH_MS_MAX + 1 }],
    ['no length', { ...record, lengthMs: 0 }],
    ['a length that is no number', { ...record, lengthMs: '45000' }],
    ['a leaf that is no name', { ...record, leaf: '../../main' }],
    ['no turn', { ...record, turn: '' }],
    ['no nonce', { ...record, nonce: 7 }],
    ['the name of another node', { ...record, node: new SeededSigner('eve').node }],
    ['the name of no node', { ...record, node: 'ada' }],
  ])('with %s is junk', (_what, value) => {
    expect(openTurn(sealed(value), at).ok).toBe(false)
  })

  it('is junk when a byte of it was changed, or it is no record at all', () => {
    const message = sealTurn(record, signer)
    for (const text of [message.replace('45000', '45001'), `${message}\n`, message.slice(1), '', 'x'.repeat(20_000), 'chorus-turn: \n\n[]', 'chorus-turn: \n\n{']) expect(openTurn(text, at).ok).toBe(false)
  })
})
