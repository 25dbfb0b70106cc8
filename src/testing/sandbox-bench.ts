import type { Readable } from 'node:stream'
import type { AgentBench, AgentProgress, CheckReport, ResourceUsage, Sandbox, SandboxLimits, SandboxMount, SandboxNetwork, SandboxProcess } from '../ports/mod.ts'

export const BENCH_LIMITS: SandboxLimits = {
  timeoutMs: 120_000, graceMs: 1_000, memoryBytesMax: 2 * 2 ** 30, processesMax: 256, cpusMax: 2,
  outputBytesMax: 64 * 2 ** 20, fileBytesMax: 256 * 2 ** 20, diskBytesMax: 512 * 2 ** 20,
}
const OUTPUT_CHARACTERS_MAX = 16_000

export interface SandboxBench extends AgentBench {
  readonly events: readonly AgentProgress[]
  /** Of everything that has ended. */
  readonly usages: readonly ResourceUsage[]
  running(): number
}

export interface SandboxBenchOptions {
  readonly workspacePath: string
  /** Run by `sh -c` at /workspace. */
  readonly check: string
  readonly mounts?: readonly SandboxMount[]
  readonly network?: SandboxNetwork
  readonly limits?: Partial<SandboxLimits>
  readonly signal?: AbortSignal
}

/** The least bench over a real sandbox, for tests of engines without an attempt around them. */
export const sandboxBench = (sandbox: Sandbox, options: SandboxBenchOptions): SandboxBench => {
  const { workspacePath, mounts = [], network = { kind: 'none' }, signal = new AbortController().signal } = options
  const limits = { ...BENCH_LIMITS, ...options.limits }
  const events: AgentProgress[] = []
  const usages: ResourceUsage[] = []
  let running = 0
  const start = async (command: readonly string[], given: { readonly environment?: Readonly<Record<string, string>>; readonly timeoutMs?: number | undefined }, own: SandboxNetwork): Promise<SandboxProcess> => {
    const timeoutMs = Math.min(given.timeoutMs ?? limits.timeoutMs, limits.timeoutMs)
    const started = await sandbox.start({
      command, workspace: { path: workspacePath, writable: true }, mounts, environment: given.environment ?? {}, network: own,
      limits: { ...limits, timeoutMs }, label: 'engine', signal,
    })
    running += 1
    void started.ended.then((end) => { running -= 1; usages.push(end.usage) })
    return started
  }
  return {
    workspacePath, events, usages, signal,
    running: () => running,
    progress: (event) => { events.push(event) },
    start: (command, given = {}) => start(command, given, network),
    check: async (given = {}): Promise<CheckReport> => {
      const started = await start(['sh', '-c', options.check], given, { kind: 'none' })
      started.stdin.end()
      const [output, errors, end] = await Promise.all([textOf(started.stdout), textOf(started.stderr), started.ended])
      const green = end.outcome === 'exited' && end.code === 0
      return { green, commands: [{ command: options.check, green, end, output: output + errors }], tests: new Map() }
    },
  }
}

const textOf = async (stream: Readable): Promise<string> => {
  let text = ''
  for await (const chunk of stream) text = (text + String(chunk)).slice(-OUTPUT_CHARACTERS_MAX)
  return text
}
