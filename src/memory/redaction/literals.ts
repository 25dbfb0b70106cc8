import type { SecretRule } from './rules.ts'
import type { TextRange } from './text-range.ts'

/** A secret that this node holds: a forge token, a model key, the swarm key. */
export interface KnownSecret {
  /** Safe to show, as in `forge-token`. */
  readonly name: string
  readonly secret: string
}

/** Shorter ones would be found in ordinary words. */
const LENGTH_MIN = 8

/** Finds the node's own secrets wherever they stand: as they are, URL-encoded, or JSON-escaped. (Base64 runs are decoded elsewhere.) */
export const literalRule = (known: readonly KnownSecret[]): SecretRule => {
  const needles = [...new Set(known.filter(({ secret }) => secret.length >= LENGTH_MIN)
    .flatMap(({ secret }) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]))]
  return {
    name: 'known-secret',
    action: 'redact',
    *find(text): Iterable<TextRange> {
      for (const needle of needles) {
        for (let start = text.indexOf(needle); start >= 0; start = text.indexOf(needle, start + needle.length)) {
          yield { start, end: start + needle.length }
        }
      }
    },
  }
}
