import { BoundedMap, ChorusError } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { AgentBench, AgentProbe, AgentReport, AgentRequest, AgentRunner } from '../ports/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimProcess } from './process.ts'
import { CHEATS } from './repository/mod.ts'
import type { Cheat, Edits, SimProject } from './repository/mod.ts'
import { agentCommand } from './sandbox.ts'
import type { SimWorkspaces } from './workspaces.ts'

/** Shares are of attempts; what they leave over is done right. */
export interface EngineProfile {
  readonly quickMs: Latency
  readonly slowMs: Latency
  readonly slowShare: number
  /** Leaves the check red. */
  readonly wrongShare: number
  /** Does its own task, and breaks the file of another. */
  readonly breaksShare: number
  /** Makes the check green without the work, or does what only a person may. */
  readonly cheatsShare: number
  /** Never ends; half of them have done the work before. */
  readonly hangShare: number
  /** Ends with a failure that it admits. */
  readonly failShare: number
  readonly nothingShare: number
  /** Of the rounds after one that did not hold: this one does it right. */
  readonly mendShare: number
  readonly hugeOutputShare: number
  /** Has the checks run on its clone before it ends. */
  readonly looksShare: number
  readonly ready: boolean
}

export const CALM_ENGINE: EngineProfile = {
  quickMs: { p50: 30_000, p99: 120_000 }, slowMs: { p50: 180_000, p99: 500_000 }, slowShare: 0.1,
  wrongShare: 0, breaksShare: 0, cheatsShare: 0, hangShare: 0, failShare: 0, nothingShare: 0, mendShare: 1, hugeOutputShare: 0, looksShare: 0.2, ready: true,
}
export const ROUGH_ENGINE: EngineProfile = {
  ...CALM_ENGINE, slowShare: 0.15, wrongShare: 0.12, breaksShare: 0.04, cheatsShare: 0.05, hangShare: 0.03, failShare: 0.04, nothingShare: 0.04, mendShare: 0.5, hugeOutputShare: 0.05,
}

export interface SimEngineOptions {
  readonly process: SimProcess
  readonly chance: Chance
  readonly node: NodeId
  readonly project: SimProject
  readonly workspaces: Pick<SimWorkspaces, 'look' | 'edit'>
  /** Asked at each round. */
  readonly profile: () => EngineProfile
  readonly emit: (happening: Happening) => void
  /** Whose files may be broken besides one's own; default: all of the project's. */
  readonly others?: (() => readonly string[]) | undefined
}

type Deed = 'right' | 'wrong' | 'breaks' | 'cheats' | 'hangs' | 'fails' | 'nothing'

interface Attempt {
  readonly number: string
  readonly deed: Deed
  readonly cheat: Cheat
  readonly chance: Chance
  rounds: number
}

const numberOf = ({ taskId }: AgentRequest): string => taskId.slice(taskId.lastIndexOf('#') + 1)

const ATTEMPTS_KNOWN_MAX = 64

/** An agent that does what chance says, and says each time that all is well. */
export class SimEngine implements AgentRunner {
  readonly kind = 'command'
  readonly needs = { mounts: [] }
  readonly #options: SimEngineOptions
  /** By clone: what it does there, round after round. */
  readonly #attempts = new BoundedMap<string, Attempt>(ATTEMPTS_KNOWN_MAX)
  #count = 0
  #running = 0

  constructor(options: SimEngineOptions) {
    this.#options = options
  }

