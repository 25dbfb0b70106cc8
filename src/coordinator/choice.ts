import type { TaskKey } from '../core/mod.ts'
import type { Task } from '../ports/mod.ts'
import { COURTESY_DELAY_MS_MAX, courtesyDelayMs, courtesySlotMs, orderTasks, scoreTask } from '../work/matching/mod.ts'
import type { AgentFacts, MatchingSettings } from '../work/matching/mod.ts'
import type { AgentIdentity, Members, Performance } from './needs.ts'
import type { RepositoryWatch } from './watch.ts'

export interface ChoiceParts {
  readonly identity: AgentIdentity
  readonly members: Members
  readonly performance: Performance
  readonly matching: MatchingSettings
  /** By the first part of their tasks' keys. */
  readonly watches: ReadonlyMap<string, RepositoryWatch>
}

export interface Candidate {
  readonly watch: RepositoryWatch
  readonly task: Task
  readonly score: number
}

/** Claim times that the courtesy slot is measured by. */
const SAMPLES_MAX = 50

/** Which tasks of all repositories suit this node, in which order, and how long it lets others go first. Starts nothing. */
export class Choice {
  readonly #parts: ChoiceParts
  readonly #acquireMs: number[] = []

  constructor(parts: ChoiceParts) { this.#parts = parts }

  watchOf(key: TaskKey): RepositoryWatch | undefined { return this.#parts.watches.get(key.slice(0, key.lastIndexOf('#'))) }

  /** Best first; fit at this load, dependencies finished, claims not looked at. */
  candidates(currentTasks: number): readonly Candidate[] {
    const { performance, matching, watches } = this.#parts
    const score = (task: Task) => scoreTask(task, this.#facts(currentTasks, performance.score(task.type)), matching)
    const tasks = [...watches.values()].flatMap((watch) => [...watch.tasks.values()])
    const { candidates } = orderTasks(tasks, { score: (task) => score(task).total, stateOf: (key) => this.#stateOf(key) })
    return candidates.flatMap((task) => {
      const watch = this.watchOf(task.key)
      const { total, unfit } = score(task)
      return watch === undefined || unfit !== undefined ? [] : [{ watch, task, score: total }]
    })
  }

  /** Everybody ranks by what everybody can know: the announced facts (`currentTasks` as announced), and no history. */
  courtesyMs({ watch, task }: Candidate, currentTasks: number): number {
    const { identity, members, matching } = this.#parts
    const rivals = members.members()
      .filter((member) => member.node !== identity.node && member.status !== 'offline' && member.repositories.includes(watch.name))
      .map((member) => ({ node: member.node, score: scoreTask(task, { ...member, performance: 0.5 }, matching) }))
      .filter(({ score }) => score.unfit === undefined)
      .map(({ node, score }) => ({ node, score: score.total }))
    const self = { node: identity.node, score: scoreTask(task, this.#facts(currentTasks, 0.5), matching).total }
    return courtesyDelayMs(task.key, self, { rivals, slotMs: courtesySlotMs(this.#acquireMs), delayMsMax: COURTESY_DELAY_MS_MAX })
  }

  /** A claim took this long, the courtesy not counted. */
  measured(ms: number): void {
    this.#acquireMs.push(Math.max(0, ms))
    if (this.#acquireMs.length > SAMPLES_MAX) this.#acquireMs.shift()
  }

  #facts(currentTasks: number, performance: number): AgentFacts {
    const { role, expertise, maxTasks } = this.#parts.identity
    return { role, expertise, maxTasks, currentTasks, performance }
  }

  #stateOf(key: TaskKey): 'finished' | 'open' | 'unknown' {
    const watch = this.watchOf(key)
    if (watch?.tasks.has(key) !== true) return 'unknown'
    return watch.isFinished(key) ? 'finished' : 'open'
  }
}
