import { ChorusError, isOid } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { Task, TaskEvent, TaskListing, TaskProvider, TaskResult } from '../ports/mod.ts'
import { HISTORY_MS } from './board.ts'
import type { SimBoard } from './board.ts'
import type { Chance, Latency } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimProcess } from './process.ts'

export const LATE_MS_MAX = 600_000

/** Shares are of calls, and add up to at most 1. */
export interface ProviderProfile {
  readonly latency: Latency
  /** A read shows the board as it was at most this long before the read began. At most HISTORY_MS. */
  readonly staleMsMax: number
  readonly staleShare: number
  /** 5xx: nothing happened. */
  readonly failShare: number
  /** 429: nothing happens, for this node, until the time that it names. */
  readonly rateLimitShare: number
  readonly retryAfterMs: Latency
  /** It happened, and the node hears of a broken connection. */
  readonly lostShare: number
  /** It happens, and is answered, very late: at most by LATE_MS_MAX. */
  readonly lateShare: number
  readonly lateMs: Latency
  /** No answer; every other one has happened. */
  readonly hangShare: number
  /** The node's own client gives up after this long; `forever` when it has no such limit. */
  readonly hangMs: number | 'forever'
  /** A listing holds closed tasks, too. */
  readonly listsClosed: boolean
}

export const CALM_PROVIDER: ProviderProfile = {
  latency: { p50: 120, p99: 1_500 }, staleMsMax: 0, staleShare: 0, failShare: 0, rateLimitShare: 0, retryAfterMs: { p50: 20_000, p99: 120_000 },
  lostShare: 0, lateShare: 0, lateMs: { p50: 30_000, p99: 300_000 }, hangShare: 0, hangMs: 120_000, listsClosed: true,
}
export const ROUGH_PROVIDER: ProviderProfile = {
  ...CALM_PROVIDER, latency: { p50: 250, p99: 10_000 }, staleMsMax: 30_000, staleShare: 0.2, failShare: 0.05, rateLimitShare: 0.01, lostShare: 0.02, lateShare: 0.01, hangShare: 0.01,
}

export interface SimProviderOptions {
  readonly process: SimProcess
  readonly chance: Chance
  readonly node: NodeId
  readonly board: SimBoard
  /** True time, as the board has it. */
  readonly nowMs: () => number
  /** Asked at each call. */
  readonly profile: () => ProviderProfile
  readonly emit: (happening: Happening) => void
}

type Operation = Extract<Happening, { kind: 'provider' }>['operation']
/** What the call came to, for the observer. */
type Seen = Pick<Extract<Happening, { kind: 'provider' }>, 'effect' | 'read' | 'commit'>

/** One node's line to the board. */
export class SimProvider implements TaskProvider {
  readonly name: string
  readonly repository: string
  readonly #options: SimProviderOptions
  #limitedUntilMs = -Infinity
  #open = 0

  constructor(options: SimProviderOptions) {
    this.#options = options
    this.name = options.board.provider
    this.repository = options.board.repository
  }

