import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SandboxSpec } from '../ports/mod.ts'
import { runToEnd, testSpec } from './sandbox-compliance.ts'
import { BubblewrapSandbox } from '../adapters/bubblewrap/mod.ts'
import { HttpEgress } from '../adapters/egress/mod.ts'

const KEY = 'sk-real-0123456789'
const PORT = 8080

describe('a sandbox behind a gate', () => {
  const sandbox = new BubblewrapSandbox({ instance: `gate${process.pid}`.slice(0, 16) })
  let folder = ''
  let workspace = ''

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-inside-'))
    await chmod(folder, 0o711)
    workspace = path.join(folder, 'workspace')
    await mkdir(workspace)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const behind = (socketPath: string, command: readonly string[], environment: SandboxSpec['environment']): SandboxSpec => testSpec(workspace, command, {
    environment, network: { kind: 'socket', socketPath, port: PORT },
    limits: { memoryBytesMax: 2 ** 30, processesMax: 128, fileBytesMax: 256 * 2 ** 20 },
  })

  it('calls the model with a placeholder; only the endpoint ever sees the key', async () => {
    const seen: (string | undefined)[] = []
    const upstream = http.createServer((incoming, answer) => {
      seen.push(incoming.headers.authorization)
      if (incoming.headers.authorization !== `Bearer ${KEY}`) return answer.writeHead(401).end()
      return answer.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[{"message":{"content":"hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}')
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const gate = await new HttpEgress({ folder, owner: { uid: 10_001, gid: 10_001 }, model: { endpoint: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`, key: KEY } }).openModel({ label: 'inside' })
    try {
      const program = `
        const base = 'http://127.0.0.1:${PORT}'
        const post = (path) => fetch(base + path, { method: 'POST', headers: { authorization: 'Bearer placeholder', 'content-type': 'application/json' }, body: '{"model":"m"}' })
        const good = await post('/v1/chat/completions')
        console.log(good.status, (await good.json()).choices[0].message.content)
        console.log((await post('/v1/files')).status)
        console.log(JSON.stringify(process.env).includes('sk-real'))`
      const { stdout, stderr } = await runToEnd(sandbox, behind(gate.socketPath, ['node', '--input-type=module', '-e', program], {}))
      expect([stdout, stderr]).toEqual(['200 hello\n403\nfalse\n', ''])
      expect(seen).toEqual([`Bearer ${KEY}`])
      expect(gate.counts()).toEqual({ allowed: 1, refused: 1, inputTokens: 3, outputTokens: 1 })
    } finally {
      await gate.close()
      upstream.closeAllConnections()
      upstream.close()
    }
  })

  it('reads packages with the real npm from the real registry, and reaches nothing else', async () => {
    const egress = new HttpEgress({ folder, owner: { uid: 10_001, gid: 10_001 }, registry: process.env['npm_config_registry'] })
    const gate = await egress.openRegistry({ label: 'inside' })
    try {
      const environment = egress.registryEnvironment(PORT)
      const view = await runToEnd(sandbox, behind(gate.socketPath, ['npm', 'view', 'is-number@7.0.0', 'version'], environment))
      expect([view.stdout.trim(), view.end.code], view.stderr).toEqual(['7.0.0', 0])
      expect(gate.counts().allowed).toBeGreaterThan(0)
      const elsewhere = await runToEnd(sandbox, behind(gate.socketPath, ['npm', 'view', 'is-number', 'version', '--registry', 'https://example.com', '--fetch-retries=0'], environment))
      expect(elsewhere.end.code).not.toBe(0)
      expect(gate.counts().refused).toBeGreaterThan(0)
    } finally {
      await gate.close()
    }
  })

  it('installs a lockfile into the workspace', async () => {
    const egress = new HttpEgress({ folder, owner: { uid: 10_001, gid: 10_001 }, registry: process.env['npm_config_registry'] })
    const gate = await egress.openRegistry({ label: 'inside' })
    try {
      const script = 'echo \'{"name":"x","version":"1.0.0","dependencies":{"is-number":"7.0.0"}}\' >package.json && npm install --package-lock-only && npm ci && node -p "require(\'is-number\')(5)"'
      const { stdout, stderr, end } = await runToEnd(sandbox, behind(gate.socketPath, ['sh', '-c', script], egress.registryEnvironment(PORT)))
      expect([stdout.trim().split('\n').at(-1), end.code], stderr).toEqual(['true', 0])
    } finally {
      await gate.close()
    }
  })
})
