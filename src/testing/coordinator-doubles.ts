import { createHash } from 'node:crypto'
import { ChorusError, taskKey } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import type { AttemptOutcome, Attempts, VerifiedOutcome } from '../coordinator/mod.ts'
import type { AttemptRequest } from '../work/execution/mod.ts'
import type { Clock, Task, TaskEvent, TaskListing, TaskProblem, TaskProvider, TaskResult } from '../ports/mod.ts'
import type { MemoryRefStore } from './memory-ref-store.ts'

/** What the people see: the tasks of one repository, and what was said of them. Several providers share it. */
export class TaskBoard {
  readonly provider: string
  readonly repository: string
  readonly tasks = new Map<string, Task>()
  readonly problems: TaskProblem[] = []
  readonly reports: { readonly number: string; readonly event: TaskEvent }[] = []
  readonly completions: { readonly number: string; readonly result: TaskResult }[] = []

  constructor(repository = 'demo', provider = 'local') {
    this.provider = provider
    this.repository = repository
  }

  add(number: string | number, fields: Partial<Task> = {}): Task {
    const { provider, repository } = this
    const title = fields.title ?? `Task ${number}`
    const task: Task = {
      key: taskKey({ provider, repository, number: String(number) }), provider, repository, number: String(number), title, description: '', labels: [], priority: 4,
      type: 'development', requiredRole: undefined, requiredExpertise: [], dependsOn: [], check: undefined, state: 'open', url: undefined, createdAtMs: 0,
      contentHash: createHash('sha256').update(`${number} ${title} ${fields.description ?? ''}`).digest('hex'), ...fields,
    }
    this.tasks.set(task.number, task)
    return task
  }

  /** A person edits it. */
  edit(number: string | number, fields: Partial<Task>): void {
    const task = this.tasks.get(String(number))
    if (task === undefined) throw new Error(`there is no task ${number}`)
    this.add(number, { ...task, contentHash: createHash('sha256').update(`${task.contentHash} edited`).digest('hex'), ...fields })
  }

  close(number: string | number): void {
    this.edit(number, { state: 'closed', contentHash: this.tasks.get(String(number))?.contentHash ?? '' })
  }
}

export type ProviderOperation = 'list' | 'get' | 'report' | 'complete'

/** One node's view of the board. Operations fail or hang as long as they are in `faults`. */
export class ScriptedProvider implements TaskProvider {
  readonly name: string
  readonly repository: string
  readonly faults = new Map<ProviderOperation, Error | 'hangs'>()
  readonly calls: string[] = []
  /** Called when the next such operation begins, once, to change the world under it. */
  readonly once = new Map<ProviderOperation, () => void>()
  readonly #board: TaskBoard
  readonly #called: (call: string) => void

  constructor(board: TaskBoard, called: (call: string) => void = () => undefined) {
    this.#board = board
    this.#called = called
    this.name = board.provider
    this.repository = board.repository
  }

  fail(operation: ProviderOperation, error: Error = new ChorusError('PROVIDER_FAILED', '502 Bad Gateway')): void { this.faults.set(operation, error) }
  hang(operation: ProviderOperation): void { this.faults.set(operation, 'hangs') }
  heal(): void { this.faults.clear() }
  count(operation: ProviderOperation): number { return this.calls.filter((call) => call.startsWith(operation)).length }

