import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { AgentBench, AgentProgress, CheckReport, SandboxEnd, SandboxProcess } from '../ports/mod.ts'

const OUTPUT_CHARACTERS_MAX = 16_000
const GRACE_MS = 500

export interface LocalBench extends AgentBench {
  /** Everything that was reported on the way. */
  readonly events: readonly AgentProgress[]
  /** How often the checks ran. */
  checks(): number
  /** Programs that were started and have not ended. */
  running(): number
}

export interface LocalBenchOptions {
  /** Program and arguments of the check; default `node --test`. */
  readonly check?: readonly string[]
  readonly signal?: AbortSignal
  readonly onCheck?: (count: number) => void | Promise<void>
}

/**
 * A bench WITHOUT a sandbox, for tests of engines with programs that the test itself wrote: everything runs as this
 * user, on this machine, in the folder itself. `/workspace` does not exist here: commands see the real path.
 */
export const localBench = (workspacePath: string, options: LocalBenchOptions = {}): LocalBench => {
  const events: AgentProgress[] = []
  const check = options.check ?? [process.execPath, '--test']
  let checks = 0
  let running = 0
  const start = (command: readonly string[], environment: Readonly<Record<string, string>>, timeoutMs: number): SandboxProcess => {
    running += 1
    const started = runHere(command, { cwd: workspacePath, environment, timeoutMs, signal: options.signal })
    void started.ended.then(() => { running -= 1 })
    return started
  }
  return {
    workspacePath,
    events,
    signal: options.signal ?? new AbortController().signal,
    checks: () => checks,
    running: () => running,
    progress: (event) => { events.push(event) },
    start: (command, given = {}) => Promise.resolve(start(command, given.environment ?? {}, given.timeoutMs ?? 60_000)),
    check: async (given = {}): Promise<CheckReport> => {
      checks += 1
      await options.onCheck?.(checks)
      const running = start(check, {}, given.timeoutMs ?? 60_000)
      running.stdin.end()
      const [output, errors, end] = await Promise.all([textOf(running.stdout), textOf(running.stderr), running.ended])
      const green = end.outcome === 'exited' && end.code === 0
      return { green, commands: [{ command: check.join(' '), green, end, output: output + errors }], tests: new Map() }
    },
  }
}

interface RunOptions {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

const runHere = (command: readonly string[], { cwd, environment, timeoutMs, signal }: RunOptions): SandboxProcess => {
  const [program = 'false', ...args] = command
  const startedMs = performance.now()
  const child = spawn(program, args, { cwd, detached: true, stdio: 'pipe', env: { PATH: process.env['PATH'], HOME: cwd, ...environment } })
  let why: 'exited' | 'timeout' | 'killed' = 'exited'
  const stop = (reason: 'timeout' | 'killed'): void => {
    if (why === 'exited') why = reason
    signalGroup(child.pid, 'SIGTERM')
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE_MS).unref()
  }
  const timer = setTimeout(() => stop('timeout'), timeoutMs)
  const onAbort = (): void => stop('killed')
  signal?.addEventListener('abort', onAbort, { once: true })
  child.stdin.on('error', () => { /* The program ended before it read everything: its own affair. */ })
  const ended = new Promise<SandboxEnd>((resolve) => {
    const finish = (code: number | null): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      signalGroup(child.pid, 'SIGKILL')
      const usage = { wallMs: performance.now() - startedMs, cpuMs: 0, memoryBytesPeak: 0, processesPeak: 1, source: 'sampled' } as const
      resolve({ outcome: why, code: why === 'exited' ? code : null, outputBytesDropped: 0, usage })
    }
    child.once('error', () => finish(127))
    child.once('exit', (code) => finish(code))
  })
  const stdin: Writable = child.stdin
  return { stdin, stdout: child.stdout, stderr: child.stderr, ended, kill: () => { stop('killed'); return ended } }
}

const signalGroup = (pid: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone: that is what was wanted.
  }
}

const textOf = async (stream: Readable): Promise<string> => {
  let text = ''
  for await (const chunk of stream) text = (text + String(chunk)).slice(-OUTPUT_CHARACTERS_MAX)
  return text
}
