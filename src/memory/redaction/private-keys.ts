import type { TextRange } from './text-range.ts'

const HEADER = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g
const FOOTER = /-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g
/** What a key's body is made of, line breaks as such or escaped, armour headers included. */
const BODY = /[A-Za-z0-9+/=\s\\:,."'-]{0,16384}/y
const KEY_CHARACTERS_MAX = 16_384

/**
 * PEM private keys (RFC 7468), whole or cut off. A footer far away belongs to another key; without one, everything
 * that can be a key's body goes. Written by hand, since one expression for it takes quadratic time on hostile text.
 */
export function* privateKeys(text: string): Iterable<TextRange> {
  const footers = [...text.matchAll(FOOTER)].map((match) => match.index + match[0].length)
  let next = 0
  let covered = 0
  for (const match of text.matchAll(HEADER)) {
    const start = match.index
    if (start < covered) continue
    const bodyStart = start + match[0].length
    while ((footers[next] ?? Infinity) < bodyStart) next += 1
    const footer = footers[next]
    let end: number
    if (footer !== undefined && footer - start <= KEY_CHARACTERS_MAX) {
      end = footer
    } else {
      BODY.lastIndex = bodyStart
      end = bodyStart + (BODY.exec(text)?.[0].length ?? 0)
    }
    covered = end
    yield { start, end }
  }
}

/** Where a private key starts that has no end yet; undefined when there is none. */
export const openPrivateKey = (text: string): number | undefined => {
  const start = text.lastIndexOf('-----BEGIN')
  if (start < 0 || text.length - start > KEY_CHARACTERS_MAX || text.indexOf('-----END', start) >= 0) return undefined
  return start
}
