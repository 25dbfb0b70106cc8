import type { AgentBench, AgentNeeds, AgentProbe, AgentReport, AgentRequest, AgentRunner } from '../ports/mod.ts'

/** One round: what the agent does, and what it then says of itself. */
export interface ScriptedRound {
  readonly does?: (bench: AgentBench, request: AgentRequest) => void | Promise<void>
  readonly report?: Partial<AgentReport>
  /** Rejects, which a well-behaved runner never does. */
  readonly throws?: Error
  /** Never reports. */
  readonly hangs?: true
}

/** An agent on paper. A round that was not foreseen rejects; `finish` throws for it, and for rounds not asked for. */
export class ScriptedRunner implements AgentRunner {
  readonly kind: string
  readonly needs: AgentNeeds
  readonly requests: AgentRequest[] = []
  readonly #rounds: ScriptedRound[]
  #unexpected = 0

  constructor(rounds: readonly ScriptedRound[], options: { readonly kind?: string; readonly needs?: AgentNeeds } = {}) {
    this.kind = options.kind ?? 'acp'
    this.needs = options.needs ?? { mounts: [] }
    this.#rounds = [...rounds]
  }

  probe(): Promise<AgentProbe> { return Promise.resolve({ ready: true }) }

  async run(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    this.requests.push(request)
    const round = this.#rounds.shift()
    if (round === undefined) {
      this.#unexpected += 1
      throw new Error('the script has no further round')
    }
    await round.does?.(bench, request)
    if (round.throws !== undefined) throw round.throws
    if (round.hangs === true) return new Promise<never>(() => undefined)
    return { outcome: 'finished', detail: '', said: 'all tests pass', commandsExecuted: 1, tokens: null, usage: [], ...round.report }
  }

  finish(): void {
    if (this.#unexpected > 0) throw new Error(`${this.#unexpected} rounds more than the script has`)
    if (this.#rounds.length > 0) throw new Error(`${this.#rounds.length} rounds were not asked for`)
  }
}
