import { ChorusError } from '../../core/mod.ts'
import type { SecretScanner } from '../../ports/mod.ts'
import { encodedTexts } from './encoded.ts'
import type { RuleAction, SecretRule } from './rules.ts'
import type { TextRange } from './text-range.ts'

export interface Finding extends TextRange {
  readonly rule: string
  readonly action: RuleAction
}

export interface FindParts {
  readonly scanner: SecretScanner | undefined
  readonly rules: readonly SecretRule[]
  actionOf(rule: string): RuleAction
}

/** Characters of one text; more is refused, since what is not scanned may not pass. */
export const TEXT_CHARACTERS_MAX = 8 * 1024 * 1024
/** The scanner takes 1 MiB of UTF-8 at once; a UTF-16 unit is at most 3 bytes. */
const WINDOW_CHARACTERS = 256 * 1024
/** Longer than any secret that the rules know, so that none is cut in two by a window's border. */
const OVERLAP_CHARACTERS = 32 * 1024
const ENCODING_DEPTH_MAX = 2

/** Everything in the text that is or holds a secret: sorted, merged where ranges touch. */
export const findSecrets = async (text: string, parts: FindParts): Promise<readonly Finding[]> => {
  if (text.length > TEXT_CHARACTERS_MAX) {
    throw new ChorusError('LIMIT_EXCEEDED', `a text of at most ${TEXT_CHARACTERS_MAX} characters can be searched for secrets, got ${text.length}`)
  }
  const found: Finding[] = []
  for (let start = 0; ; start += WINDOW_CHARACTERS - OVERLAP_CHARACTERS) {
    const window = text.slice(start, start + WINDOW_CHARACTERS)
    for (const finding of await findInWindow(window, parts, 0)) {
      found.push(start === 0 ? finding : { ...finding, start: finding.start + start, end: finding.end + start })
    }
    if (start + WINDOW_CHARACTERS >= text.length) break
  }
  return merge(found)
}

const findInWindow = async (text: string, parts: FindParts, depth: number): Promise<Finding[]> => {
  const found: Finding[] = []
  // A lower-case letter of ASCII comes of every letter that an expression without regard to case takes for it.
  const lower = text.toLowerCase()
  for (const rule of parts.rules) {
    if (rule.hints?.some((hint) => lower.includes(hint)) === false) continue
    for (const range of rule.find(text)) found.push({ ...range, rule: rule.name, action: parts.actionOf(rule.name) })
  }
  for (const { start, end, rule } of await parts.scanner?.scan(text) ?? []) {
    if (!isPublicValue(text.slice(start, end))) found.push({ start, end, rule, action: parts.actionOf(rule) })
  }
  if (depth >= ENCODING_DEPTH_MAX) return found
  for (const { start, end, decoded } of encodedTexts(text)) {
    for (const inner of await findInWindow(decoded, parts, depth + 1)) found.push({ start, end, rule: inner.rule, action: inner.action })
  }
  return found
}

/** What Chorus and its users need to read: object ids, digests, UUIDs, peer ids, integrity hashes. */
export const isPublicValue = (value: string): boolean => PUBLIC_VALUE.test(value)

const PUBLIC_VALUE = new RegExp(`^(?:${[
  '[0-9a-f]{40}', '[0-9a-f]{64}', '[0-9a-f]{128}',
  '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  '12D3KooW[1-9A-HJ-NP-Za-km-z]{44}',
  'sha(?:1|256|384|512)-[A-Za-z0-9+/]{20,90}={0,2}',
].join('|')})$`, 'i')

const merge = (found: readonly Finding[]): readonly Finding[] => {
  const merged: Finding[] = []
  for (const finding of [...found].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1)
    if (last === undefined || finding.start >= last.end) merged.push(finding)
    // One that denies decides for all that it touches.
    else {
      const { rule, action } = finding.action === 'deny' && last.action !== 'deny' ? finding : last
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, finding.end), rule, action }
    }
  }
  return merged
}
