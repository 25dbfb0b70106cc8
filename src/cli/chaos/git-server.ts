import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ChorusError } from '../../core/mod.ts'

/**
 * The drill's own forge: HTTP in front of `git http-backend` (git-http-backend(1), CGI as in RFC 3875). It has nothing
 * of Chorus in it; whoever reaches its address may push, so it listens on loopback or inside a namespace only.
 */
export class GitServer {
  readonly #root: string
  readonly #server: Server

  /** `root` holds the repositories; the path of a request begins below it. */
  constructor(root: string) {
    this.#root = root
    this.#server = createServer((request, response) => { this.#serve(request, response) })
  }

  /** Resolves with the port. */
  start(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => { resolve((this.#server.address() as AddressInfo).port) })
    })
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const child = spawn('git', ['http-backend'], { env: this.#environment(request), stdio: ['pipe', 'pipe', 'ignore'] })
    // A node that was killed leaves its request half-sent: the program then ends by itself, and its answer goes nowhere.
    child.stdin.on('error', () => undefined)
    child.once('error', () => { response.writeHead(500).end() })
    request.on('error', () => { child.stdin.end() })
    request.on('close', () => { child.stdin.end() })
    request.pipe(child.stdin)
    let head: Buffer | undefined = Buffer.alloc(0)
    child.stdout.on('data', (chunk: Buffer) => {
      // Read to the end whether or not anybody listens, so that a push is carried through once it has begun.
      if (head === undefined) { if (!response.destroyed) response.write(chunk); return }
      head = Buffer.concat([head, chunk])
      const split = head.indexOf('\r\n\r\n')
      if (split < 0) return
      writeHead(response, head.toString('latin1', 0, split))
      response.write(head.subarray(split + 4))
      head = undefined
    })
    child.once('close', () => { if (!response.headersSent) response.writeHead(500); response.end() })
  }

  #environment(request: IncomingMessage): Record<string, string> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const header = (name: string): string => String(request.headers[name] ?? '')
    return {
      PATH: process.env.PATH ?? '', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C',
      GIT_PROJECT_ROOT: this.#root, GIT_HTTP_EXPORT_ALL: '1', REMOTE_ADDR: request.socket.remoteAddress ?? '', REMOTE_USER: 'drill',
      PATH_INFO: decodeURIComponent(url.pathname), QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'), CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'), GIT_PROTOCOL: header('git-protocol'),
    }
  }
}

const writeHead = (response: ServerResponse, text: string): void => {
  let status = 200
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
    else response.setHeader(name, value)
  }
  response.writeHead(status)
}

/**
 * The server as a process of its own (serve.ts), so that it can live in a namespace: `enter` is what comes before its
 * command line. Resolves with the port.
 */
export const startGitServer = async (options: { readonly root: string; readonly host: string; readonly enter: readonly string[] }): Promise<{ readonly port: number; stop(): void }> => {
  // Sources in the repository, compiled in the package.
  const main = fileURLToPath(new URL(`./serve${path.extname(import.meta.url)}`, import.meta.url))
  const [program = process.execPath, ...args] = [...options.enter, process.execPath, main, options.root, options.host]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString('utf8')).slice(-2_000) })
  child.stdin.on('error', () => undefined)
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => { resolve((JSON.parse(line) as { port: number }).port) })
    child.once('close', () => { reject(new ChorusError('INTERNAL', `the drill's git server ended at its start: ${errors}`)) })
  })
  return { port, stop: () => { child.kill('SIGKILL') } }
}
