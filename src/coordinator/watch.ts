import { ChorusError, messageOf } from '../core/mod.ts'
import type { TaskKey } from '../core/mod.ts'
import type { Clock, Task, TaskProblem } from '../ports/mod.ts'
import type { RepositoryWork } from './needs.ts'
import { within } from './patience.ts'
import type { CoordinatorTimes } from './times.ts'

/** At most this many tasks are kept per repository; the rest waits until those are gone. */
const TASKS_MAX = 10_000
/** A look that is not over after so many times the longest wait is given up on: a call that hangs may never end. */
const GIVEN_UP_AFTER = 3
/** The next is given twice as long, until one answers; at most this often, so that those which never end stay few: one an hour. */
const DOUBLINGS_MAX = 6

export interface Look {
  /** Whether this node is the one that polls the repository for the others. */
  readonly poller: boolean
  /** Ends the waiting, not the look. */
  readonly signal: AbortSignal
}

interface Looking {
  /** The later one knows more. */
  readonly number: number
  readonly startedMs: number
  readonly seen: Promise<Seen>
}

export interface Seen {
  /** Tasks that are new and open, or are not as they were before. */
  readonly fresh: readonly Task[]
  /** Of the first listing since the start: to this node everything is new, to the others hardly anything. */
  readonly first: boolean
  readonly problems: readonly TaskProblem[]
}

/** What is known of one repository: its tasks as listed, its claims as read, and what is wrong with either. */
export class RepositoryWatch {
  readonly work: RepositoryWork
  /** `<provider>:<repository>`: the first part of its tasks' keys. */
  readonly name: string
  readonly #clock: Clock
  readonly #times: CoordinatorTimes
  /** Results on a branch of their own that have reached the branch which others start from. */
  readonly #merged = new Set<TaskKey>()
  #prunedMs = -Infinity
  #tasks: ReadonlyMap<TaskKey, Task> = new Map()
  #listedMs: number | undefined
  #readMs = -Infinity
  #listingWanted = true
  #problems: ReadonlyMap<string, string> = new Map()
  #failure: string | undefined
  #looking: Looking | undefined
  #looks = 0
  /** In a row. */
  #givenUp = 0
  /** The look that the tasks are known from. */
  #listedBy = 0

  constructor(work: RepositoryWork, clock: Clock, times: CoordinatorTimes) {
    this.work = work
    this.#times = times
    this.name = `${work.provider.name}:${work.provider.repository}`
    this.#clock = clock
  }

