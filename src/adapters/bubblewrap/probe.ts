import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { messageOf } from '../../core/mod.ts'
import type { Sandbox, SandboxNetwork, SandboxProbe } from '../../ports/mod.ts'

type Facts = Readonly<Record<string, string | boolean>>

/**
 * Judges by running, never by version: `true` and `node` must work inside; npm, git and the way out through a socket
 * are reported, because not every task needs them.
 */
export const probeSandbox = async (sandbox: Sandbox, facts: () => Promise<Facts>, fix: string): Promise<SandboxProbe> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-probe-'))
  const workspace = path.join(folder, 'workspace')
  try {
    await prepare(folder, workspace)
    const inside = (command: readonly string[], network: SandboxNetwork = { kind: 'none' }): Promise<string | false> =>
      answer(sandbox, { command, workspace, network })
    if (await inside(['true']) === false) return { available: false, reason: '`true` failed inside the sandbox', fix }
    const node = await inside(['node', '-v'])
    if (node === false) return { available: false, reason: '`node -v` failed inside the sandbox', fix: 'use a Node that runs from one file, or one below /usr' }
    const [npm, git, network] = await Promise.all([inside(['npm', '-v']), inside(['git', '--version']), reachesSocket(folder, inside)])
    return { available: true, facts: { ...await facts(), node, npm, git, network } }
  } catch (thrown) {
    return { available: false, reason: messageOf(thrown), fix }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const prepare = async (folder: string, workspace: string): Promise<void> => {
  await chmod(folder, 0o711)
  await mkdir(workspace)
}

const LIMITS = {
  timeoutMs: 20_000, graceMs: 100, memoryBytesMax: 512 * 2 ** 20, processesMax: 64, cpusMax: 1, outputBytesMax: 4096,
  fileBytesMax: 16 * 2 ** 20, diskBytesMax: 64 * 2 ** 20,
}

/** What the command printed; false when it failed. Rejects when the sandbox could not be set up. */
const answer = async (sandbox: Sandbox, run: { readonly command: readonly string[]; readonly workspace: string; readonly network: SandboxNetwork }): Promise<string | false> => {
  const process = await sandbox.start({
    command: run.command, workspace: { path: run.workspace, writable: true }, mounts: [], environment: {}, network: run.network, limits: LIMITS, label: 'probe',
  })
  process.stdin.end()
  const chunks: Buffer[] = []
  for await (const chunk of process.stdout) chunks.push(chunk as Buffer)
  const end = await process.ended
  return end.outcome === 'exited' && end.code === 0 ? Buffer.concat(chunks).toString().trim() : false
}

/** Whether a socket on the host answers inside, which takes socat. */
const reachesSocket = async (folder: string, inside: (command: readonly string[], network: SandboxNetwork) => Promise<string | false>): Promise<boolean> => {
  const socketPath = path.join(folder, 'gate', 's')
  await mkdir(path.dirname(socketPath), { mode: 0o711 })
  const server = createServer((socket) => { socket.end('here') })
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve))
    await chmod(socketPath, 0o666)
    const script = `require('node:net').connect(8080, '127.0.0.1').on('error', () => process.exit(1)).pipe(process.stdout)`
    return await inside(['node', '-e', script], { kind: 'socket', socketPath, port: 8080 }) === 'here'
  } catch {
    // The reason stands in the failed start of whoever needs the network; here only the fact is asked.
    return false
  } finally {
    server.close()
  }
}
