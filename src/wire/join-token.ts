import { z } from 'zod'
import { ChorusError } from '../core/mod.ts'
import { line } from './fields.ts'
import { LIMITS } from './limits.ts'

/** What a machine needs to reach a swarm. It holds the swarm's key: whoever reads the token can join. */
export interface JoinToken {
  /** 32 bytes, 64 lower-case hex digits. */
  readonly swarmKey: string
  /** Multiaddrs that end in /p2p/<id>; at most LIMITS.bootstrapPeersMax. */
  readonly bootstrap: readonly string[]
}

/** `chorus-1-<base64url of JSON>`; one line, safe in a shell, at most 8 KiB. Throws INPUT_INVALID. */
export const encodeJoinToken = (token: JoinToken): string => {
  const parsed = schema.safeParse({ key: token.swarmKey, peers: token.bootstrap })
  if (!parsed.success) throw invalid(`a token whose ${String(parsed.error.issues[0]?.path[0] ?? 'content')} does not fit`)
  return PREFIX + Buffer.from(JSON.stringify(parsed.data)).toString('base64url')
}

/** Throws INPUT_INVALID with what was wrong, never with the token. */
export const parseJoinToken = (text: string): JoinToken => {
  const trimmed = text.trim()
  if (!trimmed.startsWith(PREFIX)) throw invalid('a text that starts otherwise')
  if (trimmed.length > CHARACTERS_MAX) throw invalid(`${trimmed.length} characters (at most ${CHARACTERS_MAX})`)
  const body = trimmed.slice(PREFIX.length)
  if (!/^[A-Za-z0-9_-]+$/.test(body)) throw invalid('characters outside base64url; was it copied whole, without line breaks?')
  const parsed = schema.safeParse(parseJson(Buffer.from(body, 'base64url').toString('utf8')))
  if (!parsed.success) throw invalid('other content; was it copied whole?')
  return { swarmKey: parsed.data.key, bootstrap: parsed.data.peers }
}

const PREFIX = 'chorus-1-'
const CHARACTERS_MAX = 8_192

const schema = z.object({
  key: z.string().regex(/^[0-9a-f]{64}$/),
  peers: z.array(line(LIMITS.multiaddrCharactersMax).regex(/^\/[^\s]+\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,60}$/)).max(LIMITS.bootstrapPeersMax),
})

const invalid = (got: string): ChorusError =>
  new ChorusError('INPUT_INVALID', `a join token like ${PREFIX}eyJrZXkiOi… was expected, got ${got}`)

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The schema refuses undefined, and says so to the caller.
    return undefined
  }
}