  get tasks(): ReadonlyMap<TaskKey, Task> { return this.#tasks }
  /** When the refs of its claims were last read, by the start of the reading; what was heard later, they do not know. */
  get readMs(): number { return this.#readMs }
  get failing(): boolean { return this.#failure !== undefined }
  get problems(): readonly string[] {
    return [...this.#failure === undefined ? [] : [`${this.name}: ${this.#failure}`], ...this.#problems.values()]
  }

  /** The next look lists the tasks, whoever polls. */
  wantListing(): void { this.#listingWanted = true }

  /**
   * One at a time: a look that is still under way is waited for once more, until it is given up on; what it brings after
   * that counts as long as no later one knows more. Rejects when it failed or takes too long.
   */
  async look(look: Look): Promise<Seen> {
    this.#giveUp()
    this.#looking ??= this.#begin(look)
    const { lookMsMax: ms } = this.#times
    const late = (): Error => new ChorusError('REMOTE_UNAVAILABLE', `it does not answer within ${ms / 1_000} s`)
    try {
      const seen = await within(this.#looking.seen, { clock: this.#clock, ms, signal: look.signal, late })
      this.#failure = undefined
      return seen
    } catch (thrown) {
      if (!look.signal.aborted) this.#failure = messageOf(thrown)
      throw thrown
    }
  }

  #begin(look: Look): Looking {
    const number = this.#looks += 1
    const seen = this.#look(look, number).finally(() => {
      if (this.#looking?.number !== number) return
      this.#looking = undefined
      this.#givenUp = 0
    })
    return { number, startedMs: this.#clock.monotonicMs(), seen }
  }

  #giveUp(): void {
    if (this.#looking === undefined) return
    const patienceMs = GIVEN_UP_AFTER * this.#times.lookMsMax * 2 ** Math.min(this.#givenUp, DOUBLINGS_MAX)
    if (this.#clock.monotonicMs() - this.#looking.startedMs < patienceMs) return
    this.#looking = undefined
    this.#givenUp += 1
    this.#listingWanted = true
  }

  async #look({ poller }: Look, number: number): Promise<Seen> {
    const { provider, claims } = this.work
    const now = this.#clock.monotonicMs()
    let seen: Seen = { fresh: [], first: false, problems: [] }
    if (this.#listedMs === undefined || this.#listingWanted || poller || now - this.#listedMs > this.#times.silenceMs) {
      this.#listingWanted = false
      try {
        const listing = await provider.list()
        if (number > this.#listedBy) {
          seen = this.#take(listing)
          this.#listedBy = number
          this.#listedMs = now
        }
      } catch (thrown) {
        this.#listingWanted = true
        throw thrown
      }
    }
    // Given up on meanwhile: a later look does the rest.
    if (this.#looks > number) return seen
    claims.track([...this.#tasks.keys()])
    const startedMs = this.#clock.monotonicMs()
    await claims.refresh()
    this.#readMs = Math.max(this.#readMs, startedMs)
    await this.#lookForMerged()
    if (poller) await this.#prune(now)
    return seen
  }

  /** Its work is in the branch that dependents start from: merged by a node or by a person, or closed. */
  isFinished(key: TaskKey): boolean {
    if (this.#tasks.get(key)?.state === 'closed') return true
    const { state, result } = this.work.claims.view(key)
    return state === 'done' && (this.#merged.has(key) || modeOf(result) === 'merge')
  }

  /** The claim refs of tasks that were closed long ago go, so that reading all of them stays cheap; one node does it, now and then. */
  async #prune(now: number): Promise<void> {
    if (now - this.#prunedMs < this.#times.pruneEveryMs) return
    this.#prunedMs = now
    const closedKeys = [...this.#tasks.values()].filter((task) => task.state === 'closed').map((task) => task.key)
    if (closedKeys.length > 0) await this.work.claims.prune({ closedKeys, olderThanMs: this.#times.prunedAfterMs })
  }

  /** Only for results that an open task waits for. */
  async #lookForMerged(): Promise<void> {
    const { claims, sources } = this.work
    const awaited = new Set([...this.#tasks.values()].filter((task) => task.state === 'open').flatMap((task) => task.dependsOn))
    for (const key of awaited) {
      const { state, result } = claims.view(key)
      if (state !== 'done' || modeOf(result) !== 'branch' || this.#merged.has(key)) continue
      const { tip } = await sources.refresh()
      if (tip !== undefined && await sources.hasTrailer(tip, 'Chorus-Task', key)) this.#merged.add(key)
    }
  }

  #take(listing: { readonly tasks: readonly Task[]; readonly problems: readonly TaskProblem[] }): Seen {
    const before = this.#tasks
    const tasks = listing.tasks.slice(0, TASKS_MAX)
    this.#tasks = new Map(tasks.map((task) => [task.key, task]))
    const told = new Set(this.#problems.values())
    this.#problems = new Map(listing.problems.slice(0, TASKS_MAX).map((problem) => [problem.place, textOf(problem)]))
    return {
      fresh: tasks.filter((task) => isNews(before.get(task.key), task)),
      first: this.#listedMs === undefined,
      problems: listing.problems.filter((problem) => !told.has(textOf(problem))),
    }
  }
}

const isNews = (before: Task | undefined, now: Task): boolean =>
  before === undefined ? now.state === 'open' : before.contentHash !== now.contentHash || before.state !== now.state

const textOf = ({ place, line, reason }: TaskProblem): string => `${place}${line === undefined ? '' : `:${line}`}: ${reason}`

const modeOf = (result: unknown): unknown => (result as { readonly mode?: unknown } | null | undefined)?.mode
