import { BoundedMap, messageOf } from '../core/mod.ts'
import type { NodeId, TaskKey } from '../core/mod.ts'
import type { AgentRunner, Clock, Logger, Task, TaskListing } from '../ports/mod.ts'
import { COURTESY_DELAY_MS_MAX, courtesyDelayMs, courtesySlotMs, orderTasks, rendezvousWinner, scoreTask } from '../work/matching/mod.ts'
import type { AgentFacts, MatchingSettings, Rival } from '../work/matching/mod.ts'
import type { CoordinatorEvent } from './events.ts'
import type { Ending } from './life.ts'
import type { AgentIdentity, AuditRecord, Members, Performance, RepositoryWork, Tell } from './needs.ts'
import { TaskRun } from './task-run.ts'

export interface CoordinatorParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly identity: AgentIdentity
  readonly repositories: readonly RepositoryWork[]
  readonly members: Members
  readonly performance: Performance
  readonly tell: Tell
  readonly record: AuditRecord
  readonly runner: AgentRunner
  readonly emit: (event: CoordinatorEvent) => void
  /** Called when the number of running tasks changed, so that availability stays true. */
  readonly loadChanged: () => void
}

export interface CoordinatorOptions {
  readonly pollMs: number
  /** Nodes that do not poll a repository do so when nothing was announced for this long (architecture: 10 min). */
  readonly silenceMs: number
  readonly matching: MatchingSettings
}

export interface ActiveTaskView {
  readonly key: TaskKey
  readonly repository: string
  readonly number: string
  readonly title: string
  readonly phase: string
  readonly claimedAtMs: number
  readonly epoch: number
  readonly score: number
}

/** At most this many tasks are looked at per repository and round; the rest waits for the next. */
const TASKS_MAX = 10_000
/** What others were heard to claim is no candidate until the refs are read again, at the latest after this long. */
const HEARD_MS = 20_000

