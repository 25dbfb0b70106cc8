/** The static topics, with the strings of the original system. */
export const TOPICS = {
  coordination: 'CHORUS/coordination/v1',
  discussion: 'hmmm/meta-discussion/v1',
  context: 'CHORUS/context-feedback/v1',
} as const

export type Topic = (typeof TOPICS)[keyof typeof TOPICS]

export const ALL_TOPICS: readonly Topic[] = Object.values(TOPICS)
