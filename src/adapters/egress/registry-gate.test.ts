import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EgressGate } from '../../ports/mod.ts'
import { HttpEgress } from './mod.ts'
import type { EgressOptions } from './mod.ts'

describe('the registry gate', () => {
  let folder = ''
  let registry: http.Server
  let port = 0
  const gates: EgressGate[] = []
  const seen: (string | undefined)[] = []

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-registry-'))
    seen.length = 0
    registry = http.createServer((incoming, answer) => {
      seen.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization ?? '-'}`)
      answer.writeHead(200, { 'content-type': 'application/json' }).end('{"name":"x"}')
    })
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    port = (registry.address() as AddressInfo).port
  })
  afterEach(async () => {
    for (const gate of gates.splice(0)) await gate.close()
    registry.closeAllConnections()
    await new Promise((resolve) => registry.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })

  const open = async (options: EgressOptions): Promise<EgressGate> => {
    const gate = await new HttpEgress({ folder, ...options }).openRegistry({ label: 'test' })
    gates.push(gate)
    return gate
  }
  /** Sends text over the socket and gives the first line and the rest of what comes back. */
  const say = (gate: EgressGate, text: string): Promise<{ first: string; rest: string }> => new Promise((resolve, reject) => {
    const socket = net.connect(gate.socketPath)
    let got = ''
    socket.setTimeout(5_000, () => { socket.destroy(new Error('no answer')) })
    socket.on('data', (chunk) => {
      got += chunk.toString()
      if (got.includes('{"name":"x"}') || /^HTTP\/1.1 [45]/.test(got)) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => { resolve({ first: got.split('\r\n')[0] ?? '', rest: got }) })
    socket.write(text)
  })

  it('tunnels to the configured registry and nowhere else', async () => {
    const gate = await open({ registry: `https://127.0.0.1:${port}/npm/` })
    const through = await say(gate, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\nGET /x HTTP/1.1\r\nhost: x\r\n\r\n`)
    expect(through.first).toBe('HTTP/1.1 200 Connection established')
    expect(through.rest).toContain('{"name":"x"}')
    for (const target of ['example.com:443', '127.0.0.1:1', `localhost:${port}`, `127.0.0.1:${port}@evil.example:443`, `[::1]:${port}`, 'evil', `user@127.0.0.1:${port}`, `127.1:${port}`, '']) {
      const { first } = await say(gate, `CONNECT ${target} HTTP/1.1\r\nhost: x\r\n\r\n`).catch(() => ({ first: 'closed' }))
      expect(['HTTP/1.1 403 Forbidden', 'closed', '']).toContain(first)
    }
    expect(seen).toHaveLength(1)
    expect(gate.counts().allowed).toBe(1)
    expect(gate.counts().refused).toBeGreaterThanOrEqual(7)
  })

  it('refuses a registry whose name leads inwards, unless that is allowed', async () => {
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1'])
    const line = `CONNECT registry.example:${port} HTTP/1.1\r\nhost: x\r\n\r\nGET /x HTTP/1.1\r\nhost: x\r\n\r\n`
    const refused = await open({ registry: `https://registry.example:${port}`, resolve })
    expect((await say(refused, line)).first).toBe('HTTP/1.1 502 Bad Gateway')
    const allowed = await open({ registry: `https://registry.example:${port}`, resolve, registryAllowPrivate: true })
    expect((await say(allowed, line)).first).toBe('HTTP/1.1 200 Connection established')
    expect(seen).toHaveLength(1)
  })

  it('reads a plain http registry, and only reads', async () => {
    const gate = await open({ registry: `http://127.0.0.1:${port}/` })
    const get = (method: string, url: string): Promise<{ first: string; rest: string }> => say(gate, `${method} ${url} HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer x\r\nconnection: close\r\n\r\n`)
    expect((await get('GET', `http://127.0.0.1:${port}/is-number?x=1`)).rest).toContain('{"name":"x"}')
    expect(seen).toEqual(['GET /is-number?x=1 -'])
    for (const [method, url] of [['PUT', `http://127.0.0.1:${port}/is-number`], ['GET', 'http://example.com/'], ['GET', '/'], ['GET', `http://127.0.0.1:1/`]] as const) {
      expect((await get(method, url)).first).toBe('HTTP/1.1 403 Forbidden')
    }
    expect((await say(gate, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)).first).toBe('HTTP/1.1 403 Forbidden')
    expect(seen).toHaveLength(1)
  })

  it('tells package managers where to go, without the credentials of the address', () => {
    const environment = new HttpEgress({ registry: 'https://user:secret@packages.example/npm/' }).registryEnvironment(3128)
    expect(environment).toMatchObject({
      npm_config_registry: 'https://packages.example/npm/', HTTPS_PROXY: 'http://127.0.0.1:3128', https_proxy: 'http://127.0.0.1:3128', HTTP_PROXY: 'http://127.0.0.1:3128',
      NO_PROXY: '127.0.0.1,localhost,::1', npm_config_cache: '/tmp/npm',
    })
    expect(JSON.stringify(environment)).not.toContain('secret')
  })
})
