import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { BYTES_PER_TOKEN } from './token-usage.ts'

/** The one endpoint that a sandbox's model calls go to. */
export interface ModelUpstream {
  /** With or without a trailing `/v1`: `https://api.example.com/v1`, `http://127.0.0.1:11434`. */
  readonly endpoint: string
  readonly key?: string | undefined
  /** How the key is sent. Default: `x-api-key` to api.anthropic.com, else `bearer`. */
  readonly scheme?: 'bearer' | 'x-api-key' | undefined
  /** Models that may be asked for; undefined = any. */
  readonly models?: readonly string[] | undefined
  /** Whether a host *name* may resolve to a private address. An address or `localhost` in `endpoint` is meant as written. */
  readonly allowPrivate?: boolean | undefined
}

/** The path to ask upstream for, or undefined when the call is not one that an agent needs. */
export const allowedPath = (method: string | undefined, url: string | undefined): string | undefined => {
  const [path = '', query] = (url ?? '').split('?')
  if (!ALLOWED.has(`${method ?? ''} ${path}`)) return undefined
  // The one query that a client library adds by itself.
  return query === 'beta=true' ? `${path}?${query}` : path
}

const ALLOWED: ReadonlySet<string> = new Set([
  'POST /v1/chat/completions', 'POST /v1/responses', 'POST /v1/messages', 'POST /v1/messages/count_tokens', 'POST /api/chat',
  'GET /v1/models', 'GET /api/tags',
])

export interface ModelCall {
  readonly body: Buffer
  /** What the call is reckoned to take in, before anyone has counted. */
  readonly inputTokensEstimated: number
}

/** The request as it goes upstream, or why it does not. Asks a streamed chat for its usage, which else is not told. */
export const modelCall = (path: string, body: Buffer, models: readonly string[] | undefined): ModelCall | { readonly refusal: string } => {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    return { refusal: 'the body is not JSON' }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { refusal: 'the body is not an object' }
  const request = parsed as Record<string, unknown>
  if (typeof request['model'] !== 'string') return { refusal: 'the body names no model' }
  if (models !== undefined && !models.includes(request['model'])) return { refusal: 'this model is not allowed here' }
  if (path === '/v1/chat/completions' && request['stream'] === true) {
    const given = request['stream_options']
    request['stream_options'] = { ...typeof given === 'object' && given !== null ? given : {}, include_usage: true }
  }
  // Written anew, so that both sides read the same: one value per name, whatever the sender repeated.
  const written = Buffer.from(JSON.stringify(request))
  return { body: written, inputTokensEstimated: Math.ceil(written.byteLength / BYTES_PER_TOKEN) }
}

/** An allow-list: credentials, cookies, hosts, proxies and accounts are what a sandbox may not choose. */
export const requestHeaders = (given: IncomingHttpHeaders, upstream: ModelUpstream, host: string): OutgoingHttpHeaders => {
  const scheme = upstream.scheme ?? (/^api\.anthropic\.com(:|$)/.test(host) ? 'x-api-key' : 'bearer')
  return {
    ...Object.fromEntries(Object.entries(given).filter(([name]) => PASSED_UP.has(name))),
    host,
    // Counted as it passes, so it must be readable.
    'accept-encoding': 'identity',
    ...upstream.key === undefined ? {} : scheme === 'bearer' ? { authorization: `Bearer ${upstream.key}` } : { 'x-api-key': upstream.key },
  }
}

export const answerHeaders = (given: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(given).filter(([name]) => PASSED_DOWN.has(name)))

const PASSED_UP = new Set(['accept', 'content-type', 'user-agent', 'anthropic-version', 'anthropic-beta', 'openai-beta'])
const PASSED_DOWN = new Set(['content-type', 'cache-control', 'retry-after', 'retry-after-ms', 'request-id', 'x-request-id'])
