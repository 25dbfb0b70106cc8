import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { FD } from './arguments.ts'
import type { SandboxArguments } from './arguments.ts'
import { inheritedFiles } from './inherited-files.ts'

export interface LaunchPlan {
  /** What bwrap is started through; empty for bwrap itself. */
  readonly prefix: readonly string[]
  readonly bwrap: string
  readonly arguments: SandboxArguments
  readonly seccomp: Uint8Array
  /** uid and gid for bwrap; undefined = ours, or the prefix sees to it. */
  readonly uid: number | undefined
}

export interface Launched {
  readonly child: ChildProcess
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Host pid of the sandbox's init; undefined when bwrap ended before there was one. */
  readonly firstPid: Promise<number | undefined>
  /** Lets bwrap go on: it waits until its processes are counted. */
  release(): void
  /** True when the sandbox stands and only waits for `go`, false when everything ended before. */
  readonly ready: Promise<boolean>
  /** Lets the command start. */
  go(): void
  /** Resolves when bwrap has ended; the code is the command's, null when bwrap did not report one. */
  readonly exited: Promise<{ readonly code: number | null; readonly failure: Error | undefined }>
}

/**
 * Starts bwrap. Call it on the main thread: the sandbox dies with the thread that started it (PR_SET_PDEATHSIG).
 * bwrap itself gets an empty environment, because the sandbox can read that of its init.
 */
export const launch = (plan: LaunchPlan): Launched => {
  const [program = plan.bwrap, ...before] = [...plan.prefix, plan.bwrap]
  const nothing = openSync('/dev/null', 'r')
  const stdio: ('pipe' | 'ignore' | number)[] = Array.from({ length: FD.files + plan.arguments.files.length }, () => 'pipe')
  for (const fd of inheritedFiles()) {
    while (stdio.length <= fd) stdio.push('ignore')
    if (fd >= FD.files + plan.arguments.files.length) stdio[fd] = nothing
  }
  let child: ChildProcess
  try {
    child = spawn(program, [...before, '--args', String(FD.arguments), '--', ...plan.arguments.command], {
      cwd: '/',
      env: plan.prefix.length === 0 ? {} : { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio,
      ...plan.uid === undefined ? {} : { uid: plan.uid, gid: plan.uid },
    })
  } finally {
    closeSync(nothing)
  }
  const exited = watchExit(child)
  feed(child, FD.arguments, `${plan.arguments.options.join('\0')}\0`)
  feed(child, FD.seccomp, plan.seccomp)
  plan.arguments.files.forEach((content, index) => feed(child, FD.files + index, content))
  const status = collect(pipe(child, FD.status) as Readable)
  const code = async (): Promise<number | null> => {
    const reported = /"exit-code"\s*:\s*(\d+)/.exec(await status.whole)?.[1]
    return reported === undefined ? null : Number(reported)
  }
  return {
    child,
    stdin: pipe(child, 0) as Writable,
    stdout: pipe(child, 1) as Readable,
    stderr: pipe(child, 2) as Readable,
    firstPid: status.find(/"child-pid"\s*:\s*(\d+)/).then((found) => found === undefined ? undefined : Number(found)),
    release: () => { feed(child, FD.block, 'x') },
    ready: collect(pipe(child, FD.ready) as Readable).find(/(r)/).then((found) => found !== undefined),
    go: () => { feed(child, FD.ready, 'g\n') },
    exited: exited.then(async (failure) => ({ code: failure === undefined ? await code() : null, failure })),
  }
}

const pipe = (child: ChildProcess, fd: number): Readable | Writable => {
  const stream = child.stdio[fd]
  if (stream === null || stream === undefined) throw new TypeError(`no pipe at ${fd}`)
  return stream
}

const feed = (child: ChildProcess, fd: number, content: string | Uint8Array): void => {
  const stream = pipe(child, fd) as Writable
  // bwrap may end before it has read everything; its end tells more than the broken pipe.
  stream.on('error', () => undefined)
  stream.end(content)
}

const watchExit = (child: ChildProcess): Promise<Error | undefined> => new Promise((resolve) => {
  child.once('error', resolve)
  child.once('exit', () => { resolve(undefined) })
})

const STATUS_BYTES_MAX = 16 * 1024

/** Reads a short text as it comes. */
const collect = (stream: Readable): { find(pattern: RegExp): Promise<string | undefined>; readonly whole: Promise<string> } => {
  let text = ''
  stream.on('data', (chunk: Buffer) => { if (text.length < STATUS_BYTES_MAX) text += chunk.toString('latin1') })
  const whole = new Promise<string>((resolve) => {
    stream.once('close', () => { resolve(text) })
    stream.on('error', () => { resolve(text) })
  })
  const find = (pattern: RegExp): Promise<string | undefined> => new Promise((resolve) => {
    stream.on('data', () => {
      const found = pattern.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    })
    void whole.then(() => { resolve(pattern.exec(text)?.[1]) })
  })
  return { find, whole }
}
