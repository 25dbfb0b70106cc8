import type { AgentBench, AgentProbe, AgentReport, AgentRequest, AgentRunner } from '../../ports/mod.ts'
import { CALM_ENGINE, SimEngine } from '../engine.ts'
import type { SimEngineOptions } from '../engine.ts'

/** An agent that does every task right, in exactly the time that the workload says. */
export class TimedEngine implements AgentRunner {
  readonly kind = 'command'
  readonly needs = { mounts: [] }
  readonly #engine: SimEngine
  readonly #durationMs: (number: string) => number
  #nextMs = 0

  constructor(options: Omit<SimEngineOptions, 'profile'> & { readonly durationMs: (number: string) => number }) {
    const { durationMs, ...rest } = options
    this.#durationMs = durationMs
    // The profile is asked for before anything is waited for: it is the one of the run that has just begun.
    this.#engine = new SimEngine({ ...rest, profile: () => ({ ...CALM_ENGINE, slowShare: 0, looksShare: 0, quickMs: { p50: this.#nextMs, p99: this.#nextMs } }) })
  }

  get running(): number { return this.#engine.running }

  probe(): Promise<AgentProbe> { return this.#engine.probe() }

  run(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    this.#nextMs = this.#durationMs(request.taskId.slice(request.taskId.lastIndexOf('#') + 1))
    return this.#engine.run(request, bench)
  }
}
