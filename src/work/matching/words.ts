import { BoundedMap } from '../../core/mod.ts'

/** The words of a text, lower case, in order: runs of letters and digits, with the marks that tell `C++` and `C#` from `C`. */
export const wordsOf = (text: string): readonly string[] => known(text).words

/** Equal but for case, spacing and punctuation. Two texts without any word are never the same. */
export const sameWords = (one: string, other: string): boolean => {
  const { words, line } = known(one)
  return words.length > 0 && line === known(other).line
}

/** True when the words of one are all among those of the other. */
export const sharesAllWords = (one: string, other: string): boolean => {
  const [a, b] = [known(one).distinct, known(other).distinct]
  const [few, many] = a.length <= b.length ? [a, b] : [b, a]
  return few.length > 0 && few.every((word) => many.includes(word))
}

interface Words {
  readonly words: readonly string[]
  readonly distinct: readonly string[]
  readonly line: string
}

/** Roles and expertise are few and asked for with every score. */
const read = new BoundedMap<string, Words>(2_000)
const CHARACTERS_KEPT_MAX = 200

const known = (text: string): Words => {
  const found = read.get(text)
  if (found !== undefined) return found
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+[+#]*/gu) ?? []
  const made = { words, distinct: [...new Set(words)], line: words.join(' ') }
  if (text.length <= CHARACTERS_KEPT_MAX) read.set(text, made)
  return made
}