/**
 * Finds tasks, lets the matcher choose, and runs the life of each chosen one. All decisions are the machines';
 * this class only keeps the lists and the rounds. Rounds never overlap; a wish for one during one starts another after it.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts
  readonly #options: CoordinatorOptions
  readonly #runs = new Map<TaskKey, TaskRun>()
  readonly #listings = new Map<RepositoryWork, { readonly listing: TaskListing; readonly atMs: number }>()
  readonly #heard = new BoundedMap<TaskKey, number>(10_000)
  readonly #problems = new BoundedMap<string, string>(1_000)
  readonly #acquireMs: number[] = []
  #round: Promise<void> | undefined
  #roundWanted = false
  #listingWanted = false
  #disarm: (() => void) | undefined
  #accepting = false
  #stopped = false

  constructor(parts: CoordinatorParts, options: CoordinatorOptions) {
    this.#parts = parts
    this.#options = options
  }

  get accepting(): boolean { return this.#accepting }
  get currentTasks(): number { return [...this.#runs.values()].filter((run) => run.claim !== undefined).length }
  get problems(): readonly string[] { return [...this.#problems.values()] }

  active(): readonly ActiveTaskView[] {
    return [...this.#runs.values()].map((run) => ({
      key: run.task.key, repository: run.task.repository, number: run.task.number, title: run.task.title,
      phase: run.phase, claimedAtMs: run.claimedAtMs, epoch: run.claim?.epoch ?? 0, score: run.score,
    }))
  }

  /** Every task it knows with the state of its claim, for status and `up --dry-run`. */
  known(): readonly { readonly task: Task; readonly view: ReturnType<RepositoryWork['claims']['view']> }[] {
    return [...this.#listings].flatMap(([repository, { listing }]) =>
      listing.tasks.map((task) => ({ task, view: repository.claims.view(task.key) })))
  }

  async start(): Promise<void> {
    if (this.#accepting || this.#stopped) return
    this.#accepting = true
    this.#listingWanted = true
    await this.#look()
  }

  /** No new claims; running ones go on. */
  pauseClaims(): void { this.#accepting = false; this.#disarm?.() }

  /** No new claims; what runs is delivered if it is that far, else given back. Resolves when nothing runs. */
  async drain(): Promise<void> {
    this.pauseClaims()
    await this.#round
    for (const run of this.#runs.values()) run.drain()
    await Promise.all([...this.#runs.values()].map((run) => run.done))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.drain()
  }

  /** Another node was heard to claim, progress or finish this task, or to have found tasks. A hint: the refs decide. */
  heard(what: { readonly kind: 'claimed' | 'ended' | 'announced'; readonly key?: TaskKey | undefined; readonly by: NodeId }): void {
    if (what.kind === 'claimed' && what.key !== undefined) {
      this.#heard.set(what.key, this.#parts.clock.monotonicMs())
      this.#runs.get(what.key)?.seenElsewhere()
      return
    }
    if (what.key !== undefined) this.#heard.delete(what.key)
    this.#listingWanted = true
    this.#wish()
  }

  /** Looks now rather than at the next poll. */
  wake(): void { this.#listingWanted = true; this.#wish() }

  #wish(): void {
    this.#roundWanted = true
    if (this.#round === undefined && this.#accepting) void this.#look()
  }

  #look(): Promise<void> {
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined
      this.#disarm?.()
      if (this.#accepting) this.#disarm = this.#parts.clock.arm(this.#options.pollMs, () => { void this.#look() })
    })
    return this.#round
  }

  async #rounds(): Promise<void> {
    do {
      this.#roundWanted = false
      for (const repository of this.#parts.repositories) {
        try {
          await this.#refresh(repository)
          this.#problems.delete(repository.provider.repository)
        } catch (thrown) {
          // One repository that fails does not stop the others; the next round tries again.
          this.#problems.set(repository.provider.repository, messageOf(thrown))
          this.#parts.emit({ kind: 'repository_failed', repository: repository.provider.repository, reason: messageOf(thrown) })
          this.#parts.logger.warn('a repository could not be read', { repository: repository.provider.repository, error: messageOf(thrown) })
        }
      }
      this.#listingWanted = false
      if (this.#accepting) this.#choose()
    } while (this.#roundWanted && this.#accepting)
  }

  async #refresh(repository: RepositoryWork): Promise<void> {
    const now = this.#parts.clock.monotonicMs()
    const last = this.#listings.get(repository)
    const name = `${repository.provider.name}:${repository.provider.repository}`
    const here = this.#parts.members.members().filter((member) => member.status !== 'offline' && member.repositories.includes(name)).map((member) => member.node)
    const mine = rendezvousWinner(name, [...new Set([this.#parts.identity.node, ...here])]) === this.#parts.identity.node
    if (last === undefined || this.#listingWanted || mine || now - last.atMs > this.#options.silenceMs) {
      const listing = await repository.provider.list()
      const fresh = listing.tasks.filter((task) => last?.listing.tasks.every((old) => old.key !== task.key || old.contentHash !== task.contentHash) ?? true)
      this.#listings.set(repository, { listing: { ...listing, tasks: listing.tasks.slice(0, TASKS_MAX) }, atMs: now })
      this.#reportProblems(listing)
      if (mine && fresh.length > 0) await this.#parts.tell.found(fresh)
    }
    repository.claims.track((this.#listings.get(repository)?.listing.tasks ?? []).map((task) => task.key))
    await repository.claims.refresh()
  }

  #reportProblems(listing: TaskListing): void {
    for (const problem of listing.problems) {
      const text = `${problem.place}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.reason}`
      if (this.#problems.get(`task ${problem.place}`) === text) continue
      this.#problems.set(`task ${problem.place}`, text)
      this.#parts.emit({ kind: 'task_problem', place: problem.place, line: problem.line, reason: problem.reason })
    }
  }

  #choose(): void {
    const { identity, performance, clock } = this.#parts
    const now = clock.monotonicMs()
    const scored = (task: Task): number => scoreTask(task, this.#facts(performance.score(task.type)), this.#options.matching).total
    for (const repository of this.#parts.repositories) {
      const tasks = this.#listings.get(repository)?.listing.tasks ?? []
      const { candidates } = orderTasks(tasks, { score: scored, stateOf: (key) => this.#stateOf(repository, tasks, key) })
      for (const task of candidates) {
        if (this.#runs.size >= identity.maxTasks) return
        const heardAt = this.#heard.get(task.key)
        if (this.#runs.has(task.key) || (heardAt !== undefined && now - heardAt < HEARD_MS) || !repository.claims.view(task.key).claimable) continue
        const score = scoreTask(task, this.#facts(performance.score(task.type)), this.#options.matching)
        if (score.unfit === undefined) this.#begin(repository, task, score.total, this.#courtesyMs(task))
      }
    }
  }

  #facts(performance: number): AgentFacts {
    const { role, expertise, maxTasks } = this.#parts.identity
    return { role, expertise, maxTasks, currentTasks: this.#runs.size, performance }
  }

  /** Everybody ranks by what everybody can know: the announced facts, and no history. */
  #courtesyMs(task: Task): number {
    const { identity, members } = this.#parts
    const rival = (node: NodeId, facts: AgentFacts): Rival => ({ node, score: scoreTask(task, facts, this.#options.matching).total })
    const rivals = members.members()
      .filter((member) => member.node !== identity.node && member.status !== 'offline')
      .map((member) => ({ member, score: scoreTask(task, { ...member, performance: 0.5 }, this.#options.matching) }))
      .filter(({ score }) => score.unfit === undefined)
      .map(({ member, score }) => ({ node: member.node, score: score.total }))
    return courtesyDelayMs(task.key, rival(identity.node, this.#facts(0.5)), { rivals, slotMs: courtesySlotMs(this.#acquireMs), delayMsMax: COURTESY_DELAY_MS_MAX })
  }

  /** A dependency is finished when its work is in the branch that dependents start from: merged, or closed by a person. */
  #stateOf(repository: RepositoryWork, tasks: readonly Task[], key: TaskKey): 'finished' | 'open' | 'unknown' {
    const task = tasks.find((other) => other.key === key)
    if (task === undefined) return 'unknown'
    if (task.state === 'closed') return 'finished'
    const view = repository.claims.view(key)
    return view.state === 'done' && (view.result as { mode?: unknown } | undefined)?.mode === 'merge' ? 'finished' : 'open'
  }

  #begin(repository: RepositoryWork, task: Task, score: number, courtesyMs: number): void {
    const { clock, logger, identity, runner, tell, record, emit } = this.#parts
    const begunMs = clock.monotonicMs()
    const run = new TaskRun(task, score, {
      clock, logger, identity, repository, runner, tell, record,
      emit: (event) => {
        if (event.kind === 'task_claimed') {
          this.#measure(clock.monotonicMs() - begunMs - courtesyMs)
          this.#parts.loadChanged()
        }
        emit(event)
      },
      ended: (ended, how) => { this.#ended(ended, how) },
    })
    this.#runs.set(task.key, run)
    run.start(courtesyMs)
  }

  #ended(run: TaskRun, how: Ending): void {
    this.#runs.delete(run.task.key)
    if (how.kind === 'outrun') this.#heard.set(run.task.key, this.#parts.clock.monotonicMs())
    this.#parts.loadChanged()
    this.#listingWanted = true
    this.#wish()
  }

  #measure(ms: number): void {
    this.#acquireMs.push(Math.max(0, ms))
    if (this.#acquireMs.length > 50) this.#acquireMs.shift()
  }
}
