import type { Rule } from '@secretlint/secretlint-rule-preset-recommend'
import { ChorusError } from '../../core/mod.ts'
import type { SecretFinding, SecretScanner } from '../../ports/mod.ts'

const TEXT_BYTES_MAX = 1024 * 1024

/**
 * Secretlint's recommended rules. They are run here one by one rather than by its own engine, because that one obeys
 * `secretlint-disable` comments in the text (ours is written by strangers), puts the secret into its messages and keeps
 * a growing profile of every run. The rules are loaded at the first scan (about 10 ms, 230 KB of source).
 */
export class SecretlintScanner implements SecretScanner {
  #rules: Promise<readonly Rule[]> | undefined

  async scan(text: string): Promise<readonly SecretFinding[]> {
    const bytes = Buffer.byteLength(text)
    if (bytes > TEXT_BYTES_MAX) {
      throw new ChorusError('LIMIT_EXCEEDED', `a text of at most ${TEXT_BYTES_MAX} bytes can be scanned at once, got ${bytes}`)
    }
    this.#rules ??= loadRules()
    const found = new Map<string, SecretFinding>()
    for (const rule of await this.#rules) {
      for (const { start, end } of await runRule(rule, text)) {
        const name = ruleName(rule)
        found.set(`${start}-${end}-${name}`, { start, end, rule: name })
      }
    }
    return [...found.values()].sort((a, b) => a.start - b.start || a.end - b.end)
  }
}

const loadRules = async (): Promise<readonly Rule[]> => {
  const { rules } = await import('@secretlint/secretlint-rule-preset-recommend')
  return rules.filter((rule) => !rule.meta.id.endsWith('secretlint-rule-filter-comments'))
}

const ruleName = (rule: Rule): string => rule.meta.id.replace(/^@secretlint\/secretlint-rule-/, '')

const runRule = async (rule: Rule, text: string): Promise<readonly { readonly start: number; readonly end: number }[]> => {
  const ranges: { start: number; end: number }[] = []
  const checks = rule.create({
    sharedOptions: {},
    // The message would repeat the secret; the rule's name says enough.
    createTranslator: () => (messageId) => ({ message: messageId, messageId }),
    report: ({ range: [start, end] }) => {
      if (start < end) ranges.push({ start: Math.max(0, start), end: Math.min(text.length, end) })
    },
    ignore: () => undefined,
  }, {})
  try {
    await checks.file?.({ content: text, contentType: 'text', filePath: undefined, ext: '' })
  } catch (error) {
    // A rule that fails has not looked: the caller must not take that for "nothing found".
    throw new ChorusError('INTERNAL', `the secret rule ${ruleName(rule)} failed`, { cause: error })
  }
  return ranges
}
