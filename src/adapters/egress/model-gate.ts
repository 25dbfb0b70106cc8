import http from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import { messageOf } from '../../core/mod.ts'
import { checkedAddress } from './addresses.ts'
import type { Resolve } from './addresses.ts'
import type { GateCounts } from './gate.ts'
import { allowedPath, answerHeaders, modelCall, requestHeaders } from './model-rules.ts'
import type { ModelUpstream } from './model-rules.ts'
import { UsageReader } from './token-usage.ts'

export interface ModelGateOptions {
  readonly upstream: ModelUpstream
  readonly resolve: Resolve
  /** Input and output together; a call is refused when what is used, under way and asked for would pass it. */
  readonly tokensMax: number | undefined
}

/** A reverse proxy to one model endpoint: the sandbox sends a placeholder, the real key is added here. */
export const modelServer = (options: ModelGateOptions, counts: GateCounts): Server => {
  const underWay = { tokens: 0 }
  return http.createServer({ maxHeaderSize: 32 * 1024, requestTimeout: 60_000 }, (incoming, answer) => {
    void serve(options, counts, { incoming, answer, underWay }).catch((thrown: unknown) => {
      refuse(counts, answer, { status: 502, reason: `the model endpoint does not answer: ${withoutKey(messageOf(thrown), options)}` })
    })
  })
}

interface Exchange { readonly incoming: IncomingMessage; readonly answer: ServerResponse; readonly underWay: { tokens: number } }

const serve = async (options: ModelGateOptions, counts: GateCounts, { incoming, answer, underWay }: Exchange): Promise<void> => {
  const path = allowedPath(incoming.method, incoming.url)
  if (path === undefined) return refuse(counts, answer, { status: 403, reason: 'not a call that the model proxy allows' })
  const body = await readBody(incoming)
  if (body === undefined) return refuse(counts, answer, { status: 413, reason: `the body is over ${BODY_BYTES_MAX} bytes` })
  if (incoming.method === 'GET') return pass(options, counts, { incoming, answer, path, body: undefined })
  const call = modelCall(path, body, options.upstream.models)
  if ('refusal' in call) return refuse(counts, answer, { status: 403, reason: call.refusal })
  const spent = counts.inputTokens + counts.outputTokens + underWay.tokens
  if (options.tokensMax !== undefined && spent + call.inputTokensEstimated > options.tokensMax) {
    return refuse(counts, answer, { status: 429, reason: `the attempt's token budget is used up (${options.tokensMax})` })
  }
  underWay.tokens += call.inputTokensEstimated
  try {
    await pass(options, counts, { incoming, answer, path, body: call.body, inputTokensEstimated: call.inputTokensEstimated })
  } finally {
    underWay.tokens -= call.inputTokensEstimated
  }
}

interface Passage {
  readonly incoming: IncomingMessage
  readonly answer: ServerResponse
  readonly path: string
  /** undefined for a GET, which costs no tokens. */
  readonly body: Buffer | undefined
  readonly inputTokensEstimated?: number
}

const pass = async (options: ModelGateOptions, counts: GateCounts, { incoming, answer, path, body, inputTokensEstimated = 0 }: Passage): Promise<void> => {
  const base = new URL(options.upstream.endpoint)
  const host = base.hostname.replace(/^\[|\]$/g, '')
  const address = await checkedAddress(host, { resolve: options.resolve, allowPrivate: options.upstream.allowPrivate === true })
  const headers = requestHeaders(incoming.headers, options.upstream, base.host)
  const module = base.protocol === 'https:' ? https : http
  await new Promise<void>((resolve, reject) => {
    const request = module.request({
      // To the address that was checked; the name is for the certificate only.
      host: address, port: base.port === '' ? undefined : Number(base.port), ...isIP(host) === 0 ? { servername: host } : {},
      method: incoming.method, path: base.pathname.replace(/\/(?:v1\/?)?$/, '') + path, timeout: SILENCE_MS_MAX,
      headers: body === undefined ? headers : { ...headers, 'content-length': body.byteLength },
    }, (received) => {
      counts.allowed += 1
      void relay(options, received, answer).then((usage) => {
        if (body !== undefined) charge(counts, usage, inputTokensEstimated)
        resolve()
      }, reject)
    })
    request.once('timeout', () => { request.destroy(new Error(`silent for ${SILENCE_MS_MAX} ms`)) })
    request.once('error', reject)
    answer.once('close', () => { if (!answer.writableFinished) request.destroy(new Error('the caller went away')) })
    request.end(body)
  })
}

/** Passes the answer on and reads what it cost. An answer that breaks off is charged for what came. */
const relay = async (options: ModelGateOptions, received: IncomingMessage, answer: ServerResponse): Promise<UsageReader | undefined> => {
  const status = received.statusCode ?? 502
  if (status >= 300 && status < 400) {
    received.resume()
    throw new Error(`it redirects (${status}), which is not followed`)
  }
  if (status >= 400) {
    // Some endpoints quote the key that they refuse.
    const said = (await readBody(received, ERROR_BYTES_MAX))?.toString('utf8') ?? ''
    answer.writeHead(status, answerHeaders(received.headers)).end(withoutKey(said, options))
    return undefined
  }
  const usage = new UsageReader(received.headers['content-type'])
  answer.writeHead(status, answerHeaders(received.headers))
  return new Promise((resolve) => {
    received.on('data', (chunk: Buffer) => {
      usage.accept(chunk)
      if (!answer.write(chunk)) {
        received.pause()
        answer.once('drain', () => { received.resume() })
      }
    })
    received.once('end', () => { answer.end() })
    received.once('error', () => { answer.destroy() })
    received.once('close', () => { resolve(usage) })
    answer.once('close', () => { received.destroy() })
  })
}

const charge = (counts: GateCounts, reader: UsageReader | undefined, inputTokensEstimated: number): void => {
  if (reader === undefined) return
  const usage = reader.end()
  counts.inputTokens += usage.isReported ? usage.input : inputTokensEstimated
  counts.outputTokens += usage.output
}

const BODY_BYTES_MAX = 16 * 2 ** 20
const ERROR_BYTES_MAX = 64 * 2 ** 10
/** A large model may think for minutes before its first byte. */
const SILENCE_MS_MAX = 600_000

/** undefined when it is longer than allowed. */
const readBody = async (stream: IncomingMessage, bytesMax = BODY_BYTES_MAX): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).byteLength
    if (bytes > bytesMax) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

const withoutKey = (text: string, { upstream: { key } }: ModelGateOptions): string => key === undefined || key === '' ? text : text.replaceAll(key, '[key]')

/** In the shape that OpenAI's and Anthropic's clients show as they are. */
const refuse = (counts: GateCounts, answer: ServerResponse, { status, reason }: { status: number; reason: string }): void => {
  counts.refused += 1
  if (answer.headersSent) answer.destroy()
  else answer.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify({ type: 'error', error: { type: 'refused_by_proxy', message: reason } }))
}
