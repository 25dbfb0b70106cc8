import type { NodeId, TaskKey } from '../core/mod.ts'
import type { Task } from '../ports/mod.ts'
import { COURTESY_DELAY_MS_MAX, courtesyDelayMs, courtesySlotMs, orderTasks, scoreTask, shareTasks } from '../work/matching/mod.ts'
import type { AgentFacts, MatchingSettings } from '../work/matching/mod.ts'
import type { AgentIdentity, Members, MemberView, Performance } from './needs.ts'
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
  /** Whose turn it is, as far as everybody knows: of the nodes with a free slot, the one that it falls to. */
  readonly turn: NodeId
}

/** Tasks of this node: those that it has begun to claim, and those that it holds, as it announces. */
export interface Load {
  readonly begun: number
  readonly claimed: number
}

/** Claim times that the courtesy slot is measured by. */
const SAMPLES_MAX = 50

/** Which tasks of all repositories suit this node, in which order, and how long it lets others go first. Starts nothing. */
export class Choice {
  readonly #parts: ChoiceParts
  readonly #acquireMs: number[] = []
  /** Of the last look at the candidates: they are judged one after another, at once. */
  #rivals: readonly MemberView[] = []

  constructor(parts: ChoiceParts) { this.#parts = parts }

  watchOf(key: TaskKey): RepositoryWatch | undefined { return this.#parts.watches.get(key.slice(0, key.lastIndexOf('#'))) }

  /**
   * Best first; fit at this load, dependencies finished, and open as `isOpen` says: first those whose turn it is here, then
   * those that better suited nodes with free slots will probably take.
   */
  candidates(load: Load, isOpen: (watch: RepositoryWatch, task: Task) => boolean): readonly Candidate[] {
    const { performance, matching, watches, identity, members } = this.#parts
    this.#rivals = members.members().filter(({ node, status }) => node !== identity.node && status !== 'offline')
    const facts = remembered((type: Task['type']) => this.#facts(load.begun, performance.score(type)))
    const score = remembered((task: Task) => scoreTask(task, facts(task.type), matching))
    const tasks = [...watches.values()].flatMap((watch) => [...watch.tasks.values()])
    const { candidates } = orderTasks(tasks, { score: (task) => score(task).total, stateOf: (key) => this.#stateOf(key) })
    const open = candidates.flatMap((task) => {
      const watch = this.watchOf(task.key)
      return watch === undefined || !isOpen(watch, task) ? [] : [{ watch, task }]
    })
    const turns = this.#turns(open, load.claimed)
    const fit = open.flatMap(({ watch, task }) => {
      const { total, unfit } = score(task)
      return unfit !== undefined ? [] : [{ watch, task, score: total, turn: turns.get(task.key) ?? identity.node }]
    })
    const isOwn = ({ turn }: Candidate): boolean => turn === identity.node
    return [...fit.filter(isOwn), ...fit.filter((candidate) => !isOwn(candidate))]
  }

  /** Of a candidate that was just given. None at its own turn; else everybody ranks by what everybody can know: the announced facts, and no history. */
  courtesyMs({ watch, task, turn }: Candidate, currentTasks: number): number {
    const { identity, matching } = this.#parts
    if (turn === identity.node) return 0
    const rivals = this.#rivals
      .filter(({ repositories }) => repositories.includes(watch.name))
      .map((member) => ({ node: member.node, score: scoreTask(task, { ...member, performance: 0.5 }, matching) }))
      .filter(({ score }) => score.unfit === undefined)
      .map(({ node, score }) => ({ node, score: score.total }))
    const self = { node: identity.node, score: scoreTask(task, this.#facts(currentTasks, 0.5), matching).total }
    const slotMs = courtesySlotMs(this.#acquireMs)
    return Math.max(slotMs, courtesyDelayMs(task.key, self, { rivals, slotMs, delayMsMax: COURTESY_DELAY_MS_MAX }))
  }

  /** A claim took this long, the courtesy not counted: one's own, or that of the node whose turn it was, until it was heard. */
  measured(ms: number): void {
    this.#acquireMs.push(Math.max(0, ms))
    if (this.#acquireMs.length > SAMPLES_MAX) this.#acquireMs.shift()
  }

  /** Whose turn each open task is, by what everybody can know; a task that is nobody's turn is not in it. */
  #turns(open: readonly { readonly watch: RepositoryWatch; readonly task: Task }[], claimed: number): ReadonlyMap<TaskKey, NodeId> {
    const { identity, watches, matching } = this.#parts
    const rivals = this.#rivals.filter(({ status, currentTasks, maxTasks }) => status !== 'busy' && currentTasks < maxTasks)
    if (rivals.length === 0) return new Map()
    const own = { ...identity, currentTasks: claimed, repositories: [...watches.keys()] }
    const tasks = open.map(({ watch, task }) => ({ ...task, repository: watch.name }))
      .sort((a, b) => b.priority - a.priority || a.createdAtMs - b.createdAtMs || (a.key < b.key ? -1 : 1))
    return shareTasks(tasks, [own, ...rivals], matching)
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

/** Asked once for each input. */
const remembered = <In, Out extends object>(ask: (input: In) => Out): ((input: In) => Out) => {
  const known = new Map<In, Out>()
  return (input) => {
    const found = known.get(input) ?? ask(input)
    known.set(input, found)
    return found
  }
}
