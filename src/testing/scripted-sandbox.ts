import { PassThrough } from 'node:stream'
import type { Sandbox, SandboxEnd, SandboxProbe, SandboxProcess, SandboxSpec } from '../ports/mod.ts'

/** What one program is expected to be, and what it then does. */
export interface ScriptedProgram {
  /** Must occur in the command, its parts joined by spaces. */
  readonly command: string
  /** Must be the folder bound at /workspace, when given. */
  readonly folder?: string
  /** Must hold for the rest of the specification, when given. */
  readonly where?: (spec: SandboxSpec) => boolean
  readonly stdout?: string
  readonly stderr?: string
  /** Exit code; default 0. */
  readonly code?: number
  readonly outcome?: SandboxEnd['outcome']
  readonly outputBytesDropped?: number
  /** Runs until it is killed or aborted. */
  readonly hangs?: true
  /** Rejects the start instead. */
  readonly refuses?: Error
}

/** Programs that only exist on paper, in order. An unexpected start rejects, and `finish` reports it and what was not used. */
export class ScriptedSandbox implements Sandbox {
  readonly name = 'scripted'
  readonly started: SandboxSpec[] = []
  readonly #program: ScriptedProgram[]
  readonly #unexpected: string[] = []
  #running = 0

  constructor(programs: readonly ScriptedProgram[]) {
    this.#program = [...programs]
  }

  /** Programs that have not ended. */
  get running(): number { return this.#running }

  probe(): Promise<SandboxProbe> { return Promise.resolve({ available: true, facts: { node: 'v24.0.0' } }) }

  start(spec: SandboxSpec): Promise<SandboxProcess> {
    const next = this.#program.shift()
    const command = spec.command.join(' ')
    if (next === undefined || !command.includes(next.command) || (next.folder ?? spec.workspace.path) !== spec.workspace.path || next.where?.(spec) === false) {
      const problem = `unexpected program ${JSON.stringify(command)} in ${spec.workspace.path}; expected ${JSON.stringify(next ?? 'none')}`
      this.#unexpected.push(problem)
      return Promise.reject(new Error(problem))
    }
    if (next.refuses !== undefined) return Promise.reject(next.refuses)
    this.started.push(spec)
    return Promise.resolve(this.#run(next, spec.signal))
  }

  reap(): Promise<number> { return Promise.resolve(0) }

  /** Throws unless the script was followed to its end and nothing runs. */
  finish(): void {
    if (this.#unexpected.length > 0) throw new Error(this.#unexpected.join('\n'))
    if (this.#program.length > 0) throw new Error(`programs that were never started: ${this.#program.map(({ command }) => command).join(', ')}`)
    if (this.#running > 0) throw new Error(`${this.#running} programs still run`)
  }

  #run(program: ScriptedProgram, signal: AbortSignal | undefined): SandboxProcess {
    const stdin = new PassThrough()
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    const ended = Promise.withResolvers<SandboxEnd>()
    let open = true
    this.#running += 1
    const end = (outcome: SandboxEnd['outcome'], code: number | null): void => {
      if (!open) return
      open = false
      this.#running -= 1
      signal?.removeEventListener('abort', kill)
      stdout.end(program.stdout ?? '')
      stderr.end(program.stderr ?? '')
      ended.resolve({ outcome, code, outputBytesDropped: program.outputBytesDropped ?? 0, usage: USAGE })
    }
    const kill = (): void => { end('killed', null) }
    signal?.addEventListener('abort', kill)
    stdin.resume()
    if (program.hangs !== true) end(program.outcome ?? 'exited', (program.outcome ?? 'exited') === 'exited' ? program.code ?? 0 : null)
    return {
      stdin, stdout, stderr,
      ended: ended.promise,
      kill: () => {
        kill()
        return ended.promise
      },
    }
  }
}

/** Of every scripted program. */
const USAGE = { wallMs: 100, cpuMs: 50, memoryBytesPeak: 1_000_000, processesPeak: 2, source: 'exact' } as const
