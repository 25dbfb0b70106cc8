import { chmod, mkdir, mkdtemp, readlink, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fail, messageOf, ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'
import type { Sandbox, SandboxNetwork, SandboxProbe } from '../../ports/mod.ts'

type Facts = Readonly<Record<string, string | boolean>>
type Inside = (command: readonly string[], network?: SandboxNetwork) => Promise<Result<string>>

/**
 * Judges by running, never by version: `true` and `node` must work inside; npm, git and the way out through a socket
 * are reported, because not every task needs them.
 */
export const probeSandbox = async (sandbox: Sandbox, facts: () => Promise<Facts>, fix: string): Promise<SandboxProbe> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-probe-'))
  const workspace = path.join(folder, 'workspace')
  try {
    await prepare(folder, workspace)
    const inside: Inside = (command, network = { kind: 'none' }) => answer(sandbox, { command, workspace, network })
    const nothing = await inside(['true'])
    if (!nothing.ok) return { available: false, reason: `\`true\` failed inside the sandbox: ${nothing.reason}`, fix }
    const shared = await sharedNamespaces(inside)
    if (shared.length > 0) return { available: false, reason: `the sandbox shares these namespaces with the host: ${shared.join(', ')}`, fix }
    const node = await inside(['node', '-v'])
    if (!node.ok) {
      return { available: false, reason: `\`node -v\` failed inside the sandbox: ${node.reason}`, fix: 'use a Node that is one file besides what lies below /usr' }
    }
    const [npm, git, network] = await Promise.all([inside(['npm', '-v']), inside(['git', '--version']), reachesSocket(folder, inside)])
    return { available: true, facts: { ...await facts(), node: node.value, npm: npm.ok && npm.value, git: git.ok && git.value, network } }
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

const NAMESPACES = ['user', 'pid', 'net', 'mnt', 'ipc', 'uts']

/** Namespaces that are the same inside as ours, or that could not be told apart. */
const sharedNamespaces = async (inside: Inside): Promise<readonly string[]> => {
  const links = NAMESPACES.map((name) => `/proc/self/ns/${name}`)
  const [theirs, ours] = [await inside(['readlink', ...links]), await Promise.all(links.map((link) => readlink(link)))]
  if (!theirs.ok) return NAMESPACES
  const found = theirs.value.split('\n')
  return NAMESPACES.filter((_name, index) => found[index] === undefined || found[index] === ours[index])
}

const LIMITS = {
  timeoutMs: 20_000, graceMs: 100, memoryBytesMax: 512 * 2 ** 20, processesMax: 64, cpusMax: 1, outputBytesMax: 4096,
  fileBytesMax: 16 * 2 ** 20, diskBytesMax: 64 * 2 ** 20,
}

/** What the command printed, or what it said when it failed. Rejects when the sandbox could not be set up. */
const answer = async (sandbox: Sandbox, run: { readonly command: readonly string[]; readonly workspace: string; readonly network: SandboxNetwork }): Promise<Result<string>> => {
  const process = await sandbox.start({
    command: run.command, workspace: { path: run.workspace, writable: true }, mounts: [], environment: {}, network: run.network, limits: LIMITS, label: 'probe',
  })
  process.stdin.end()
  const [stdout, stderr, end] = await Promise.all([process.stdout.toArray(), process.stderr.toArray(), process.ended])
  if (end.outcome === 'exited' && end.code === 0) return ok(Buffer.concat(stdout as Buffer[]).toString().trim())
  const said = Buffer.concat(stderr as Buffer[]).toString().trim().slice(0, 300)
  return fail(said === '' ? `${end.outcome} with code ${String(end.code)}` : said)
}

/** Whether a socket on the host answers inside, which takes socat. */
const reachesSocket = async (folder: string, inside: Inside): Promise<boolean> => {
  const socketPath = path.join(folder, 'gate', 's')
  await mkdir(path.dirname(socketPath), { mode: 0o711 })
  const server = createServer((socket) => { socket.end('here') })
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve))
    await chmod(socketPath, 0o666)
    const script = `require('node:net').connect(8080, '127.0.0.1').on('error', () => process.exit(1)).pipe(process.stdout)`
    const heard = await inside(['node', '-e', script], { kind: 'socket', socketPath, port: 8080 })
    return heard.ok && heard.value === 'here'
  } catch {
    // The reason stands in the failed start of whoever needs the network; here only the fact is asked.
    return false
  } finally {
    server.close()
  }
}
