import { spawn } from 'node:child_process'
import { chmodSync, chownSync, closeSync, copyFileSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { FD, sandboxArguments } from '../../src/adapters/bubblewrap/arguments.ts'
import { findHost } from '../../src/adapters/bubblewrap/host-layout.ts'
import { BubblewrapSandbox } from '../../src/adapters/bubblewrap/mod.ts'
import { seccompFilter } from '../../src/adapters/bubblewrap/seccomp.ts'
import { alternate, timed } from '../row.ts'
import type { BenchContext, Row, Rounds } from '../row.ts'

const ROUNDS = 31
const WARM_UP = 3
const SANDBOX_UID = 10_001
const LIMITS = {
  timeoutMs: 20_000, graceMs: 100, memoryBytesMax: 512 * 2 ** 20, processesMax: 64, cpusMax: 1, outputBytesMax: 4096,
  fileBytesMax: 16 * 2 ** 20, diskBytesMax: 64 * 2 ** 20,
}

const measure = async ({ scratch, rounds = ROUNDS }: BenchContext): Promise<Rounds> => {
  const folder = path.join(scratch, 'sandbox')
  const workspace = path.join(folder, 'workspace')
  mkdirSync(workspace, { recursive: true })
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(workspace, SANDBOX_UID, SANDBOX_UID)
  // Where both can reach it: what a hidden folder costs us would else have no counterpart.
  const nodePath = path.join(folder, 'node')
  copyFileSync(process.execPath, nodePath)
  chmodSync(nodePath, 0o755)
  const sandbox = new BubblewrapSandbox({ instance: `bench${process.pid % 1_000}`, nodePath })
  const spec = { command: ['true'], workspace: { path: workspace, writable: true }, mounts: [], environment: {}, network: { kind: 'none' }, limits: LIMITS, label: 'bench' } as const
  const bare = await bareBubblewrap(folder, { nodePath, workspace, uid: isRoot ? SANDBOX_UID : undefined })
  try {
    const { ours, baseline } = await alternate({
      ours: () => timed(async () => {
        const process = await sandbox.start(spec)
        process.stdin.end()
        process.stdout.resume()
        process.stderr.resume()
        const end = await process.ended
        if (end.code !== 0) throw new Error(`\`true\` ended with ${end.outcome} ${end.code}`)
      }),
      baseline: () => timed(bare),
    }, { rounds, warmUp: WARM_UP })
    return { ours, baseline, unit: 'ms' }
  } finally {
    await sandbox.reap()
  }
}

/** One bwrap with our options from files, spawned and waited for; without the pipes over which we watch and hold it, our group and our first lines inside. */
const bareBubblewrap = async (folder: string, options: { readonly nodePath: string; readonly workspace: string; readonly uid: number | undefined }): Promise<() => Promise<void>> => {
  const host = await findHost({ searchPath: process.env.PATH ?? '', nodePath: options.nodePath })
  if (host === undefined) throw new Error('bwrap is not installed')
  const request = { command: ['true'], workspace: { path: options.workspace, writable: true }, mounts: [], environment: {}, network: { kind: 'none' }, limits: LIMITS, processLimits: false, openFilesMax: 1024 } as const
  const whole = sandboxArguments(request, host)
  const watched = ['--json-status-fd', '--block-fd']
  const given = whole.options.filter((option, index) => !watched.includes(option) && !watched.includes(whole.options[index - 1] ?? ''))
  const files = new Map<number, string>([[FD.arguments, path.join(folder, 'arguments')], [FD.seccomp, path.join(folder, 'seccomp')]])
  writeFileSync(path.join(folder, 'arguments'), `${given.join('\0')}\0`)
  writeFileSync(path.join(folder, 'seccomp'), seccompFilter(process.arch as 'x64' | 'arm64'))
  whole.files.forEach((content, index) => {
    const file = path.join(folder, `file-${index}`)
    writeFileSync(file, content)
    files.set(FD.files + index, file)
  })
  return () => new Promise((resolve, reject) => {
    const opened = [...files].map(([fd, file]) => [fd, openSync(file, 'r')] as const)
    const stdio = Array.from({ length: FD.files + whole.files.length }, (_, fd) => opened.find(([at]) => at === fd)?.[1] ?? 'ignore')
    const child = spawn(host.bwrap, ['--args', String(FD.arguments), '--', 'true'], { cwd: '/', env: {}, stdio, ...options.uid === undefined ? {} : { uid: options.uid, gid: options.uid } })
    for (const [, descriptor] of opened) closeSync(descriptor)
    child.once('error', reject)
    child.once('exit', (code) => { if (code === 0) resolve(); else reject(new Error(`bare bubblewrap ended with ${code}`)) })
  })
}

export const sandboxRow: Row = {
  name: 'sandbox', goal: 2.5, measure,
  what: '`true` in our sandbox, from the call until its last process is gone and the group is removed: namespaces, limits, system call filter, disk and memory watched',
  against: 'bubblewrap alone with the same namespaces, mounts and filter and the same `true`, from spawn to exit',
}
