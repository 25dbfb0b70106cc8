import { existsSync, statSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EgressGate } from '../../ports/mod.ts'
import { HttpEgress } from './mod.ts'
import type { EgressOptions } from './mod.ts'

const KEY = 'sk-real-0123456789'
interface Seen { readonly method: string | undefined; readonly url: string | undefined; readonly headers: http.IncomingHttpHeaders; readonly body: string }

describe('the model gate', () => {
  let folder = ''
  let upstream: http.Server
  let endpoint = ''
  let answering: (request: Seen, answer: http.ServerResponse) => void
  const seen: Seen[] = []
  const gates: EgressGate[] = []

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-model-'))
    seen.length = 0
    answering = (_request, answer) => { answer.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end(JSON.stringify({ usage: { prompt_tokens: 10, completion_tokens: 5 } })) }
    upstream = http.createServer((incoming, answer) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('end', () => {
        const request = { method: incoming.method, url: incoming.url, headers: incoming.headers, body: Buffer.concat(chunks).toString() }
        seen.push(request)
        if (incoming.headers.authorization === `Bearer ${KEY}`) answering(request, answer)
        else answer.writeHead(401).end('{"error":"bad key"}')
      })
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    endpoint = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
  })
  afterEach(async () => {
    for (const gate of gates.splice(0)) await gate.close()
    upstream.closeAllConnections()
    await new Promise((resolve) => upstream.close(resolve))
    await rm(folder, { recursive: true, force: true })
  })

  const open = async (model: Partial<NonNullable<EgressOptions['model']>> = {}, more: Partial<EgressOptions> & { tokensMax?: number } = {}): Promise<EgressGate> => {
    const gate = await new HttpEgress({ folder, model: { endpoint, key: KEY, ...model }, ...more }).openModel({ label: 'test', tokensMax: more.tokensMax })
    gates.push(gate)
    return gate
  }
  const call = (gate: EgressGate, url: string, options: { method?: string; body?: unknown; headers?: http.OutgoingHttpHeaders } = {}): Promise<{ status: number | undefined; headers: http.IncomingHttpHeaders; body: string }> =>
    new Promise((resolve, reject) => {
      const request = http.request({ socketPath: gate.socketPath, path: url, method: options.method ?? 'POST', headers: { 'content-type': 'application/json', ...options.headers } }, (received) => {
        const chunks: Buffer[] = []
        received.on('data', (chunk: Buffer) => chunks.push(chunk))
        received.once('close', () => { resolve({ status: received.statusCode, headers: received.headers, body: Buffer.concat(chunks).toString() }) })
      })
      request.once('error', reject)
      request.end(typeof options.body === 'string' ? options.body : JSON.stringify(options.body ?? { model: 'm' }))
    })

  it('adds the key, drops what the sandbox sends of its own, and counts tokens', async () => {
    const gate = await open()
    const answer = await call(gate, '/v1/chat/completions', { headers: { authorization: 'Bearer placeholder', 'x-api-key': 'p', cookie: 'c=d', 'proxy-authorization': 'p', 'openai-organization': 'other', 'x-forwarded-for': '1.1.1.1', host: 'evil.example' } })
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/chat/completions', body: '{"model":"m"}' })
    expect(Object.keys(seen[0]?.headers ?? {}).sort()).toEqual(['accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host'])
    expect(seen[0]?.headers.host).toBe(new URL(endpoint).host)
    expect(gate.counts()).toEqual({ allowed: 1, refused: 0, inputTokens: 10, outputTokens: 5 })
  })

  it.each([
    ['POST', '/v1/files'], ['GET', '/v1/chat/completions'], ['DELETE', '/v1/models'], ['POST', '/v1/chat/completions/'], ['POST', '/v1/../admin'], ['POST', '//v1/chat/completions'],
    ['POST', 'http://evil.example/v1/chat/completions'], ['GET', '/'], ['POST', '/v1/fine_tuning/jobs'],
  ])('refuses %s %s without asking upstream', async (method, url) => {
    const gate = await open()
    expect((await call(gate, url, { method })).status).toBe(403)
    expect([seen.length, gate.counts().refused]).toEqual([0, 1])
  })

  it('passes a list of models, and no query but the known one', async () => {
    const gate = await open()
    expect((await call(gate, '/v1/models?x=y', { method: 'GET', body: '' })).status).toBe(200)
    await call(gate, '/v1/messages?beta=true')
    expect(seen.map((request) => request.url)).toEqual(['/v1/models', '/v1/messages?beta=true'])
  })

  it('refuses models that are not listed, and bodies that say two things', async () => {
    const gate = await open({ models: ['small'] })
    for (const body of ['{"model":"large"}', '{', '[]', '{}', '{"model":["small"]}']) expect((await call(gate, '/v1/chat/completions', { body })).status).toBe(403)
    expect((await call(gate, '/v1/chat/completions', { body: '{"model":"large","model":"small"}' })).status).toBe(200)
    expect(seen.map((request) => request.body)).toEqual(['{"model":"small"}'])
  })

  it('streams an answer as it comes, asking for the usage that it counts', async () => {
    const gate = await open()
    answering = (_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
      setImmediate(() => answer.end('data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'))
    }
    const answer = await call(gate, '/v1/chat/completions', { body: { model: 'm', stream: true, stream_options: { other: 1 } } })
    expect(answer.body).toContain('[DONE]')
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ model: 'm', stream: true, stream_options: { other: 1, include_usage: true } })
    await vi.waitFor(() => { expect(gate.counts()).toMatchObject({ inputTokens: 3, outputTokens: 2 }) })
  })

  it('refuses calls once the tokens are used up, and before when the call itself would pass the cap', async () => {
    const gate = await open({}, { tokensMax: 20 })
    expect((await call(gate, '/v1/chat/completions')).status).toBe(200)
    await vi.waitFor(() => { expect(gate.counts().inputTokens).toBe(10) })
    const refused = await call(gate, '/v1/chat/completions', { body: { model: 'm', messages: ['x'.repeat(40)] } })
    expect([refused.status, seen.length]).toEqual([429, 1])
    expect(refused.body).toContain('token budget is used up (20)')
  })

  it('does not follow redirects', async () => {
    const gate = await open()
    answering = (_request, answer) => { answer.writeHead(307, { location: 'http://169.254.169.254/latest' }).end() }
    const answer = await call(gate, '/v1/chat/completions')
    expect([answer.status, answer.headers.location, seen.length]).toEqual([502, undefined, 1])
  })

  it('never hands the key on, even when the endpoint quotes it', async () => {
    const gate = await open()
    answering = (_request, answer) => { answer.writeHead(403, { 'content-type': 'application/json' }).end(`{"error":"the key ${KEY} has no credit"}`) }
    const answer = await call(gate, '/v1/chat/completions')
    expect([answer.status, answer.body]).toEqual([403, '{"error":"the key [key] has no credit"}'])
  })

  it('refuses a body that is too large', async () => {
    const gate = await open()
    const answer = await call(gate, '/v1/chat/completions', { body: 'x'.repeat(17 * 2 ** 20) }).catch((thrown: unknown) => thrown)
    // The answer may come before the whole body went: then the connection ends first.
    expect(answer instanceof Error || (answer as { status: number }).status === 413).toBe(true)
    expect([seen.length, gate.counts().refused]).toEqual([0, 1])
  })

  it('refuses an endpoint whose name leads inwards, and says 502 when nobody answers', async () => {
    const name = endpoint.replace('127.0.0.1', 'models.example')
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1'])
    const inward = await call(await open({ endpoint: name }, { resolve }), '/v1/chat/completions')
    expect([inward.status, seen.length]).toEqual([502, 0])
    expect(inward.body).toContain('not a public address')
    expect((await call(await open({ endpoint: name, allowPrivate: true }, { resolve }), '/v1/chat/completions')).status).toBe(200)
    expect((await call(await open({ endpoint: 'http://127.0.0.1:1/v1' }), '/v1/chat/completions')).status).toBe(502)
  })

  it('needs a model to be configured', async () => {
    await expect(new HttpEgress({}).openModel({ label: 'x' })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE', setting: 'execution.model.endpoint' })
    await expect(open({ endpoint: 'ftp://x' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('is for the sandboxed programs alone, and goes away when closed, twice as well as once', async () => {
    const owner = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    const gate = await open({}, { owner })
    for (const [place, mode] of [[path.dirname(gate.socketPath), 0o700], [gate.socketPath, 0o600]] as const) {
      expect(statSync(place)).toMatchObject(owner)
      expect(statSync(place).mode & 0o777).toBe(mode)
    }
    await Promise.all([gate.close(), gate.close()])
    expect(existsSync(path.dirname(gate.socketPath))).toBe(false)
  })
})
