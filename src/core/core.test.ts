import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedMap, ERROR_CODES, ChorusError, canonicalJson, epoch, gitObjectId, isNodeId, isoTime, messageOf, nodeIdOfKey, oid, parseIsoTime, parseTaskKey, privateKeyFromSeed, publicKeyBytes, publicKeyOfNode, refName, sha256, sign, taskKey, truncate, verify } from './mod.ts'
import type { NodeId } from './mod.ts'

const SEED = 7

describe('canonicalJson()', () => {
  it.each([
    // RFC 8785 §3.2.3: keys by UTF-16 code units.
    [{ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 }, '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}'],
    // RFC 8785 §3.2.2: numbers as ECMAScript writes them.
    [[333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, -0], '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]'],
    [{ a: undefined, b: null, c: [true, false, ''] }, '{"b":null,"c":[true,false,""]}'],
  ])('writes %j as the standard says', (value, text) => { expect(canonicalJson(value)).toBe(text) })

  it.each([Number.NaN, Infinity, 1n, () => 1, '\ud800', { '\udc00': 1 }, [undefined]])('refuses what two parties cannot agree on (%#)', (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  })

  it('refuses nesting without end', () => {
    let deep: unknown = 1
    for (let level = 0; level < 70; level += 1) deep = [deep]
    expect(() => canonicalJson(deep)).toThrow(/nested/)
  })

  it('is one text for one value, whatever the order of its keys', () => {
    fc.assert(fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse())
      expect(canonicalJson(turned)).toBe(canonicalJson(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }), { seed: SEED })
  })
})

describe('signatures', () => {
  // RFC 8032 §7.1, test 2.
  const key = privateKeyFromSeed(Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'))
  const node = nodeIdOfKey(publicKeyBytes(key))

  it('are those of RFC 8032', () => {
    expect(Buffer.from(publicKeyBytes(key)).toString('hex')).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
    expect(Buffer.from(sign(key, Uint8Array.of(0x72)), 'base64url').toString('hex'))
      .toBe('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00')
  })

  it('hold for the node that made them and the bytes that it signed, and for nothing else', () => {
    const signature = sign(key, 'text')
    const other = nodeIdOfKey(publicKeyBytes(privateKeyFromSeed(new Uint8Array(32).fill(9))))
    expect(verify(node, 'text', signature)).toBe(true)
    expect(verify(node, 'texT', signature)).toBe(false)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet[alphabet.indexOf(signature.at(-1) ?? '') ^ 1] ?? ''
    // The same 64 bytes, written otherwise.
    expect(Buffer.from(signature.slice(0, -1) + last, 'base64url').equals(Buffer.from(signature, 'base64url'))).toBe(true)
    expect(verify(node, 'text', signature.slice(0, -1) + last)).toBe(false)
    expect(verify(other, 'text', signature)).toBe(false)
    fc.assert(fc.property(fc.string({ maxLength: 120 }), fc.string({ maxLength: 60 }), (forged, name) => {
      expect(verify(node, 'text', forged)).toBe(forged === signature)
      expect(verify(name as NodeId, 'text', signature)).toBe(name === node)
    }), { seed: SEED })
  })

  it('have the public key in the node id', () => {
    expect(isNodeId(node)).toBe(true)
    expect(node).toMatch(/^12D3KooW/)
    // Twice, since ids are remembered: what a caller does to its copy is its own affair.
    publicKeyOfNode(node)?.fill(0)
    expect(publicKeyOfNode(node)).toEqual(publicKeyBytes(key))
    for (const wrong of ['', 'x', `${node}1`, node.slice(1), `${node.slice(0, -1)}0`]) expect(isNodeId(wrong)).toBe(false)
  })
})

describe('names', () => {
  it('of tasks are read back as they were made', () => {
    const address = { provider: 'local', repository: 'acme/shop', number: '12' }
    expect(parseTaskKey(taskKey(address))).toEqual(address)
  })
  it.each([{ provider: 'Local' }, { repository: 'a b' }, { repository: 'a#b' }, { number: '../1' }, { number: '' }])('of tasks refuse %j', (change) => {
    expect(() => taskKey({ provider: 'local', repository: 'r', number: '1', ...change })).toThrow(RangeError)
  })
  it.each(['refs', 'heads/main', 'refs/heads/a..b', 'refs/heads/a//b', 'refs/heads/x.lock', 'refs/heads/', 'refs/heads/a b', 'refs/heads/a\n'])('of refs refuse %j', (text) => {
    expect(() => refName(text)).toThrow(RangeError)
  })
  it('of objects and epochs are checked', () => {
    expect(() => oid('A'.repeat(40))).toThrow(RangeError)
    expect(() => epoch(0)).toThrow(RangeError)
    expect(() => epoch(1.5)).toThrow(RangeError)
  })
})

describe('small things', () => {
  it('digests are those of sha256sum and git', () => {
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(gitObjectId('tree', new Uint8Array())).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904')
  })
  it('a bounded map forgets what was set longest ago', () => {
    const map = new BoundedMap<string, number>(2)
    for (const [key, value] of [['a', 1], ['b', 2], ['a', 3], ['c', 4]] as const) map.set(key, value)
    expect([...map.entries()]).toEqual([['a', 3], ['c', 4]])
  })
  it('a cut text is whole characters, and says how much is missing', () => {
    expect(truncate('äöü', 10)).toBe('äöü')
    expect(truncate('äöü', 3)).toBe('ä… [3 bytes cut]')
  })
  it('instants are read back, and what is none is not', () => {
    expect(parseIsoTime(isoTime(1_700_000_000_123))).toBe(1_700_000_000_123)
    for (const text of ['', 'now', '2026-13-01T00:00:00Z', '2026-01-01', '1969-12-31T23:59:59Z']) expect(parseIsoTime(text)).toBeUndefined()
    expect(() => isoTime(-1)).toThrow(RangeError)
  })
  it('an error tells from its code whether it is worth another try, and its message is bounded', () => {
    for (const code of Object.keys(ERROR_CODES) as (keyof typeof ERROR_CODES)[]) expect(new ChorusError(code, 'x').retryable).toBe(ERROR_CODES[code].retryable)
    expect(messageOf(new Error('x'.repeat(1_000)))).toHaveLength(500)
    expect(messageOf('thrown text')).toBe('thrown text')
  })
})
