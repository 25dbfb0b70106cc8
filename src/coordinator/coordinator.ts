import { BoundedMap, messageOf } from '../core/mod.ts'
import type { NodeId, TaskKey } from '../core/mod.ts'
import type { AgentRunner, Clock, Logger, Task } from '../ports/mod.ts'
import { rendezvousWinner } from '../work/matching/mod.ts'
import type { MatchingSettings } from '../work/matching/mod.ts'
import { Choice } from './choice.ts'
import type { Candidate } from './choice.ts'
import type { CoordinatorEvent } from './events.ts'
import type { Ending } from './life.ts'
import type { AgentIdentity, AuditRecord, Members, Performance, RepositoryWork, Tell } from './needs.ts'
import { GivingWay } from './giving-way.ts'
import { SetAside } from './set-aside.ts'
import { ATTEMPTS_MAX, TaskRun } from './task-run.ts'
import { COORDINATOR_TIMES } from './times.ts'
import type { CoordinatorTimes } from './times.ts'
import { RepositoryWatch } from './watch.ts'
import type { Seen } from './watch.ts'

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
  /** Must not throw. */
  readonly emit: (event: CoordinatorEvent) => void
  /** Called when the number of running tasks changed, so that availability stays true. */
  readonly loadChanged: () => void
}

/** What is left out of the times keeps the default of COORDINATOR_TIMES. */
export interface CoordinatorOptions extends Partial<CoordinatorTimes> {
  readonly pollMs: number
  readonly matching: MatchingSettings
  /** A task is tried this often before a person is asked; the same as its claims go by. Default: 3. */
  readonly attemptsMax?: number
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

/** What another node said. `announced` and `ended` are reasons to look; `claimed` to step aside until the refs are read. */
export type Hint =
  | { readonly kind: 'claimed' | 'ended'; readonly key: TaskKey; readonly by: NodeId }
  | { readonly kind: 'announced'; readonly key: TaskKey; readonly contentHash: string; readonly state: Task['state']; readonly by: NodeId }

/** New tasks that are announced per look: one announcement already makes the others list them all. */
const ANNOUNCED_MAX = 50

/**
 * Finds tasks, lets the matcher choose, and runs the life of each chosen one. All decisions are the machines';
 * this class only keeps the lists and the rounds. Rounds never overlap; a wish for one during one starts another after it.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts
  readonly #options: CoordinatorOptions
  readonly #times: CoordinatorTimes
  readonly #watches: ReadonlyMap<string, RepositoryWatch>
  readonly #choice: Choice
  readonly #runs = new Map<TaskKey, TaskRun>()
  readonly #setAside = new SetAside()
  readonly #givingWay = new GivingWay()
  /** When another was heard to claim it. */
  readonly #heard = new BoundedMap<TaskKey, number>(10_000)
  /** For these this node stepped aside already: it does so no second time before it has tried itself. */
  readonly #waitedFor = new BoundedMap<TaskKey, true>(10_000)
  /** What this node told last of a task that it found. */
  readonly #announced = new BoundedMap<TaskKey, string>(10_000)
  #round: Promise<void> | undefined
  #roundWanted = false
  #roundStartedMs = -Infinity
  /** Ends the waiting of the round that runs, when the node pauses or stops. */
  #halt = new AbortController()
  #disarmPoll: (() => void) | undefined
  #disarmHint: (() => void) | undefined
  #hintDueMs = Infinity
  #disarmTurn: (() => void) | undefined
  #accepting = false
  #stopped = false

  constructor(parts: CoordinatorParts, options: CoordinatorOptions) {
    this.#parts = parts
    this.#options = options
    this.#times = { ...COORDINATOR_TIMES, ...options }
    this.#watches = new Map(parts.repositories.map((work) => new RepositoryWatch(work, parts.clock, this.#times)).map((watch) => [watch.name, watch]))
    this.#choice = new Choice({ ...parts, matching: options.matching, watches: this.#watches })
  }

