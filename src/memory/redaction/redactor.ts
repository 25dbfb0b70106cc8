import { keyedHash } from '../../core/mod.ts'
import type { Json } from '../../core/mod.ts'
import type { SecretScanner } from '../../ports/mod.ts'
import { findSecrets } from './find.ts'
import type { Finding, FindParts } from './find.ts'
import { literalRule } from './literals.ts'
import type { KnownSecret } from './literals.ts'
import { isFilledIn, OWN_RULES } from './rules.ts'
import type { RuleAction, SecretRule } from './rules.ts'
import { collectTexts, rebuild } from './walk.ts'

export type Redacted<T> =
  | { readonly kind: 'passed'; readonly value: T }
  /** `rules` names what was taken out. */
  | { readonly kind: 'redacted'; readonly value: T; readonly rules: readonly string[] }
  /** It must not go on, in any form. */
  | { readonly kind: 'denied'; readonly rules: readonly string[] }

/** For the audit: never the secret. `hash` is keyed per node, so that equal secrets can be told without being guessed. */
export interface SecretFound {
  readonly where: string
  readonly rule: string
  readonly action: RuleAction
  readonly hash: string
}

export interface RedactorParts {
  /** Undefined: own rules only. */
  readonly scanner?: SecretScanner | undefined
  /** Of this node; 32 bytes. */
  readonly hashKey: Uint8Array
  /** Secrets that this node holds itself: found exactly, in whatever shape. */
  readonly known?: readonly KnownSecret[] | undefined
  /** Further rules of the configuration. */
  readonly rules?: readonly SecretRule[] | undefined
  /** What to do for a rule, by its name; default: what the rule says, `redact` for the scanner's. */
  readonly actions?: Readonly<Record<string, RuleAction>> | undefined
  /** Called for each secret found; must not throw. */
  readonly onFound?: ((found: SecretFound) => void) | undefined
}

/**
 * Takes secrets out of what is about to be gossiped, logged, stored, put in a prompt or delivered. When the scanner fails
 * or the value is too large to be searched, it rejects: what was not searched does not pass.
 */
export class Redactor {
  readonly #parts: RedactorParts
  readonly #find: FindParts
  readonly #counts = new Map<string, { redacted: number; denied: number }>()

  constructor(parts: RedactorParts) {
    this.#parts = parts
    const rules = [...parts.known === undefined ? [] : [literalRule(parts.known)], ...OWN_RULES, ...parts.rules ?? []]
    const actions = new Map(rules.map((rule) => [rule.name, rule.action]))
    this.#find = { scanner: parts.scanner, rules, actionOf: (rule) => parts.actions?.[rule] ?? actions.get(rule) ?? 'redact' }
  }

  /** Where secrets are, without counting or telling anyone. */
  inspect(text: string): Promise<readonly Finding[]> { return findSecrets(text, this.#find) }

  /** Plain data of any depth, texts and member names; the shape stays. */
  async redact<T extends Json>(value: T, options: { readonly where: string }): Promise<Redacted<T>> {
    const texts = collectTexts(value)
    const findings = await findSecrets(texts.joined, this.#find)
    const rules = new Set<string>()
    let denied = false
    let next = 0
    // Texts come in the order of their starts, and so do the findings.
    const replace = (text: string, start: number): string => {
      while ((findings[next]?.end ?? Infinity) <= start) next += 1
      const ranges: Finding[] = []
      for (let at = next; (findings[at]?.start ?? Infinity) < start + text.length; at += 1) {
        const finding = findings[at]
        if (finding === undefined) break
        ranges.push({ ...finding, start: Math.max(0, finding.start - start), end: Math.min(text.length, finding.end - start) })
      }
      if (ranges.length === 0) return text
      for (const range of ranges) {
        rules.add(range.rule)
        denied ||= range.action === 'deny'
        this.#tell(text.slice(range.start, range.end), range, options.where)
      }
      return replaceRanges(text, ranges)
    }
    const replaceNamed = (text: string): string => {
      if (text.length === 0 || !isFilledIn(text)) return text
      rules.add('named-secret')
      const action = this.#find.actionOf('named-secret')
      denied ||= action === 'deny'
      this.#tell(text, { rule: 'named-secret', action }, options.where)
      return '[REDACTED:named-secret]'
    }
    const clean = rebuild(value, { replace, replaceNamed }) as T
    if (denied) return { kind: 'denied', rules: [...rules] }
    return rules.size === 0 ? { kind: 'passed', value } : { kind: 'redacted', value: clean, rules: [...rules] }
  }

  redactText(text: string, options: { readonly where: string }): Promise<Redacted<string>> { return this.redact(text, options) }

  /** How often each rule found something, since start. */
  counts(): Readonly<Record<string, { readonly redacted: number; readonly denied: number }>> {
    return Object.fromEntries([...this.#counts].map(([rule, count]) => [rule, { ...count }]))
  }

  /** Replaces findings of a text that `inspect` gave, counting them: for callers that cut texts themselves. */
  apply(text: string, findings: readonly Finding[], options: { readonly where: string }): string {
    for (const finding of findings) this.#tell(text.slice(finding.start, finding.end), finding, options.where)
    return replaceRanges(text, findings)
  }

  #tell(secret: string, { rule, action }: { readonly rule: string; readonly action: RuleAction }, where: string): void {
    // Rules are a fixed set of names, so the counts stay small.
    const count = this.#counts.get(rule) ?? { redacted: 0, denied: 0 }
    count[action === 'deny' ? 'denied' : 'redacted'] += 1
    this.#counts.set(rule, count)
    this.#parts.onFound?.({ where, rule, action, hash: keyedHash(this.#parts.hashKey, secret).slice(0, 16) })
  }
}

/** Ranges sorted and apart. */
const replaceRanges = (text: string, ranges: readonly Finding[]): string => {
  let out = ''
  let from = 0
  for (const { start, end, rule } of ranges) {
    out += `${text.slice(from, start)}[REDACTED:${rule}]`
    from = end
  }
  return out + text.slice(from)
}
