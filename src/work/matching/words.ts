/** The words of a text, lower case, in order: runs of letters and digits, with the marks that tell `C++` and `C#` from `C`. */
export const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+[+#]*/gu) ?? []

/** Equal but for case, spacing and punctuation. Two texts without any word are never the same. */
export const sameWords = (one: string, other: string): boolean => {
  const words = wordsOf(one)
  return words.length > 0 && words.join(' ') === wordsOf(other).join(' ')
}

/** True when the words of one are all among those of the other. */
export const sharesAllWords = (one: string, other: string): boolean => {
  const [few, many] = [new Set(wordsOf(one)), new Set(wordsOf(other))].sort((a, b) => a.size - b.size)
  return few !== undefined && many !== undefined && few.size > 0 && [...few].every((word) => many.has(word))
}
