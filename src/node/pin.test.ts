import { describe, expect, it } from 'vitest'
import type { Oid } from '../core/mod.ts'
import type { SourceTree } from '../ports/mod.ts'
import { checkPin, formatPin, parsePin } from './pin.ts'

const tree = (text: string | undefined): SourceTree => ({
  refresh: () => Promise.resolve({ branch: 'main', tip: 'a'.repeat(40) as Oid }),
  read: () => Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text)),
  list: () => Promise.resolve([]),
  addedAtSeconds: () => Promise.resolve(undefined),
  hasTrailer: () => Promise.resolve(false),
})
const pin = { repository: 'abc-1', namespace: 'refs/chorus' }

describe('the pin', () => {
  it('reads back what it wrote', () => {
    expect(parsePin(formatPin(pin))).toEqual({ ok: true, value: pin })
  })
  it.each([
    ['', 'version undefined'], ['version: 2', 'version 2'], ['version: 1\nrepository: "a b"', 'repository'],
    ['version: 1\nrepository: a\nclaims: {store: postgres}', 'postgres'], ['version: 1\nrepository: a\nclaims: {store: git}', 'namespace'],
    ['version: &x 1\nrepository: *x', 'plain YAML'], ['{', 'YAML'],
  ])('refuses %j', (text, reason) => {
    const parsed = parsePin(text)
    expect(parsed.ok ? 'accepted' : parsed.reason).toContain(reason)
  })
  it('lets a node claim only where the repository pins the same', async () => {
    await expect(checkPin(tree(formatPin(pin)), { namespace: 'refs/chorus', known: undefined })).resolves.toEqual(pin)
    await expect(checkPin(tree(formatPin(pin)), { namespace: 'refs/other', known: undefined })).rejects.toMatchObject({ setting: 'claims.namespace' })
    await expect(checkPin(tree(formatPin(pin)), { namespace: 'refs/chorus', known: 'xyz' })).rejects.toMatchObject({ code: 'REPOSITORY_INVALID' })
    await expect(checkPin(tree(undefined), { namespace: 'refs/chorus', known: undefined })).rejects.toThrow(/chorus init/)
  })
})
