import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChorusError } from '../../core/mod.ts'
import { ControlServer, askNode, watchNode } from './mod.ts'

describe('the control socket', () => {
  let folder: string
  let socketPath: string
  let server: ControlServer
  let listeners: Set<(line: string) => void>
  const asked: unknown[] = []

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-control-'))
    socketPath = path.join(folder, 'control', 'node.sock')
    listeners = new Set()
    asked.splice(0)
    server = new ControlServer(socketPath, {
      commands: {
        status: (body) => { asked.push(body); return Promise.resolve({ ready: true }) },
        known: () => Promise.reject(new ChorusError('STATE_LOCKED', 'another process has it')),
        broken: () => Promise.reject(new TypeError('undefined is not a function')),
        sudden: () => { throw new ChorusError('INPUT_INVALID', 'thrown at once') },
        slow: () => new Promise(() => undefined),
      },
      watch: (listener) => { listeners.add(listener); return () => { listeners.delete(listener) } },
    })
    await server.start()
  })
  afterEach(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** Bytes as they are, and what came back before the connection ended. */
  const raw = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(socketPath)
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // The server may close before it has read everything.
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(bytes)
    await once(socket, 'close')
    return Buffer.concat(chunks).toString('utf8')
  }
  const post = (name: string, body: string): string => `POST /${name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const eventually = async (what: () => boolean): Promise<void> => {
    const untilMs = Date.now() + 4_000
    while (!what()) {
      if (Date.now() > untilMs) throw new Error(`it did not happen: ${what.toString()}`)
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }

  it('answers a command with JSON', async () => {
    expect(await askNode(socketPath, 'status', { deep: true })).toEqual({ ready: true })
    expect(asked).toEqual([{ deep: true }])
  })

  it('hands on what a command failed with, by its code', async () => {
    await expect(askNode(socketPath, 'known')).rejects.toMatchObject({ code: 'STATE_LOCKED', message: 'another process has it' })
    await expect(askNode(socketPath, 'broken')).rejects.toMatchObject({ code: 'INTERNAL', message: 'undefined is not a function' })
    await expect(askNode(socketPath, 'sudden')).rejects.toMatchObject({ code: 'INPUT_INVALID', message: 'thrown at once' })
  })

  it.each(['nonsense', 'constructor', '__proto__', 'toString', '', 'status/../known', 'status?x=1'])('knows no command %j', async (name) => {
    await expect(askNode(socketPath, name)).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'no such command' })
    expect(asked).toEqual([])
  })

  it('takes no command by another method', async () => {
    expect(await raw('GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 404 /)
    expect(asked).toEqual([])
  })

  it.each(['{', 'nul', '"open', '{"a":1}}', '\u0000'])('says what it expected of the body %j', async (body) => {
    expect(await raw(post('status', body))).toMatch(/"error":"a command as JSON expected","code":"INPUT_INVALID"/)
    expect(asked).toEqual([])
  })

  it('refuses a command over 64 KiB, and says so', async () => {
    await expect(askNode(socketPath, 'status', { filler: 'x'.repeat(200_000) })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(asked).toEqual([])
    expect(await askNode(socketPath, 'status')).toEqual({ ready: true })
  })

  it('refuses a command that never says how long it is, once it is too long', async () => {
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    expect(await raw(`POST /status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(8)}`)).toMatch(/LIMIT_EXCEEDED/)
  })

  it('survives what is no HTTP at all', async () => {
    expect(await raw(Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]))).toMatch(/^HTTP\/1\.1 400 /)
    expect(await askNode(socketPath, 'status')).toEqual({ ready: true })
  })

  it('survives a client that leaves before its answer', async () => {
    const socket = connect(socketPath)
    await once(socket, 'connect')
    socket.write(post('slow', '{}'))
    socket.destroy()
    expect(await askNode(socketPath, 'status')).toEqual({ ready: true })
  })

  describe('for watchers', () => {
    it('gives each event a line', async () => {
      const watching = watchNode(socketPath)
      const first = watching.next()
      await eventually(() => listeners.size === 1)
      for (const listener of listeners) { listener('{"kind":"a"}'); listener('{"kind":"b"}') }
      expect((await first).value).toBe('{"kind":"a"}')
      expect((await watching.next()).value).toBe('{"kind":"b"}')
      await watching.return(undefined)
      await eventually(() => listeners.size === 0)
    })

    it('ends when the signal fires, and forgets the watcher', async () => {
      const stop = new AbortController()
      const next = watchNode(socketPath, stop.signal).next()
      await eventually(() => listeners.size === 1)
      stop.abort()
      expect((await next).done).toBe(true)
      await eventually(() => listeners.size === 0)
    })

    it('ends when the node ends', async () => {
      const next = watchNode(socketPath).next()
      await eventually(() => listeners.size === 1)
      await server.stop()
      expect((await next).done).toBe(true)
    })

    it('takes sixteen, tells the next that it is one too many, and has room again when one leaves', async () => {
      const sockets: Socket[] = []
      for (let count = 0; count < 16; count++) {
        const socket = connect(socketPath)
        socket.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n')
        sockets.push(socket)
      }
      await eventually(() => listeners.size === 16)
      await expect(watchNode(socketPath).next()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: 'at most 16 watchers' })
      sockets.pop()?.destroy()
      await eventually(() => listeners.size === 15)
      const stop = new AbortController()
      const next = watchNode(socketPath, stop.signal).next()
      await eventually(() => listeners.size === 16)
      stop.abort()
      await next
      for (const socket of sockets) socket.destroy()
      await eventually(() => listeners.size === 0)
    })

    it('does not hoard events for one that does not read', async () => {
      const socket = connect(socketPath)
      await once(socket, 'connect')
      socket.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n')
      socket.pause()
      await eventually(() => listeners.size === 1)
      const line = 'x'.repeat(64 * 1024)
      const before = process.memoryUsage().rss
      for (let count = 0; count < 4_000; count++) for (const listener of listeners) listener(line)
      expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
      socket.destroy()
      await eventually(() => listeners.size === 0)
    })
  })

  it('is this user\'s alone', async () => {
    expect((await lstat(socketPath)).mode & 0o777).toBe(0o600)
    expect((await lstat(path.dirname(socketPath))).mode & 0o777).toBe(0o700)
  })

  it('starts once, stops once, and leaves no file', async () => {
    await server.start()
    await Promise.all([server.stop(), server.stop()])
    expect(existsSync(socketPath)).toBe(false)
    await expect(askNode(socketPath, 'status')).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('chorus up') as string })
  })

  it('takes the place of a socket that a killed process left', async () => {
    await server.stop()
    const dead = createServer()
    await new Promise<void>((resolve) => { dead.listen(socketPath, resolve) })
    // As after SIGKILL: the file is there, nobody listens.
    dead.close()
    await writeFile(socketPath, '').catch(() => undefined)
    expect(existsSync(socketPath)).toBe(true)
    await expect(askNode(socketPath, 'status')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await server.start()
    expect(await askNode(socketPath, 'status')).toEqual({ ready: true })
  })

  it('says why it cannot listen, and can be started again', async () => {
    await server.stop()
    await mkdir(path.join(socketPath, 'in the way'), { recursive: true })
    await expect(server.start()).rejects.toThrow()
    await rm(socketPath, { recursive: true })
    await server.start()
    expect(await askNode(socketPath, 'status')).toEqual({ ready: true })
  })
})
