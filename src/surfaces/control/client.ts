import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { ChorusError, ERROR_CODES } from '../../core/mod.ts'
import type { ErrorCode } from '../../core/mod.ts'

const ANSWER_BYTES_MAX = 8 * 1024 * 1024

/** Asks a running node. NOT_FOUND when none listens on the socket. */
export const askNode = async (socketPath: string, command: string, body: unknown = {}): Promise<unknown> => {
  const response = await open(socketPath, 'POST', `/${command}`, JSON.stringify(body))
  const answer = await readAnswer(response)
  if (response.statusCode === 200) return answer
  throw refusal(response, answer)
}

/** Live event lines until the node ends or the signal fires. */
export async function* watchNode(socketPath: string, signal?: AbortSignal): AsyncGenerator<string> {
  const response = await open(socketPath, 'GET', '/events', '')
  if (response.statusCode !== 200) throw refusal(response, await readAnswer(response))
  const cut = (): void => { response.destroy() }
  signal?.addEventListener('abort', cut, { once: true })
  if (signal?.aborted === true) cut()
  try {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > ANSWER_BYTES_MAX) throw new ChorusError('LIMIT_EXCEEDED', `an event of at most ${ANSWER_BYTES_MAX} bytes expected`)
      yield* lines
    }
  } catch (thrown) {
    // Cut by the node's end or by the signal: for a watcher that is simply the end.
    if (signal?.aborted !== true && (thrown as NodeJS.ErrnoException).code !== 'ECONNRESET') throw thrown
  } finally {
    signal?.removeEventListener('abort', cut)
    response.destroy()
  }
}

const readAnswer = async (response: IncomingMessage): Promise<{ readonly error?: string; readonly code?: string }> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > ANSWER_BYTES_MAX) throw new ChorusError('LIMIT_EXCEEDED', `the node answered more than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as { error?: string; code?: string }
  } catch (cause) {
    throw new ChorusError('INTERNAL', `the node answered with status ${response.statusCode}, and no JSON`, { cause })
  }
}

const refusal = (response: IncomingMessage, answer: { readonly error?: string; readonly code?: string }): ChorusError => {
  const code = answer.code !== undefined && answer.code in ERROR_CODES ? answer.code as ErrorCode : 'INTERNAL'
  return new ChorusError(code, answer.error ?? `the node answered with status ${response.statusCode}`)
}

const open = (socketPath: string, method: string, path: string, body: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, resolve)
    sent.once('error', (cause: NodeJS.ErrnoException) => {
      const absent = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED'
      reject(absent ? new ChorusError('NOT_FOUND', 'no node of this configuration is running here: start one with `chorus up`', { cause }) : cause)
    })
    sent.end(body)
  })
