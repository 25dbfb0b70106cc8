import { chmod, mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fail, messageOf, ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'
import type { Sandbox, SandboxNetwork, SandboxProbe } from '../../ports/mod.ts'
import { isOwnFolder } from './ownership.ts'

type Facts = Readonly<Record<string, string | boolean>>
type Inside = (command: readonly string[], network?: SandboxNetwork) => Promise<Result<string>>

/**
 * Judges by running, never by version: a shell and `node` must work inside, apart from the host; npm, git and the way out
 * through a socket are reported, because not every task needs them.
 */
export const probeSandbox = async (sandbox: Sandbox, facts: () => Promise<Facts>, { fix, instance }: { readonly fix: string; readonly instance: string }): Promise<SandboxProbe> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), `${PREFIX}${instance}-${process.pid}-`))
  const workspace = path.join(folder, 'workspace')
  try {
    await prepare(folder, workspace)
    const inside: Inside = (command, network = { kind: 'none' }) => answer(sandbox, { command, workspace, network })
    // Each sandbox and each program takes its time, and a node waits for this at every start.
    const others = Promise.all([otherPrograms(inside), reachesSocket(folder, inside)])
    // Nothing may still run in the folder when it goes.
    const first = await firstLook(inside).finally(() => others)
    const [programs, network] = await others
    if (!first.ok) return { available: false, reason: first.reason, fix: first.fix ?? fix }
    return { available: true, facts: { ...await facts(), node: first.node, ...programs, network } }
  } catch (thrown) {
    return { available: false, reason: messageOf(thrown), fix }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes what earlier processes of this instance left when they were killed while they probed. */
export const reapProbes = async (instance: string): Promise<void> => {
  for (const name of await readdir(os.tmpdir())) {
    if (!name.startsWith(`${PREFIX}${instance}-`) || name.startsWith(`${PREFIX}${instance}-${process.pid}-`)) continue
    const folder = path.join(os.tmpdir(), name)
    if (await isOwnFolder(folder)) await rm(folder, { recursive: true, force: true })
  }
}

const PREFIX = 'chorus-probe-'

const prepare = async (folder: string, workspace: string): Promise<void> => {
  await chmod(folder, 0o711)
  await mkdir(workspace)
}

const NAMESPACES = ['user', 'pid', 'net', 'mnt', 'ipc', 'uts']

type FirstLook = { readonly ok: true; readonly node: string } | { readonly ok: false; readonly reason: string; readonly fix?: string }

/** In one run what must hold: something runs, every namespace is another than ours, and `node` works. */
const firstLook = async (inside: Inside): Promise<FirstLook> => {
  const links = NAMESPACES.map((name) => `/proc/self/ns/${name}`)
  const [seen, ours] = await Promise.all([inside(['sh', '-c', 'readlink "$@"; said=$(node -v 2>&1); echo "node: $? $said"', 'sh', ...links]), Promise.all(links.map((link) => readlink(link)))])
  if (!seen.ok) return { ok: false, reason: `a shell failed inside the sandbox: ${seen.reason}` }
  const [, found = '', code = '', said = ''] = /^(.*?)node: (\d+) ?(.*)$/s.exec(seen.value) ?? []
  const theirs = found.split('\n')
  // One that could not be read counts as shared.
  const shared = NAMESPACES.filter((_name, index) => !/^\w+:\[\d+\]$/.test(theirs[index] ?? '') || theirs[index] === ours[index])
  if (shared.length > 0) return { ok: false, reason: `the sandbox shares these namespaces with the host: ${shared.join(', ')}` }
  if (code === '0') return { ok: true, node: said }
  return { ok: false, reason: `\`node -v\` failed inside the sandbox: ${said === '' ? `exited with code ${code}` : said}`, fix: 'use a Node that is one file besides what lies below /usr' }
}

/** What not every task needs: the version, or false. Never rejects. */
const otherPrograms = async (inside: Inside): Promise<Facts> => {
  // Why nothing runs, the first look says.
  const seen = await inside(['sh', '-c', 'echo "git: $(git --version)"; echo "npm: $(npm -v)"']).catch(() => undefined)
  const said = seen?.ok === true ? seen.value : ''
  return { npm: /^npm: (\d.*)$/m.exec(said)?.[1] ?? false, git: /^git: (git version .*)$/m.exec(said)?.[1] ?? false }
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
