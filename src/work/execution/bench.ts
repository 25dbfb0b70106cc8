import { ChorusError } from '../../core/mod.ts'
import type { AgentBench, AgentProgress, CheckReport, ResourceUsage, Sandbox, SandboxMount, SandboxNetwork, SandboxLimits, SandboxProcess } from '../../ports/mod.ts'

export interface BenchParts {
  readonly sandbox: Sandbox
  readonly workspacePath: string
  readonly mounts: readonly SandboxMount[]
  readonly environment: Readonly<Record<string, string>>
  readonly network: SandboxNetwork
  readonly limits: SandboxLimits
  readonly label: string
  readonly signal: AbortSignal
  /** Time that is left for programs, in milliseconds. */
  readonly timeLeftMs: () => number
  /** `timeoutMsMax` shortens the limit of each command. */
  readonly check: (options: { readonly signal: AbortSignal; readonly timeoutMsMax: number }) => Promise<CheckReport>
  readonly onProgress: (event: AgentProgress) => void
  readonly onUsage: (usage: ResourceUsage) => void
}

const PROCESSES_OPEN_MAX = 64

/** What one round lends its agent. Every program it starts is known here, so that none outlives the round. */
export class AttemptBench implements AgentBench {
  readonly workspacePath: string
  readonly signal: AbortSignal
  readonly #parts: BenchParts
  readonly #open = new Set<SandboxProcess>()
  readonly #starting = new Set<Promise<unknown>>()
  #closed = false

  constructor(parts: BenchParts) {
    this.#parts = parts
    this.workspacePath = parts.workspacePath
    this.signal = parts.signal
  }

  async start(command: readonly string[], options: { readonly environment?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {}): Promise<SandboxProcess> {
    this.#mustBeOpen()
    if (this.#open.size + this.#starting.size >= PROCESSES_OPEN_MAX) throw new ChorusError('LIMIT_EXCEEDED', `an agent has at most ${PROCESSES_OPEN_MAX} programs open at once`)
    const { sandbox, limits, environment } = this.#parts
    const timeoutMs = Math.max(1, Math.min(options.timeoutMs ?? limits.timeoutMs, limits.timeoutMs, this.#parts.timeLeftMs()))
    const starting = sandbox.start({
      command,
      workspace: { path: this.workspacePath, writable: true },
      mounts: this.#parts.mounts,
      environment: { ...environment, ...options.environment },
      network: this.#parts.network,
      limits: { ...limits, timeoutMs },
      label: this.#parts.label,
      signal: this.signal,
    }).then((process) => {
      this.#open.add(process)
      void process.ended.then((end) => {
        this.#open.delete(process)
        this.#parts.onUsage(end.usage)
      })
      return process
    })
    this.#starting.add(starting)
    try {
      return await starting
    } finally {
      this.#starting.delete(starting)
    }
  }

  async check(options: { readonly timeoutMs?: number | undefined } = {}): Promise<CheckReport> {
    this.#mustBeOpen()
    const timeoutMsMax = Math.max(1, Math.min(options.timeoutMs ?? Infinity, this.#parts.timeLeftMs()))
    const checking = this.#parts.check({ signal: this.signal, timeoutMsMax })
    this.#starting.add(checking)
    try {
      return await checking
    } finally {
      this.#starting.delete(checking)
    }
  }

  progress(event: AgentProgress): void {
    if (!this.#closed) this.#parts.onProgress(event)
  }

  /** Ends every program of the round and waits until all are gone. The signal must be aborted first if checks may run. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#open.size > 0 || this.#starting.size > 0) {
      await Promise.allSettled([...this.#starting])
      await Promise.all([...this.#open].map(async (process) => {
        await process.kill()
        this.#open.delete(process)
      }))
    }
  }

  #mustBeOpen(): void {
    this.signal.throwIfAborted()
    if (this.#closed) throw new ChorusError('INTERNAL', 'the round is over: its bench starts nothing any more')
  }
}