  /** Calls that wait for an answer. */
  get open(): number { return this.#open }

  list(): Promise<TaskListing> {
    return this.#call('list', undefined, (atMs) => {
      const all = this.#options.board.tasksAt(atMs)
      return [{ tasks: this.#options.profile().listsClosed ? all : all.filter(({ state }) => state === 'open'), problems: [] }, {}]
    })
  }

  get(number: string): Promise<Task | undefined> {
    return this.#call('get', number, (atMs) => {
      const task = this.#options.board.taskAt(number, atMs)
      return [task, { read: task?.state ?? 'gone' }]
    })
  }

  report(task: Task, event: TaskEvent): Promise<void> {
    return this.#call('report', task.number, () => [this.#options.board.report(task.number, event), {}])
  }

  complete(task: Task, result: TaskResult): Promise<void> {
    const { board, node } = this.#options
    const { commit } = result.metadata.artifacts
    return this.#call('complete', task.number, () => {
      const effect = board.complete(task.number, { commit, node })
      return [undefined, { effect, commit: isOid(commit) ? commit : undefined }]
    })
  }

  /** `act` happens at the board; it is told how old the view may be. */
  async #call<T>(operation: Operation, number: string | undefined, act: (viewMs: number) => readonly [T, Seen]): Promise<T> {
    this.#open += 1
    try {
      return await this.#answer(operation, number, act)
    } finally {
      this.#open -= 1
    }
  }

  #answer<T>(operation: Operation, number: string | undefined, act: (viewMs: number) => readonly [T, Seen]): Promise<T> {
    const { process, chance, nowMs } = this.#options
    const profile = this.#options.profile()
    const begunMs = nowMs()
    const afterMs = chance.delayMs(profile.latency)
    const behindMs = chance.happens(profile.staleShare) ? Math.min(profile.staleMsMax, HISTORY_MS) * chance.fraction() : undefined
    const tell = (outcome: 'answered' | 'failed' | 'lost', seen: Seen = {}): void => { this.#tell(operation, number, { outcome, seen }) }
    const happen = (outcome: 'answered' | 'lost'): T => {
      const [value, seen] = act(behindMs === undefined ? nowMs() : begunMs - behindMs)
      tell(outcome, seen)
      return value
    }
    const fail = (waitMs: number, message: string, data: Readonly<Record<string, unknown>> = {}): Promise<T> => process.answer(waitMs, () => {
      tell('failed')
      throw new ChorusError('PROVIDER_FAILED', message, { data })
    })
    const breakOff = (waitMs: number): Promise<T> => process.answer(waitMs, () => { throw new ChorusError('PROVIDER_FAILED', 'socket hang up') })
    const limitedMs = profile.rateLimitShare > 0 ? this.#limitedUntilMs - begunMs : 0
    if (limitedMs > 0) return fail(afterMs, limited(limitedMs), { retryAfterMs: Math.ceil(limitedMs) })
    switch (this.#faultOf(profile)) {
      case undefined: return process.answer(afterMs, () => happen(process.alive ? 'answered' : 'lost'))
      case 'fails': return fail(afterMs, '503 Service Unavailable')
      case 'rate-limited': {
        const retryAfterMs = chance.delayMs(profile.retryAfterMs)
        this.#limitedUntilMs = begunMs + afterMs + retryAfterMs
        return fail(afterMs, limited(retryAfterMs), { retryAfterMs: Math.ceil(retryAfterMs) })
      }
      case 'lost':
        void process.answer(afterMs, () => happen('lost'))
        return breakOff(afterMs + chance.delayMs(profile.latency))
      case 'late': return process.answer(afterMs + Math.min(LATE_MS_MAX, chance.delayMs(profile.lateMs)), () => happen(process.alive ? 'answered' : 'lost'))
      case 'hangs':
        if (chance.happens(0.5)) void process.answer(afterMs, () => happen('lost'))
        else void process.answer(afterMs, () => { tell('failed') })
        return profile.hangMs === 'forever' ? new Promise<never>(() => undefined) : breakOff(Math.max(profile.hangMs, afterMs))
    }
  }

  #faultOf(profile: ProviderProfile): 'fails' | 'rate-limited' | 'lost' | 'late' | 'hangs' | undefined {
    let left = this.#options.chance.fraction()
    for (const [fault, share] of [['fails', profile.failShare], ['rate-limited', profile.rateLimitShare], ['lost', profile.lostShare], ['late', profile.lateShare], ['hangs', profile.hangShare]] as const) {
      if (left < share) return fault
      left -= share
    }
    return undefined
  }

  #tell(operation: Operation, number: string | undefined, { outcome, seen }: { readonly outcome: 'answered' | 'failed' | 'lost'; readonly seen: Seen }): void {
    const { node, process, emit } = this.#options
    emit({ kind: 'provider', node, life: process.life, operation, number, outcome, ...seen })
  }
}

const limited = (forMs: number): string => `429 Too Many Requests: retry after ${Math.ceil(forMs / 1_000)} s`