  get accepting(): boolean { return this.#accepting }
  get currentTasks(): number { return [...this.#runs.values()].filter((run) => run.claim !== undefined).length }
  get problems(): readonly string[] { return [...this.#watches.values()].flatMap((watch) => watch.problems) }

  active(): readonly ActiveTaskView[] {
    return [...this.#runs.values()].map((run) => ({
      key: run.task.key, repository: run.task.repository, number: run.task.number, title: run.task.title,
      phase: run.phase, claimedAtMs: run.claimedAtMs, epoch: run.claim?.epoch ?? 0, score: run.score,
    }))
  }

  /** Every task it knows with the state of its claim, for status and `up --dry-run`. */
  known(): readonly { readonly task: Task; readonly view: ReturnType<RepositoryWork['claims']['view']> }[] {
    return [...this.#watches.values()].flatMap(({ tasks, work }) => [...tasks.values()].map((task) => ({ task, view: work.claims.view(task.key) })))
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    if (this.#accepting || this.#stopped) return
    this.#accepting = true
    this.#halt = new AbortController()
    this.#wantListings()
    this.#wish()
    await this.#round
  }

  /** No new claims; running ones go on. */
  pauseClaims(): void {
    this.#accepting = false
    this.#disarmPoll?.()
    this.#disarmTurn?.()
    this.#forgetHint()
    this.#halt.abort(new Error('the node takes no new tasks'))
  }

  /** No new claims; what runs is delivered if it is that far, else given back. Resolves when nothing runs. */
  async drain(): Promise<void> {
    this.pauseClaims()
    const running = [...this.#runs.values()]
    for (const run of running) run.drain()
    await Promise.all(running.map((run) => run.done))
    await this.#round
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.drain()
  }

  /** Another node was heard to claim, progress or finish this task, or to have found tasks. A hint: the refs decide. */
  heard(hint: Hint): void {
    const watch = this.#choice.watchOf(hint.key)
    if (watch === undefined) return
    if (hint.kind === 'claimed') {
      const now = this.#parts.clock.monotonicMs()
      if (!this.#waitedFor.has(hint.key)) this.#heard.set(hint.key, now)
      const tookMs = this.#givingWay.claimed(hint.key, hint.by, now)
      if (tookMs !== undefined) this.#choice.measured(tookMs)
      if (this.#givingWay.has(hint.key)) this.#lookSoon(this.#times.notClaimed.firstMs)
      if (!this.#waitedFor.has(hint.key)) this.#runs.get(hint.key)?.seenElsewhere()
      return
    }
    const known = watch.tasks.get(hint.key)
    if (hint.kind === 'announced' && known?.contentHash === hint.contentHash && known.state === hint.state) return
    if (hint.kind === 'announced') watch.wantListing()
    this.#lookSoon()
  }

  /** Others came or went: who polls what may have changed. */
  membersChanged(): void { this.#lookSoon() }

  /** A person wants this task looked at now, whatever happened to it here before. */
  wake(key: TaskKey): void {
    this.#setAside.clear(key)
    this.#choice.watchOf(key)?.wantListing()
    this.#wish()
  }

  #wantListings(): void { for (const watch of this.#watches.values()) watch.wantListing() }

  /**
   * What others say is bundled, so that nobody makes this node ask its providers more often than it wants to. A node
   * without a free slot looks when it has one again: in a large swarm most are busy, and every look is a request.
   */
  #lookSoon(gapMs = this.#times.hintGapMs): void {
    if (!this.#accepting || this.#runs.size >= this.#parts.identity.maxTasks) return
    const { clock } = this.#parts
    const dueMs = Math.max(clock.monotonicMs(), this.#roundStartedMs + gapMs)
    if (dueMs >= this.#hintDueMs) return
    this.#disarmHint?.()
    this.#hintDueMs = dueMs
    this.#disarmHint = clock.arm(dueMs - clock.monotonicMs(), () => {
      this.#forgetHint()
      this.#wish()
    })
  }

  #forgetHint(): void {
    this.#disarmHint?.()
    this.#disarmHint = undefined
    this.#hintDueMs = Infinity
  }

  #wish(): void {
    if (!this.#accepting) return
    this.#roundWanted = true
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined
      this.#disarmPoll?.()
      if (this.#accepting) this.#disarmPoll = this.#parts.clock.arm(this.#options.pollMs, () => { this.#wish() })
    })
  }

  /** Never rejects. */
  async #rounds(): Promise<void> {
    while (this.#roundWanted && this.#accepting) {
      this.#roundWanted = false
      this.#roundStartedMs = this.#parts.clock.monotonicMs()
      await Promise.all([...this.#watches.values()].map((watch) => this.#look(watch)))
      if (!this.#accepting) return
      try {
        this.#choose()
      } catch (thrown) {
        this.#parts.logger.error('no task could be chosen', { error: messageOf(thrown) })
      }
    }
  }

  /** One repository that fails or is slow does not stop the others; the next round tries again. */
  async #look(watch: RepositoryWatch): Promise<void> {
    const { identity, members, tell, emit, logger } = this.#parts
    const failedBefore = watch.failing
    const { signal } = this.#halt
    try {
      const here = members.members().filter((member) => member.status !== 'offline' && member.repositories.includes(watch.name)).map((member) => member.node)
      const poller = rendezvousWinner(watch.name, [...new Set([identity.node, ...here])]) === identity.node
      const seen = await watch.look({ poller, signal })
      for (const { place, line, reason } of seen.problems) emit({ kind: 'task_problem', place, line, reason })
      const announced = poller ? this.#newsOf(watch, seen) : []
      if (announced.length > 0) {
        tell.found(announced).catch((thrown: unknown) => { logger.warn('new tasks could not be announced', { repository: watch.name, error: messageOf(thrown) }) })
      }
    } catch (thrown) {
      if (signal.aborted || failedBefore) return
      emit({ kind: 'repository_failed', repository: watch.work.provider.repository, reason: messageOf(thrown) })
      logger.warn('a repository could not be read', { repository: watch.name, error: messageOf(thrown) })
    }
  }

  /**
   * What the others cannot know yet. Of what was there when this node came, one task is enough to make whoever missed it
   * list them all; that a task is closed because it was done is told by who did it.
   */
  #newsOf(watch: RepositoryWatch, { fresh, first }: Seen): readonly Task[] {
    const news = fresh.filter(({ key, state, contentHash }) => {
      if (state === 'closed' && ['delivered', 'done'].includes(watch.work.claims.view(key).state)) return false
      return this.#announced.get(key) !== `${state} ${contentHash}`
    }).slice(0, first ? 1 : ANNOUNCED_MAX)
    for (const { key, state, contentHash } of news) this.#announced.set(key, `${state} ${contentHash}`)
    return news
  }

  /** The best tasks of all repositories, as many as there are free slots. */
  #choose(): void {
    const { identity, clock } = this.#parts
    this.#disarmTurn?.()
    if (this.#runs.size >= identity.maxTasks) return this.#givingWay.endAll()
    const now = clock.monotonicMs()
    const candidates = this.#choice.candidates({ begun: this.#runs.size, claimed: this.currentTasks }, (watch, { key }) => {
      if (this.#setAside.has(key, now)) return false
      // Read after it was heard, the refs know better: a claim that is not there was a lie, or is over.
      const heardMs = this.#heard.get(key)
      if (heardMs !== undefined && heardMs >= watch.readMs) return false
      const { claimable } = watch.work.claims.view(key)
      if (!claimable) { this.#givingWay.end(key); this.#heard.delete(key); this.#waitedFor.delete(key) }
      else if (heardMs !== undefined) this.#waitedFor.set(key, true)
      return claimable
    })
    let soonestMs = Infinity
    for (const candidate of candidates) {
      const { key } = candidate.task
      if (this.#runs.size >= identity.maxTasks) return
      if (this.#runs.has(key)) continue
      const dueMs = candidate.turn === identity.node ? now
        : this.#givingWay.dueMs(key, now, { to: candidate.turn, courtesyMs: () => this.#choice.courtesyMs(candidate, this.currentTasks) })
      if (dueMs <= now) this.#begin(candidate)
      else soonestMs = Math.min(soonestMs, dueMs)
    }
    if (soonestMs < Infinity) this.#disarmTurn = clock.arm(soonestMs - now, () => { this.#chooseAgain() })
  }

  /** Somebody's time to take a task has passed, as far as this node has heard. */
  #chooseAgain(): void {
    if (!this.#accepting || this.#round !== undefined) return
    try {
      this.#choose()
    } catch (thrown) {
      this.#parts.logger.error('no task could be chosen', { error: messageOf(thrown) })
    }
  }

  #begin(candidate: Candidate): void {
    const { clock, logger, identity, runner, tell, record, emit } = this.#parts
    const { watch, task, score } = candidate
    const begunMs = clock.monotonicMs()
    const run = new TaskRun(task, score, {
      clock, logger, identity, repository: watch.work, runner, tell, record, times: this.#times, attemptsMax: this.#options.attemptsMax ?? ATTEMPTS_MAX,
      emit: (event) => {
        if (event.kind === 'task_claimed') {
          this.#choice.measured(clock.monotonicMs() - begunMs)
          this.#parts.loadChanged()
        }
        emit(event)
      },
      ended: (ended, how) => { this.#ended(ended, how) },
    })
    this.#runs.set(task.key, run)
    this.#givingWay.end(task.key)
    run.start(0)
  }

  #ended(run: TaskRun, how: Ending): void {
    const { key } = run.task
    const now = this.#parts.clock.monotonicMs()
    this.#runs.delete(key)
    this.#parts.loadChanged()
    if (how.kind === 'outrun' && how.hinted) {
      this.#waitedFor.set(key, true)
      this.#lookSoon()
      return
    }
    this.#waitedFor.delete(key)
    // What a drain gave back is no sign against the task.
    if (!this.#accepting) return
    if (how.kind === 'outrun') this.#setAside.add(key, now, this.#times.notClaimed)
    else if (how.kind === 'released' || how.kind === 'lost') this.#setAside.add(key, now, this.#times.givenBack)
    else this.#setAside.clear(key)
    if (how.kind !== 'outrun') this.#choice.watchOf(key)?.wantListing()
    this.#wish()
  }
}
