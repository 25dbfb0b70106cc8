import { privateKeys } from './private-keys.ts'
import type { TextRange } from './text-range.ts'

export type RuleAction = 'redact' | 'deny'

/** Finds one kind of secret. `find` takes time in proportion to the text, whatever is in it. */
export interface SecretRule {
  /** Safe to log and to show. */
  readonly name: string
  readonly action: RuleAction
  /** Lower case; every match has one of them in it, so that a text without them need not be searched. Undefined: always search. */
  readonly hints?: readonly string[]
  find(text: string): Iterable<TextRange>
}

/**
 * Our own rules: the original's five families (API keys, bearer and OAuth tokens, private keys, OpenAI keys), passwords
 * and URLs with credentials, and what opens the swarm. They add to a kept scanner's rules, which know the vendors'
 * formats. A name before the value (`password: …`) is what tells a secret from a hash: a bare object id, digest, UUID
 * or peer id is never one.
 */
export const OWN_RULES: readonly SecretRule[] = [
  { name: 'private-key', action: 'redact', hints: ['-----begin'], find: privateKeys },
  rule('chorus-join-token', 'deny', ['chorus-'], /(?<![A-Za-z0-9])chorus-\d-[A-Za-z0-9_-]{40,8192}/g),
  rule('chorus-swarm-key', 'deny', ['/key/swarm/psk'], /\/key\/swarm\/psk\/1\.0\.0\/(?:\s|\\[nr]){1,4}\/base(?:16|64)\/(?:\s|\\[nr]){1,4}(?<secret>[A-Za-z0-9+/=]{40,88})/g),
  rule('chorus-swarm-key', 'deny', ['swarmkey', 'swarm_key', 'swarm-key', 'psk'], /(?<![A-Za-z0-9])(?:swarm[_-]?key|psk)["'`]?\s{0,4}[:=]\s{0,4}["'`]?(?<secret>[0-9a-f]{64})(?![0-9a-f])/gi),
  rule('jwt', 'redact', ['eyj'], /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,4096}\.eyJ[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{8,2048}/g),
  rule('bearer-token', 'redact', ['bearer'], /(?<![A-Za-z0-9])bearer\s{1,8}(?<secret>[A-Za-z0-9._~+/-]{16,8192}={0,2})/gi, isRandom),
  rule('bearer-token', 'redact', ['authorization'], /(?<![A-Za-z0-9])(?:proxy-)?authorization["'`]?\s{0,4}[:=]\s{0,4}["'`]?(?:(?:basic|bearer|token)\s{1,4})?(?<secret>[A-Za-z0-9._~+/-]{8,8192}={0,2})/gi, isMixed),
  rule('oauth-token', 'redact', ['ya29.', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_', 'glpat-', 'gldt-', 'glrt-', 'gloas-', '1//0'], /(?<![A-Za-z0-9])(?:ya29\.[\w-]{20,2048}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{30,255}|gl(?:pat|dt|rt|oas)-[\w-]{20,255}|1\/\/0[\w-]{30,512})/g),
  rule('openai-key', 'redact', ['sk-'], /(?<![A-Za-z0-9])sk-(?:[a-z]{2,12}\d{0,2}-){0,3}[A-Za-z0-9_-]{20,512}/g, isRandom),
  rule('api-key', 'redact', ['akia', 'asia', 'aiza'], /(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[0-9A-Za-z_-]{35})(?![A-Za-z0-9])/g),
  rule('api-key', 'redact', ['key', 'secret'], named('(?:api|secret|access|private|encryption|signing|client)[_-]?(?:key|secret)(?:[_-]?id)?', '8'), isMixed),
  rule('oauth-token', 'redact', ['token', '_auth', 'secret'], named('(?:(?:auth|access|refresh|id|session|api|bot|deploy|personal)[_-]?)?token|_auth(?:token)?|client[_-]?secret|secret', '12'), isMixed),
  rule('password', 'redact', ['password', 'passwd', 'passphrase', 'pwd'], named('password|passwd|passphrase|pwd', '4'), isPassword),
  rule('password', 'redact', ['pass'], /(?<![A-Za-z0-9])[A-Z0-9_]{0,60}PASS(?:WORD|WD|PHRASE)?=(?<secret>[^\s"'`;]{4,256})/g, isFilledIn),
  rule('url-credentials', 'redact', ['://'], /(?<![A-Za-z0-9+.-])[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/?#@:"'<>`]{0,128}:(?<secret>[^\s/?#@"'<>`]{1,512})@(?=[^\s])/gi, isFilledIn),
  rule('url-credentials', 'redact', ['://'], /(?<![A-Za-z0-9+.-])(?:https?|git|ssh):\/\/(?<secret>[A-Za-z0-9_-]{20,255})@(?=[^\s])/gi, isRandom),
]

/** Names of members and variables whose value is a secret, whatever it looks like. */
export const isSecretName = (name: string): boolean =>
  SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, '$1_$2'))

const SECRET_NAME = /^(?:.{0,60}[_.-])?(?:secret|password|passwd|passphrase|pwd|(?:auth|access|refresh|session|api|bot|join|deploy)[_-]token|token|authorization|cookie|set-cookie|credentials?|private[_-]key|api[_-]?key|access[_-]key|client[_-]secret|swarm[_-]key|psk)$/i

/** False for what stands in the place of a secret: variables, `<your key>`, stars, and what was redacted before. */
export function isFilledIn(value: string): boolean {
  return !/^(?:\$[{(A-Za-z_]|[<%{[(]|\*{2,}|x{4,}$|\.{3}|your[-_ ]|(?:process|import|env|config|this|os)\.|changeme$|placeholder|example$|null$|undefined$|none$|true$|false$)/i.test(value)
}

function rule(name: string, action: RuleAction, hints: readonly string[], pattern: RegExp, accept: (secret: string, quoted: boolean) => boolean = () => true): SecretRule {
  const indexed = new RegExp(pattern.source, `${pattern.flags}d`)
  return {
    name,
    action,
    hints,
    *find(text) {
      for (const match of text.matchAll(indexed)) {
        const groups = match.indices?.groups
        const [start, end] = groups?.secret ?? groups?.quoted ?? [match.index, match.index + match[0].length]
        if (accept(text.slice(start, end), groups?.quoted !== undefined)) yield { start, end }
      }
    },
  }
}

/** `name = value`, `name: "value"`, `"name": "value"`, `NAME=value`: the value, quoted or up to a delimiter. */
function named(names: string, lengthMin: string): RegExp {
  return new RegExp(
    `(?<![A-Za-z0-9/])(?:[A-Za-z0-9]{1,30}[_.-]){0,4}(?:${names})(?:\\\\?["'\`])?\\s{0,4}(?::=|=>|[:=])\\s{0,4}`
    + `(?:\\\\?["'\`](?<quoted>[^\\s"'\`\\\\]{${lengthMin},1024})|(?<secret>[^\\s"'\`,;(){}<>\\[\\]\\\\]{${lengthMin},1024}))`, 'gi')
}

function isMixed(value: string): boolean {
  return isFilledIn(value) && /\d/.test(value) && /[A-Za-z]/.test(value) && !isExpression(value) && new Set(value).size >= 5
}

function isRandom(value: string): boolean {
  return isMixed(value) && new Set(value).size >= 8
}

function isPassword(value: string, quoted: boolean): boolean {
  // Code says `password: string` and `password = readLine()`: without quotes a word alone is no password.
  return isFilledIn(value) && !isExpression(value) && (quoted ? !/^(?:required|optional|password|secret)$/i.test(value) : /\d/.test(value))
}

/** A member access or call in source text: `options.token1`, `this.#key2`. */
function isExpression(value: string): boolean {
  return /^(?:#?[A-Za-z_$][\w$]*[.?!]{1,2})+#?[A-Za-z_$][\w$]*[?!]?$/.test(value) && !/\d{3}/.test(value)
}