  /** Rounds that have not ended. */
  get running(): number { return this.#running }

  async probe(): Promise<AgentProbe> {
    return this.#options.profile().ready ? { ready: true } : { ready: false, reason: 'the engine is not installed', fix: 'install it' }
  }

  async run(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    this.#running += 1
    try {
      return await this.#round(request, bench)
    } finally {
      this.#running -= 1
    }
  }

  async #round(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    const { process, node, emit } = this.#options
    const profile = this.#options.profile()
    const attempt = this.#attemptAt(bench.workspacePath, request)
    attempt.rounds += 1
    const { chance, number } = attempt
    const deed = attempt.rounds > 1 && attempt.deed !== 'cheats' && chance.happens(profile.mendShare) ? 'right' : attempt.deed
    const slow = chance.happens(profile.slowShare)
    const forMs = deed === 'hangs' ? undefined : chance.delayMs(slow ? profile.slowMs : profile.quickMs)
    const outputBytes = chance.happens(profile.hugeOutputShare) ? 2 ** 27 : 2_000
    const program = await bench.start(agentCommand({ forMs, code: deed === 'fails' ? 1 : 0, outputBytes }))
    bench.progress({ kind: 'step', text: 'reading the code' })
    // What it wrote before it hung is there.
    if (deed === 'hangs' && chance.happens(0.5)) this.#edit(bench.workspacePath, 'right', attempt)
    const end = await program.ended
    if (end.outcome === 'exited' && deed !== 'hangs') this.#edit(bench.workspacePath, deed, attempt)
    emit({ kind: 'ran', node, life: process.life, what: 'agent', number, commit: undefined, green: undefined })
    const report = { said: 'All checks pass.', commandsExecuted: 1 + chance.integer(5), tokens: null, usage: [] }
    if (end.outcome !== 'exited') return { ...report, outcome: end.outcome === 'timeout' ? 'timeout' : 'failed', detail: `it ended as ${end.outcome}` }
    if (deed === 'fails') return { ...report, outcome: 'failed', detail: 'exit code 1' }
    if (chance.happens(profile.looksShare)) await this.#look(bench)
    return { ...report, outcome: 'finished', detail: '' }
  }

  /** Whatever it shows, the agent says what it says. */
  async #look(bench: AgentBench): Promise<void> {
    try {
      await bench.check({ timeoutMs: 30_000 })
    } catch (thrown) {
      // A round that is over ends the look; a sandbox that does not work is the attempt's news.
      if (thrown instanceof ChorusError && thrown.code === 'SANDBOX_UNAVAILABLE') throw thrown
    }
  }

  #attemptAt(path: string, request: AgentRequest): Attempt {
    const known = this.#attempts.get(path)
    if (known !== undefined && request.feedback !== undefined) return known
    this.#count += 1
    const chance = this.#options.chance.fork(`${request.taskId} ${this.#count}`)
    const made: Attempt = { number: numberOf(request), deed: deedOf(this.#options.profile(), chance), cheat: chance.pick(CHEATS), chance, rounds: 0 }
    this.#attempts.set(path, made)
    return made
  }

  #edit(path: string, deed: Deed, { number, cheat, chance, rounds }: Attempt): void {
    const { project, workspaces, others } = this.#options
    const files = workspaces.look(path)?.files
    if (files === undefined) return
    const note = `${chance.integer(1_000_000)}`
    const write = (edits: Edits): void => { workspaces.edit(path, edits) }
    switch (deed) {
      case 'right': case 'hangs': return write(new Map([...rounds > 1 ? project.mend(files) : [], ...project.solve(number, files, note)]))
      case 'wrong': return write(project.miss(number, files, note))
      case 'cheats': return write(project.cheat(number, files, cheat))
      case 'breaks': {
        const candidates = (others?.() ?? [...project.numbers]).filter((other) => project.fileOf(other) !== project.fileOf(number))
        const solved = project.solve(number, files, note)
        return write(candidates.length === 0 ? solved : new Map([...solved, ...project.break(chance.pick(candidates), files)]))
      }
      case 'fails': case 'nothing': return
    }
  }
}

const deedOf = (profile: EngineProfile, chance: Chance): Deed => {
  const shares: readonly (readonly [Deed, number])[] = [
    ['wrong', profile.wrongShare], ['breaks', profile.breaksShare], ['cheats', profile.cheatsShare], ['hangs', profile.hangShare], ['fails', profile.failShare], ['nothing', profile.nothingShare],
  ]
  let left = chance.fraction()
  for (const [deed, share] of shares) {
    if (left < share) return deed
    left -= share
  }
  return 'right'
}
