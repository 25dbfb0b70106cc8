import { ChorusError } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Sandbox, SandboxProbe, SandboxProcess, SandboxSpec } from '../ports/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimProcess } from './process.ts'
import { Program } from './program.ts'
import type { Plan } from './program.ts'
import { GENERAL_CHECK } from './repository/mod.ts'
import type { SimProject } from './repository/mod.ts'
import type { Place } from './workspaces.ts'

export interface SandboxProfile {
  readonly start: Latency
  readonly check: Latency
  /** How long a tree takes to end when it is told to; at most the grace. */
  readonly kill: Latency
  /** Starts that reject: the sandbox could not be set up. */
  readonly unavailableShare: number
  /** Ends of checks that are not their own. */
  readonly outOfMemoryShare: number
  readonly diskFullShare: number
  /** Checks that never end by themselves. */
  readonly hangShare: number
  /** Checks that print more than is kept. */
  readonly hugeOutputShare: number
  /** Whether the probe finds a sandbox that works. */
  readonly available: boolean
}

export const CALM_SANDBOX: SandboxProfile = {
  start: { p50: 40, p99: 300 }, check: { p50: 2_000, p99: 15_000 }, kill: { p50: 20, p99: 300 },
  unavailableShare: 0, outOfMemoryShare: 0, diskFullShare: 0, hangShare: 0, hugeOutputShare: 0, available: true,
}
export const ROUGH_SANDBOX: SandboxProfile = {
  start: { p50: 60, p99: 3_000 }, check: { p50: 3_000, p99: 60_000 }, kill: { p50: 50, p99: 2_500 },
  unavailableShare: 0.01, outOfMemoryShare: 0.01, diskFullShare: 0.005, hangShare: 0.005, hugeOutputShare: 0.02, available: true,
}

export interface SimSandboxOptions {
  readonly process: SimProcess
  readonly chance: Chance
  readonly node: NodeId
  readonly project: SimProject
  /** What lies at a host path. */
  readonly look: (path: string) => Place | undefined
  /** Asked at each call. */
  readonly profile: () => SandboxProfile
  readonly emit: (happening: Happening) => void
  /** Programs that run on the machine: those of a process that was killed run on until they end or are reaped. */
  readonly programs: Set<string>
}

/** What an agent's program does; the engine asks for it, the sandbox plays it. */
export interface AgentProgram {
  /** Undefined: it runs until it is ended. */
  readonly forMs: number | undefined
  readonly code: number
  readonly outputBytes: number
}

export const agentCommand = ({ forMs, code, outputBytes }: AgentProgram): readonly string[] => ['agent', forMs === undefined ? 'hang' : String(forMs), String(code), String(outputBytes)]

/** Programs on paper: checks are worked out from the files in the folder, agents do what their engine asked for. */
export class SimSandbox implements Sandbox {
  readonly name = 'simulated'
  readonly #options: SimSandboxOptions
  readonly #open = new Set<string>()
  #started = 0

  constructor(options: SimSandboxOptions) {
    this.#options = options
  }

  /** Programs of this process that have not ended. */
  get running(): number { return this.#open.size }

  async probe(): Promise<SandboxProbe> {
    const { process, chance } = this.#options
    const { available, start } = this.#options.profile()
    await process.delay(chance.delayMs(start))
    return available ? { available, facts: { node: 'v24.0.0' } } : { available, reason: 'user namespaces are switched off', fix: 'switch them on' }
  }

  async start(spec: SandboxSpec): Promise<SandboxProcess> {
    const { process, chance } = this.#options
    const profile = this.#options.profile()
    spec.signal?.throwIfAborted()
    const unavailable = chance.happens(profile.unavailableShare)
    await process.delay(chance.delayMs(profile.start))
    spec.signal?.throwIfAborted()
    if (unavailable) throw new ChorusError('SANDBOX_UNAVAILABLE', 'the sandbox could not be set up: clone: Resource temporarily unavailable')
    this.#started += 1
    const name = `${process.life} ${this.#started} ${spec.label}`
    return new Program(spec, { ...this.#options, name, open: this.#open, plan: this.#plan(spec) })
  }

  async reap(): Promise<number> {
    const { programs, process, chance } = this.#options
    const left = [...programs].filter((name) => !this.#open.has(name))
    if (left.length > 0) await process.delay(chance.delayMs(this.#options.profile().kill))
    for (const name of left) programs.delete(name)
    return left.length
  }

  #plan(spec: SandboxSpec): Plan {
    const { chance, project, look } = this.#options
    const profile = this.#options.profile()
    const [program, ...rest] = spec.command
    if (program === 'agent') {
      const [forMs = 'hang', code = '0', bytes = '0'] = rest
      return { kind: 'agent', number: undefined, commit: undefined, forMs: forMs === 'hang' ? undefined : Number(forMs), outcome: 'exited', droppedBytes: Math.max(0, Number(bytes) - spec.limits.outputBytesMax), work: () => ({ code: Number(code), stdout: 'working\n', stderr: '' }) }
    }
    const command = rest.at(-1) ?? ''
    const where = look(spec.workspace.path)
    // One draw decides among what may go wrong, so that the shares add up.
    const drawn = chance.fraction()
    const shares = [profile.outOfMemoryShare, profile.diskFullShare, profile.hangShare]
    const upTo = (count: number): number => shares.slice(0, count).reduce((sum, share) => sum + share, 0)
    const outcome = drawn < upTo(1) ? 'out-of-memory' : drawn < upTo(2) ? 'disk-full' : 'exited'
    const ranMs = chance.delayMs(profile.check)
    return {
      kind: 'check', number: command === GENERAL_CHECK ? undefined : command.slice('check '.length), commit: where?.commit, outcome,
      forMs: outcome === 'exited' && drawn < upTo(3) ? undefined : ranMs,
      droppedBytes: chance.happens(profile.hugeOutputShare) ? 1 + chance.integer(50_000_000) : 0,
      work: () => {
        const files = look(spec.workspace.path)?.files
        return (files === undefined ? undefined : project.check(command, files)) ?? { code: 127, stdout: '', stderr: `sh: ${command}: not found\n` }
      },
    }
  }
}
