import type { TaskType } from '../../ports/mod.ts'
import { wordsOf } from './words.ts'

/**
 * What kind of work a task is, by the whole words of its title and labels, first match in this order ("fix the docs"
 * is a fix). Plurals count ("tests", "fixes"), parts of words do not: the latest prefix for docker is `development`.
 */
export const taskType = (title: string, labels: readonly string[]): TaskType => {
  const words = new Set([title, ...labels].flatMap((text) => wordsOf(text)))
  const found = KEYWORDS.find(([, keywords]) => keywords.some((word) => words.has(word) || words.has(`${word}s`) || words.has(`${word}es`)))
  return found?.[0] ?? 'development'
}

const KEYWORDS: readonly (readonly [TaskType, readonly string[]])[] = [
  ['bug_fix', ['bug', 'fix']],
  ['feature_development', ['feature', 'implement']],
  ['testing', ['test']],
  ['documentation', ['doc', 'documentation']],
  ['refactoring', ['refactor']],
  ['code_review', ['review']],
]
