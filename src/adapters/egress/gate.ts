import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { ChorusError } from '../../core/mod.ts'
import type { EgressGate } from '../../ports/mod.ts'

/** What a gate has let through and refused. */
export interface GateCounts { allowed: number; refused: number; inputTokens: number; outputTokens: number }

export interface GatePlace {
  /** Where the socket's folder is made; the system's when not given. */
  readonly folder?: string | undefined
  /** The sandbox's user, when it is another than ours: it alone may use the socket. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
}

/**
 * Puts an HTTP server on a unix socket of its own, in a folder of its own that only the sandbox's user can enter: what goes
 * through it is paid for. The path is short, since sockets allow 107 bytes.
 */
export const openGate = async (server: Server, counts: GateCounts, place: GatePlace): Promise<EgressGate> => {
  const folder = await mkdtemp(path.join(place.folder ?? os.tmpdir(), 'chorus-gate-'))
  const socketPath = path.join(folder, 's')
  const sockets = new Set<Socket>()
  server.maxConnections = CONNECTIONS_MAX
  server.headersTimeout = 10_000
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => { socket.destroy() })
    socket.once('close', () => { sockets.delete(socket) })
  })
  server.on('clientError', (_error, socket) => { socket.destroy() })
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve))
    await chmod(socketPath, 0o600)
    if (place.owner !== undefined && process.getuid?.() === 0) {
      await chown(socketPath, place.owner.uid, place.owner.gid)
      await chown(folder, place.owner.uid, place.owner.gid)
    }
  } catch (cause) {
    await rm(folder, { recursive: true, force: true })
    throw new ChorusError('IO_FAILED', `a socket could not be opened at ${socketPath}`, { cause })
  }
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const stopped = new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    for (const socket of sockets) socket.destroy()
    await stopped
    await rm(folder, { recursive: true, force: true })
  }
  return { socketPath, counts: () => ({ ...counts }), close: () => { closed ??= close(); return closed } }
}

const CONNECTIONS_MAX = 128
