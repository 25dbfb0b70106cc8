import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Ended } from './scenario.ts'

/**
 * Runs a program on a machine that gives no user namespaces: inside one, whose own count of further ones is 0
 * (user_namespaces(7)). All users are the same inside as outside, which needs root; without, bubblewrap makes the place.
 */
export const withoutUserNamespaces = (command: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): { readonly child: ChildProcess; readonly ended: Promise<Ended> } => {
  const isRoot = process.getuid?.() === 0
  const [program = '', ...args] = isRoot
    ? ['unshare', '--user', 'sh', '-c', `echo ready; read -r _; exec "$@"`, 'sh', 'sh', '-c', 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', 'sh', ...command]
    : ['bwrap', '--dev-bind', '/', '/', '--unshare-user', '--disable-userns', '--', ...command]
  const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined)
  // Root's rights in it come with the program that is started after the users are mapped.
  if (isRoot) {
    child.stdout.once('data', () => {
      for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid ?? 0}/${map}`, '0 0 65536\n')
      child.stdin.write('go\n')
    })
  }
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString('utf8') })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString('utf8') })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => { resolve({ code, stdout, stderr }) })
  })
  return { child, ended }
}
