import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/**
 * A git server over http on loopback: node's http in front of `git http-backend` (its CGI protocol, RFC 3875). Faults
 * are asked for one by one and each happens once, so that a test says exactly what went wrong.
 */
export class GitHttpServer {
  readonly #root: string
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #losePush = 0
  #gone = false
  #held: Promise<void> | undefined
  #authorization: string | undefined
  /** Pushes whose answer was thrown away after they were applied. */
  answersLost = 0
  readonly requests: string[] = []

  /** `root` holds the repositories; the URL of one is `url(name)`. */
  constructor(root: string) {
    this.#root = root
    this.#server = createServer((request, response) => { void this.#serve(request, response) })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => { this.#sockets.delete(socket) })
    })
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => { resolve() })
    })
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => { this.#server.close(() => { resolve() }) })
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  url(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`
  }

  /** The next push is applied, and its answer never sent. */
  loseNextPushAnswer(): void {
    this.#losePush += 1
  }

  /** From now on only with this name and password (RFC 7617). */
  requireCredential(username: string, password: string): void {
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }

  /** From now on every connection is cut at once. */
  goAway(): void {
    this.#gone = true
    for (const socket of this.#sockets) socket.destroy()
  }

  comeBack(): void {
    this.#gone = false
  }

  /** Requests wait until the returned function is called. */
  hold(): () => void {
    const gate = Promise.withResolvers<void>()
    this.#held = gate.promise
    return () => { this.#held = undefined; gate.resolve() }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    this.requests.push(`${request.method} ${url.pathname}${url.search}`)
    if (this.#gone) { request.socket.destroy(); return }
    await this.#held
    if (this.#authorization !== undefined && request.headers.authorization !== this.#authorization) {
      request.resume()
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end()
      return
    }
    const isPush = request.method === 'POST' && url.pathname.endsWith('/git-receive-pack')
    const lose = isPush && this.#losePush > 0
    if (lose) this.#losePush -= 1

    const child = spawn('git', ['http-backend'], { env: this.#environment(request, url), stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin.on('error', () => undefined)
    request.pipe(child.stdin)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    await new Promise<void>((resolve) => { child.on('close', () => { resolve() }) })
    if (lose) {
      this.answersLost += 1
      request.socket.destroy()
      return
    }
    answer(response, Buffer.concat(chunks))
  }

  #environment(request: IncomingMessage, url: URL): Record<string, string> {
    const header = (name: string): string => String(request.headers[name] ?? '')
    return {
      PATH: process.env['PATH'] ?? '', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C',
      GIT_PROJECT_ROOT: this.#root, GIT_HTTP_EXPORT_ALL: '1', REMOTE_ADDR: '127.0.0.1', REMOTE_USER: 'tester',
      PATH_INFO: decodeURIComponent(url.pathname), QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'), CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'), GIT_PROTOCOL: header('git-protocol'),
    }
  }
}

const answer = (response: ServerResponse, output: Buffer): void => {
  const split = output.indexOf('\r\n\r\n')
  if (split < 0) { response.writeHead(500).end(); return }
  let status = 200
  for (const line of output.toString('latin1', 0, split).split('\r\n')) {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
    else response.setHeader(name, value)
  }
  response.writeHead(status)
  response.end(output.subarray(split + 4))
}
