import path from 'node:path'
import type { SandboxLimits, SandboxMount, SandboxNetwork } from '../../ports/mod.ts'
import type { HostLayout } from './host-layout.ts'

/** Numbers of the pipes between us and bwrap. READY, both ways, is the only one that our own first lines inside still see. */
export const FD = { arguments: 3, seccomp: 4, status: 5, block: 6, ready: 7, files: 8 } as const

export interface SandboxArguments {
  /** For --args: kept off the command line, where every user of the host could read them. */
  readonly options: readonly string[]
  /** What follows `--` on bwrap's command line: our first lines inside, then the command. */
  readonly command: readonly string[]
  /** Small files made inside, in the order of their pipes from FD.files. */
  readonly files: readonly string[]
}

export interface SandboxRequest {
  readonly command: readonly string[]
  readonly workspace: { readonly path: string; readonly writable: boolean }
  readonly mounts: readonly SandboxMount[]
  readonly environment: Readonly<Record<string, string>>
  readonly network: SandboxNetwork
  readonly limits: SandboxLimits
  /** Each process must carry its own limits, because no group holds them. */
  readonly processLimits: boolean
  readonly openFilesMax: number
}

const LOOPBACK = '127.0.0.1,localhost,::1'
export const INSIDE_PATH = '/opt/chorus/bin:/usr/local/bin:/usr/bin:/bin'

/** Everything bwrap is told. Pure. `sources` may replace a host path by another where the same thing can be reached. */
export const sandboxArguments = (request: SandboxRequest, host: HostLayout, sources: (hostPath: string) => string = (same) => same): SandboxArguments => {
  const { limits, network } = request
  const size = String(limits.fileBytesMax)
  const files = Object.entries(FILES)
  const environment = {
    ...request.environment,
    // Programs that honour a proxy must still reach what listens beside them.
    NO_PROXY: noProxy(request.environment['NO_PROXY']), no_proxy: noProxy(request.environment['no_proxy']),
    PATH: INSIDE_PATH, HOME: '/home/agent', TMPDIR: '/tmp', LANG: 'C.UTF-8',
  }
  const options = [
    // --unshare-user besides --unshare-all, which would go on without a user namespace where there is none to be had.
    '--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session', '--cap-drop', 'ALL',
    '--hostname', 'sandbox', '--uid', '1000', '--gid', '1000', '--clearenv',
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    '--ro-bind', '/usr', '/usr',
    ...host.systemFolders.flatMap(({ at, linkTo }) => linkTo === undefined ? ['--ro-bind', at, at] : ['--symlink', linkTo, at]),
    ...ETC.flatMap((file) => ['--ro-bind-try', file, file]),
    ...files.flatMap(([name], index) => ['--ro-bind-data', String(FD.files + index), name]),
    // bwrap's own cover of /proc/sys is skipped for some callers; as a mount of its own it is read-only for all.
    '--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys',
    '--dev', '/dev', '--size', size, '--perms', '1777', '--tmpfs', '/dev/shm',
    '--size', size, '--perms', '1777', '--tmpfs', '/tmp', '--size', size, '--tmpfs', '/home/agent', '--dir', '/run',
    '--ro-bind', sources(host.node), '/opt/chorus/bin/node',
    ...host.npmFolder === undefined ? [] : [
      '--ro-bind', sources(host.npmFolder), '/opt/chorus/lib/node_modules/npm',
      '--symlink', '../lib/node_modules/npm/bin/npm-cli.js', '/opt/chorus/bin/npm',
      '--symlink', '../lib/node_modules/npm/bin/npx-cli.js', '/opt/chorus/bin/npx',
    ],
    ...network.kind === 'socket' ? ['--ro-bind', sources(path.dirname(network.socketPath)), '/run/egress'] : [],
    request.workspace.writable ? '--bind' : '--ro-bind', sources(request.workspace.path), '/workspace',
    // A folder before what is mounted inside it.
    ...[...request.mounts].sort((left, right) => left.target.length - right.target.length)
      .flatMap((mount) => [mount.writable ? '--bind' : '--ro-bind', sources(mount.source), mount.target]),
    '--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/workspace',
    '--seccomp', String(FD.seccomp), '--json-status-fd', String(FD.status), '--block-fd', String(FD.block),
  ]
  return { options, command: firstLines(request), files: files.map(([, content]) => content) }
}

/** Certificates and what the loader and `update-alternatives` need; nothing else of /etc. */
const ETC = ['/etc/ssl', '/etc/pki', '/etc/crypto-policies', '/etc/alternatives', '/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d']

const FILES = {
  '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n',
  '/etc/group': 'root:x:0:\nagent:x:1000:\n',
  '/etc/hosts': '127.0.0.1 localhost sandbox\n::1 localhost\n',
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}

const noProxy = (given: string | undefined): string => given === undefined || given === '' ? LOOPBACK : `${LOOPBACK},${given}`

/**
 * A few lines of sh before the command: start the forwarder and see it listen, then report over the READY pipe that
 * the sandbox stands, and wait to be told to go on: nothing runs for a coordinator that died meanwhile. Whatever fails
 * before that is the sandbox's failure, whatever ends after it is the command's.
 */
const firstLines = (request: SandboxRequest): string[] => {
  const lines = [...forwarder(request.network), `printf r >&${FD.ready}`, `read -r go <&${FD.ready} || exit 125`, `exec ${FD.ready}>&-`, 'exec "$@"']
  return ['/bin/sh', '-c', lines.join('\n'), 'sh', '/usr/bin/prlimit', ...processLimits(request), '--', ...request.command]
}

/** More connections at once than this wait; each costs a process. */
export const FORWARDER_PROCESSES = 32

const forwarder = (network: SandboxNetwork): string[] => {
  if (network.kind === 'none') return []
  const port = network.port.toString(16).toUpperCase().padStart(4, '0')
  return [
    `socat TCP-LISTEN:${network.port},bind=127.0.0.1,fork,reuseaddr,backlog=128,max-children=${FORWARDER_PROCESSES} ` +
      `UNIX-CONNECT:/run/egress/${path.basename(network.socketPath)} </dev/null >/dev/null 2>&1 ${FD.ready}>&- &`,
    // proc(5): local address, remote address, state 0A = listening. Each look is a process, so the loop is not idle.
    `until grep -q ": 0100007F:${port} 00000000:0000 0A " /proc/net/tcp; do`,
    `kill -0 $! 2>/dev/null || { echo "socat does not listen on port ${network.port} (is it installed?)" >&2; exit 125; }`,
    'done',
  ]
}

const processLimits = ({ limits, processLimits: each, openFilesMax }: SandboxRequest): string[] => [
  '--core=0', `--fsize=${limits.fileBytesMax}`, `--nofile=${openFilesMax}`,
  // The number of processes is counted per user and user namespace (since Linux 5.14), so per sandbox.
  ...each ? [
    `--nproc=${limits.processesMax}`, `--data=${limits.memoryBytesMax + RESERVED_BYTES}`,
    `--cpu=${Math.ceil(limits.timeoutMs / 1000 * limits.cpusMax) + 1}`,
  ] : [],
]

/**
 * Address space that V8 takes without using it (512 MiB for code alone) and that RLIMIT_DATA counts. The limit per process is
 * only there for what happens between two samples; the samples hold the real one.
 */
const RESERVED_BYTES = 2 ** 30
