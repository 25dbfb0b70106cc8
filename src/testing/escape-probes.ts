import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import os from 'node:os'
import path from 'node:path'

/** Things on the host that a sandbox must not get at, put there to be found. */
export interface Bait {
  readonly outside: string
  readonly port: number
  readonly abstractName: string
  readonly hostPid: number
  readonly token: string
  remove(): Promise<void>
}

export const layBait = async (): Promise<Bait> => {
  const outside = await mkdtemp(path.join(os.tmpdir(), 'chorus-outside-'))
  const token = `bait-${path.basename(outside)}`
  const tcp = await listening(createServer((socket) => { socket.destroy() }), { port: 0, host: '127.0.0.1' })
  const abstractName = `\0${token}`
  const abstract = await listening(createServer((socket) => { socket.destroy() }), { path: abstractName })
  const sleeper: ChildProcess = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', token], { stdio: 'ignore' })
  return {
    outside, token, abstractName, port: (tcp.address() as AddressInfo).port, hostPid: sleeper.pid ?? 0,
    remove: async () => {
      sleeper.kill('SIGKILL')
      tcp.close()
      abstract.close()
      await rm(outside, { recursive: true, force: true })
    },
  }
}

const listening = (server: Server, where: { port: number; host: string } | { path: string }): Promise<Server> =>
  new Promise((resolve, reject) => server.once('error', reject).listen(where, () => { resolve(server) }))

/** Needs root on the host to succeed there; without it their control run proves nothing. */
export const ROOT_PROBES: readonly string[] = ['read /etc/shadow', 'write to /usr', 'mount', 'make a device', 'chroot', 'write core_pattern']

export const PROBES: readonly string[] = [
  ...ROOT_PROBES, 'write beside the workspace', 'connect to the host loopback', 'connect to an abstract socket', 'see a host process', 'signal a host process',
  'find a secret in an environment', 'open a VSOCK socket', 'make a user namespace',
]

/**
 * A program for `node -e`, told the bait as JSON in its last argument. Prints one line per probe, `ESCAPE name` or
 * `held name`. Where Node has no call for it, perl makes the bare system call: the tools ask for root before they try.
 */
export const ESCAPE_PROGRAM = `
const fs = require('node:fs'), net = require('node:net'), { spawnSync } = require('node:child_process')
const bait = JSON.parse(process.argv.at(-1))
const arm = process.arch === 'arm64'
const tries = (work) => { try { return work() } catch { return false } }
const runs = (program, ...args) => spawnSync(program, args, { stdio: 'ignore' }).status === 0
const connects = (options) => new Promise((resolve) => net.connect(options).once('connect', () => resolve(true)).once('error', () => resolve(false)))
const everyProcess = (file) => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && name !== String(process.pid))
  .map((name) => tries(() => fs.readFileSync('/proc/' + name + '/' + file, 'latin1')) || '')
const probes = {
  'read /etc/shadow': () => fs.readFileSync('/etc/shadow').length > 0,
  'write to /usr': () => { const file = '/usr/' + bait.token; fs.writeFileSync(file, ''); fs.rmSync(file); return true },
  'mount': () => runs('perl', '-e', 'mkdir "/tmp/m$$"; my $r = syscall(' + (arm ? 40 : 165) + ', my $a = "none", my $b = "/tmp/m$$", my $c = "tmpfs", 0, 0); system("umount /tmp/m$$") if $r == 0; rmdir "/tmp/m$$"; exit($r == 0 ? 0 : 1)'),
  'make a device': () => { const file = '/tmp/' + bait.token; const made = runs('mknod', file, 'b', '7', '99'); fs.rmSync(file, { force: true }); return made },
  'chroot': () => runs('chroot', '/', 'true'),
  'write core_pattern': () => { fs.closeSync(fs.openSync('/proc/sys/kernel/core_pattern', 'r+')); return true },
  'write beside the workspace': () => { fs.writeFileSync(bait.outside + '/escaped', ''); fs.rmSync(bait.outside + '/escaped'); return true },
  'connect to the host loopback': () => connects({ port: bait.port, host: '127.0.0.1' }),
  'connect to an abstract socket': () => connects({ path: bait.abstractName }),
  'see a host process': () => everyProcess('cmdline').some((line) => line.endsWith('\\0' + bait.token + '\\0')),
  'signal a host process': () => process.kill(bait.hostPid, 0),
  'find a secret in an environment': () => [...everyProcess('environ'), fs.readFileSync('/proc/self/environ', 'latin1')].some((text) => text.includes('HOST_SECRET=' + bait.token)),
  'open a VSOCK socket': () => runs('perl', '-e', 'socket(my $s, 40, 1, 0) or exit 1'),
  'make a user namespace': () => runs('perl', '-e', 'exit(syscall(' + (arm ? 97 : 272) + ', 0x10000000) == 0 ? 0 : 1)'),
}
;(async () => {
  for (const [name, probe] of Object.entries(probes)) {
    let escaped = false
    try { escaped = await probe() } catch { /* refused */ }
    console.log((escaped ? 'ESCAPE ' : 'held ') + name)
  }
  process.exit(0)
})()
`
