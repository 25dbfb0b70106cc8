import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { chmod, mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'

/** Commands of this machine's user to a running node, over a unix socket that only that user may open. */
export interface ControlHandlers {
  /** Answers are JSON; what a handler throws goes back as `{error, code}` with status 500. */
  readonly commands: Readonly<Record<string, (body: unknown) => Promise<unknown>>>
  /** Registers a listener for live events, one JSON line each; returns what takes it back. */
  readonly watch: (listener: (line: string) => void) => () => void
}

const BODY_BYTES_MAX = 64 * 1024
const WATCHERS_MAX = 16
const WATCHER_BYTES_MAX = 1024 * 1024
/** From the first byte of a command to its last. */
const REQUEST_MS_MAX = 30_000

export class ControlServer {
  readonly #socketPath: string
  readonly #handlers: ControlHandlers
  #server: Server | undefined
  #watchers = 0

  constructor(socketPath: string, handlers: ControlHandlers) {
    this.#socketPath = socketPath
    this.#handlers = handlers
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return
    // The state folder's lock is held by now: a socket that is still there belongs to a dead process.
    await mkdir(path.dirname(this.#socketPath), { recursive: true, mode: 0o700 })
    await rm(this.#socketPath, { force: true })
    const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
      this.#answer(request, response).catch((thrown: unknown) => { response.destroy(thrown as Error) })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#socketPath, () => { server.off('error', reject); resolve() })
    })
    this.#server = server
    await chmod(this.#socketPath, 0o600)
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.closeAllConnections()
    await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    await rm(this.#socketPath, { force: true })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away before its answer is nobody's failure.
    response.on('error', () => undefined)
    const name = (request.url ?? '').slice(1)
    if (request.method === 'GET' && name === 'events') { this.#stream(response); return }
    const command = Object.hasOwn(this.#handlers.commands, name) ? this.#handlers.commands[name] : undefined
    if (request.method !== 'POST' || command === undefined) return send(response, 404, { error: 'no such command', code: 'NOT_FOUND' })
    try {
      send(response, 200, await command(await readBody(request)))
    } catch (thrown) {
      // What is left of the request is not read: the connection serves for nothing more.
      if (!request.complete) response.setHeader('connection', 'close')
      send(response, 500, { error: messageOf(thrown), code: thrown instanceof ChorusError ? thrown.code : 'INTERNAL' })
    }
  }

  #stream(response: ServerResponse): void {
    if (this.#watchers >= WATCHERS_MAX) return send(response, 503, { error: `at most ${WATCHERS_MAX} watchers`, code: 'LIMIT_EXCEEDED' })
    this.#watchers += 1
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    // So that the client knows at once that it watches.
    response.flushHeaders()
    const unwatch = this.#handlers.watch((line) => {
      // A watcher that does not read loses lines rather than filling this process's memory.
      if (response.writableLength < WATCHER_BYTES_MAX) response.write(`${line}\n`)
    })
    response.once('close', () => { this.#watchers -= 1; unwatch() })
  }
}

const send = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > BODY_BYTES_MAX) throw new ChorusError('LIMIT_EXCEEDED', `a command of at most ${BODY_BYTES_MAX} bytes expected`)
    chunks.push(chunk)
  }
  if (bytes === 0) return {}
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new ChorusError('INPUT_INVALID', 'a command as JSON expected', { cause })
  }
}
