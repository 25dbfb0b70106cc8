export const PRIORITY_DEFAULT = 4

/**
 * Priority 0 to 10 of a task: what its author wrote in so many words (front matter), else the highest of its labels,
 * else the provider's own field, else 4. Numbers outside the range and unknown words count as not said.
 */
export const priorityOf = (said: {
  readonly stated?: number | string | undefined
  readonly labels: readonly string[]
  readonly field?: number | string | undefined
}): number => {
  const fromLabels = said.labels.map(priorityOfLabel).filter((value) => value !== undefined)
  return priorityOfWord(said.stated) ?? (fromLabels.length > 0 ? Math.max(...fromLabels) : undefined) ?? priorityOfWord(said.field) ?? PRIORITY_DEFAULT
}

/** `P0`, `priority:8`, `priority/high`, `priority::urgent`, `prio-3`; undefined for any other label. */
export const priorityOfLabel = (label: string): number | undefined => {
  const text = label.trim()
  if (/^p[0-3]$/i.test(text)) return priorityOfWord(text)
  const match = /^(?:priority|prio)\s*(?:::|[:/=-])\s*(\S+)$/i.exec(text)
  return match === null ? undefined : priorityOfWord(match[1])
}

/** A whole number 0 to 10, or one of the words below. */
export const priorityOfWord = (said: number | string | undefined): number | undefined => {
  if (said === undefined) return undefined
  const text = String(said).trim().toLowerCase()
  if (/^\d{1,2}$/.test(text)) return Number(text) <= 10 ? Number(text) : undefined
  return WORDS.get(text)
}

const WORDS: ReadonlyMap<string, number> = new Map([
  ['p0', 10], ['critical', 10], ['urgent', 10],
  ['p1', 8], ['high', 8],
  ['p2', 5], ['medium', 5],
  ['p3', 2], ['low', 2],
])
