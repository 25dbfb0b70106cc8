import { createServer, request } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkedAddress } from './addresses.ts'
import type { Resolve } from './addresses.ts'
import type { GateCounts } from './gate.ts'

export interface RegistryRules {
  /** Allowed destinations, by `host:port`. */
  readonly destinations: ReadonlyMap<string, RegistryDestination>
  readonly resolve: Resolve
}

export interface RegistryDestination {
  readonly host: string
  readonly port: number
  /** http registries are read through the proxy, https ones tunnelled. */
  readonly isPlain: boolean
  readonly allowPrivate: boolean
}

/** The destinations of registry addresses as configured. Throws TypeError on anything but http and https. */
export const registryDestinations = (urls: readonly string[], allowPrivate: boolean): ReadonlyMap<string, RegistryDestination> =>
  new Map(urls.map((text) => {
    const url = new URL(text)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`a registry address starts with https:// or http://, got ${url.protocol}`)
    const isPlain = url.protocol === 'http:'
    const port = url.port === '' ? (isPlain ? 80 : 443) : Number(url.port)
    const host = bare(url.hostname)
    return [`${host}:${port}`, { host, port, isPlain, allowPrivate }]
  }))

/**
 * An HTTP proxy (RFC 9110 §9.3.6 CONNECT) that knows a handful of destinations. What flows through an allowed tunnel
 * is between the package manager and its registry: the sandbox of a set-up holds nothing that is worth taking out.
 */
export const registryServer = (rules: RegistryRules, counts: GateCounts): Server => {
  const server = createServer({ maxHeaderSize: 16 * 1024 }, (incoming, answer) => {
    void forward(rules, counts, incoming, answer).catch(() => { refuse(counts, answer, 502, 'the registry does not answer') })
  })
  server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    void tunnel(rules, counts, incoming, { socket, head }).catch(() => {
      counts.refused += 1
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
  })
  return server
}

const tunnel = async (rules: RegistryRules, counts: GateCounts, incoming: IncomingMessage, { socket, head }: { socket: Duplex; head: Buffer }): Promise<void> => {
  socket.on('error', () => { socket.destroy() })
  const destination = rules.destinations.get(authority(incoming.url ?? ''))
  if (destination === undefined || destination.isPlain) {
    counts.refused += 1
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    return
  }
  const address = await checkedAddress(destination.host, { resolve: rules.resolve, allowPrivate: destination.allowPrivate })
  const upstream = connect({ host: address, port: destination.port })
  upstream.setTimeout(IDLE_MS_MAX, () => { upstream.destroy() })
  socket.once('close', () => { upstream.destroy() })
  upstream.once('close', () => { socket.destroy() })
  await new Promise<void>((resolve, reject) => upstream.once('connect', resolve).once('error', reject))
  upstream.on('error', () => { socket.destroy() })
  counts.allowed += 1
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
  upstream.write(head)
  socket.pipe(upstream).pipe(socket)
}

/** Plain HTTP, absolute form: reading only. */
const forward = async (rules: RegistryRules, counts: GateCounts, incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
  const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined
  const destination = url?.protocol === 'http:' ? rules.destinations.get(`${bare(url.hostname)}:${url.port === '' ? 80 : url.port}`) : undefined
  if (url === undefined || destination?.isPlain !== true || (incoming.method !== 'GET' && incoming.method !== 'HEAD')) {
    return refuse(counts, answer, 403, 'not a destination that set-up may reach')
  }
  const address = await checkedAddress(destination.host, { resolve: rules.resolve, allowPrivate: destination.allowPrivate })
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => PASSED.has(name)))
  await new Promise<void>((resolve, reject) => {
    const upstream = request({
      host: address, port: destination.port, method: incoming.method, path: url.pathname + url.search, headers: { ...headers, host: url.host }, timeout: IDLE_MS_MAX,
    }, (received) => {
      counts.allowed += 1
      answer.writeHead(received.statusCode ?? 502, Object.fromEntries(Object.entries(received.headers).filter(([name]) => !DROPPED.has(name))))
      received.pipe(answer)
      received.once('close', resolve)
    })
    upstream.once('timeout', () => { upstream.destroy(new Error('silent for too long')) })
    upstream.once('error', reject)
    answer.once('close', () => { upstream.destroy() })
    upstream.end()
  })
}

const IDLE_MS_MAX = 120_000
const PASSED = new Set(['accept', 'accept-encoding', 'user-agent', 'if-none-match', 'if-modified-since', 'range'])
const DROPPED = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-authenticate', 'set-cookie'])

const refuse = (counts: GateCounts, answer: ServerResponse, status: number, reason: string): void => {
  counts.refused += 1
  if (answer.headersSent) answer.destroy()
  else answer.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${reason}\n`)
}

/** `host:port` as the map has it: lower case, no brackets, no trailing dot. */
const authority = (text: string): string => {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? []
  return host === undefined ? '' : `${bare(host.toLowerCase())}:${Number(port)}`
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '').replace(/\.$/, '')
