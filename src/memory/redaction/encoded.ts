import type { TextRange } from './text-range.ts'

const RUN = /[A-Za-z0-9+/_-]{32,65536}={0,2}/g
const RUNS_MAX = 256
const PRINTABLE = /^[\t\n\r\u0020-\u007e\u00a0-\u{10ffff}]+$/u

/**
 * Texts hidden in base64 or base64url runs. Digests and keys decode to binary and are left out here; at most 256 runs of
 * a text are decoded, so that a text made of them costs no more than a few times its length.
 */
export function* encodedTexts(text: string): Iterable<TextRange & { readonly decoded: string }> {
  let runs = 0
  for (const match of text.matchAll(RUN)) {
    runs += 1
    if (runs > RUNS_MAX) return
    const decoded = decode(match[0])
    if (decoded !== undefined) yield { start: match.index, end: match.index + match[0].length, decoded }
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })
const isControl = (byte: number): boolean => byte === 0x7f || (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)

const decode = (run: string): string | undefined => {
  if (/^[0-9a-f]+$/i.test(run)) return undefined
  const bytes = Buffer.from(run, 'base64')
  // A digest has one among its first bytes, which is cheaper to see than that it is no UTF-8.
  if (bytes.some(isControl)) return undefined
  try {
    const text = UTF8.decode(bytes)
    return PRINTABLE.test(text) ? text : undefined
  } catch {
    // Not UTF-8: no text is hidden in it.
    return undefined
  }
}
