/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/**
 * JSON Canonicalization Scheme (RFC 8785): keys sorted by UTF-16 code units, ECMAScript number form, no white
 * space. Members whose value is undefined are left out, as JSON.stringify does. What two parties cannot agree on
 * (NaN, Infinity, BigInt, functions, lone surrogates, nesting over 64) is refused with a TypeError.
 */
export const canonicalJson = (value: unknown): string => write(value, 0)

const DEPTH_MAX = 64

const write = (value: unknown, depth: number): string => {
  if (depth > DEPTH_MAX) throw new TypeError(`canonical JSON is nested at most ${DEPTH_MAX} deep`)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no NaN and no Infinity')
    return JSON.stringify(value)
  }
  if (typeof value === 'string') return writeString(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`
  if (typeof value === 'object') {
    const record = value as Record<string, unknown>
    // One text that grows: everything that is signed or compared passes here.
    let members = ''
    for (const key of Object.keys(record).sort()) {
      const member = record[key]
      if (member !== undefined) members += `${members === '' ? '' : ','}${writeString(key)}:${write(member, depth + 1)}`
    }
    return `{${members}}`
  }
  throw new TypeError(`canonical JSON cannot carry a ${typeof value}`)
}

const writeString = (text: string): string => {
  if (!text.isWellFormed()) throw new TypeError('canonical JSON cannot carry a lone surrogate')
  return JSON.stringify(text)
}
