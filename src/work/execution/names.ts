import type { FileChange } from '../../ports/mod.ts'

/** Control characters, what no screen shows or what reorders text there, and bytes that are no UTF-8 (read as U+FFFD, so that two names may look the same). */
export const UNUSUAL = /[\p{Cc}\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\uFFFD\\]/u
const UNSEEN = /[\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/gu

/** As JSON, which writes the older control characters as escapes, but not these. */
export const quoted = (path: string): string => JSON.stringify(path).replace(UNSEEN, (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * Added files by the other name in the tree that is one with theirs where case, or how a letter is composed, does not count:
 * a checkout there holds one of the two, and which is not ours to say.
 */
export const twinsOf = (changes: readonly FileChange[], tree: readonly string[]): ReadonlyMap<string, string> => {
  const names = new Map<string, string[]>()
  for (const path of tree) names.set(folded(path), [...names.get(folded(path)) ?? [], path])
  return new Map(changes.flatMap(({ kind, path }) => {
    const twin = kind === 'added' ? names.get(folded(path))?.find((other) => other !== path) : undefined
    return twin === undefined ? [] : [[path, twin] as const]
  }))
}

const folded = (path: string): string => path.normalize('NFC').toLowerCase()