  async list(): Promise<TaskListing> {
    await this.#enter('list', '')
    return { tasks: [...this.#board.tasks.values()], problems: [...this.#board.problems] }
  }

  async get(number: string): Promise<Task | undefined> {
    await this.#enter('get', number)
    return this.#board.tasks.get(number)
  }

  async report(task: Task, event: TaskEvent): Promise<void> {
    await this.#enter('report', `${task.number} ${event.kind}`)
    this.#board.reports.push({ number: task.number, event })
  }

  async complete(task: Task, result: TaskResult): Promise<void> {
    await this.#enter('complete', task.number)
    this.#board.completions.push({ number: task.number, result })
  }

  async #enter(operation: ProviderOperation, about: string): Promise<void> {
    const call = `${operation} ${about}`.trim()
    this.calls.push(call)
    this.#called(call)
    const meanwhile = this.once.get(operation)
    this.once.delete(operation)
    meanwhile?.()
    const fault = this.faults.get(operation)
    if (fault === 'hangs') return new Promise<never>(() => undefined)
    if (fault !== undefined) throw fault
    await Promise.resolve()
  }
}

export type ScriptedAttempt = (request: AttemptRequest) => AttemptOutcome | Promise<AttemptOutcome>

/** Attempts on paper: each takes `attemptMs` of the clock and is proved, unless the script says otherwise. */
export class ScriptedAttempts implements Attempts {
  attemptMs = 10_000
  /** Of the checks alone. */
  recheckMs = 1_000
  /** For the next attempts, in order. */
  readonly script: ScriptedAttempt[] = []
  readonly requests: AttemptRequest[] = []
  /** For the next rechecks, in order; without one the change fits. */
  readonly rechecks: ((onto: Oid) => Awaited<ReturnType<VerifiedOutcome['again']>> | Promise<Awaited<ReturnType<VerifiedOutcome['again']>>>)[] = []
  /** Attempts that run now, and work trees that are not disposed of. */
  running = 0
  workTrees = 0
  disposeFails = false
  readonly #store: MemoryRefStore
  readonly #clock: Clock

  constructor(store: MemoryRefStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async attempt(request: AttemptRequest): Promise<AttemptOutcome> {
    this.requests.push(request)
    this.running += 1
    try {
      try {
        await this.#clock.delay(this.attemptMs, { signal: request.signal })
      } catch {
        return { kind: 'cancelled' }
      }
      const scripted = this.script.shift()
      return scripted === undefined ? await this.verified(request) : await scripted(request)
    } finally {
      this.running -= 1
    }
  }

  /** A commit on the base, with a work tree until it is disposed of. */
  async verified(request: AttemptRequest, fields: Partial<VerifiedOutcome> = {}): Promise<VerifiedOutcome> {
    const commit = await this.#commit(request, request.base)
    this.workTrees += 1
    return { ...this.#verifiedAt(request, { commit, base: request.base }), ...fields }
  }

  #verifiedAt(request: AttemptRequest, at: { readonly commit: Oid; readonly base: Oid }): VerifiedOutcome {
    return {
      kind: 'verified', ...at, evidence: 'proved', facts: { rounds: 1 }, result: resultAt(at.commit),
      again: async (onto, { signal } = {}) => {
        await this.#clock.delay(this.recheckMs, { signal }).catch(() => undefined)
        if (signal?.aborted === true) return { kind: 'cancelled' }
        const scripted = this.rechecks.shift()
        if (scripted !== undefined) return scripted(onto)
        return this.#verifiedAt(request, { commit: await this.#commit(request, onto), base: onto })
      },
      dispose: () => {
        this.workTrees -= 1
        return this.disposeFails ? Promise.reject(new ChorusError('IO_FAILED', 'the folder is busy')) : Promise.resolve()
      },
    }
  }

  #commit(request: AttemptRequest, parent: Oid): Promise<Oid> {
    return this.#store.create({ parent, message: `${request.task.title.slice(0, 80)}\n\nChorus-Task: ${request.task.key}\nChorus-Node: ${request.claim.node}\n`, atSeconds: 1 })
  }
}

const resultAt = (commit: Oid): TaskResult => ({
  success: true, message: '1 file changed',
  metadata: {
    execution_type: 'command', duration: 10, commands_executed: 1, files_generated: ['a.js'],
    resource_usage: { wall_ms: 1, cpu_ms: 1, memory_bytes_peak: 1, processes_peak: 1, source: 'exact' },
    artifacts: { commit, branch: '', evidence: 'proved' }, tokens: null, cost: null,
  },
})
