import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'
import { ChorusError } from '../../core/mod.ts'

/**
 * The drill's own forge: the smart HTTP protocol (gitprotocol-http(5)) in front of git's own upload-pack and receive-pack,
 * without the program between them that `git http-backend` is. It has nothing of Chorus in it; whoever reaches its address
 * may push, so it listens on loopback or inside a namespace only.
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
    const wanted = wantedOf(request)
    if (wanted === undefined) { response.writeHead(404).end(); return }
    const { service, repository, advertise } = wanted
    const args = [service.slice('git-'.length), '--stateless-rpc', ...advertise ? ['--advertise-refs'] : [], path.join(this.#root, repository)]
    const child = spawn('git', args, { env: environmentOf(request), stdio: ['pipe', 'pipe', 'ignore'] })
    // A node that was killed leaves its request half-sent: the program then ends by itself, and its answer goes nowhere.
    child.stdin.on('error', () => undefined)
    child.once('error', () => { response.writeHead(500).end() })
    request.on('error', () => { child.stdin.end() })
    // Of a whole one the last bytes may still be unpacked when it closes.
    request.on('close', () => { if (!request.complete) child.stdin.end() })
    const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request
    body.on('error', () => { child.stdin.end() })
    body.pipe(child.stdin)
    response.writeHead(200, { 'content-type': `application/x-${service}-${advertise ? 'advertisement' : 'result'}`, 'cache-control': 'no-cache' })
    if (advertise && !protocolOf(request).includes('version=2')) response.write(`${packet(`# service=${service}\n`)}0000`)
    // Read to the end whether or not anybody listens, so that a push is carried through once it has begun.
    child.stdout.on('data', (chunk: Buffer) => { if (!response.destroyed) response.write(chunk) })
    child.once('close', () => { response.end() })
  }
}

interface Wanted { readonly service: 'git-upload-pack' | 'git-receive-pack'; readonly repository: string; readonly advertise: boolean }

/** `GET /<name>.git/info/refs?service=<service>` or `POST /<name>.git/<service>`. */
const wantedOf = (request: IncomingMessage): Wanted | undefined => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [, repository, rest] = /^\/([\w-]+\.git)\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname) ?? []
  const advertise = request.method === 'GET' && rest === 'info/refs'
  const service = advertise ? url.searchParams.get('service') : request.method === 'POST' ? rest : undefined
  if (repository === undefined || (service !== 'git-upload-pack' && service !== 'git-receive-pack')) return undefined
  return { service, repository, advertise }
}

const protocolOf = (request: IncomingMessage): string => String(request.headers['git-protocol'] ?? '')

const environmentOf = (request: IncomingMessage): Record<string, string> => ({
  PATH: process.env.PATH ?? '', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C', GIT_PROTOCOL: protocolOf(request),
  GIT_COMMITTER_NAME: 'drill', GIT_COMMITTER_EMAIL: 'drill@localhost',
})

/** gitprotocol-common(5): four hex digits of length, themselves included. */
const packet = (text: string): string => (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text

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
