import type { NodeId, TaskKey } from '../../core/mod.ts'
import { rendezvous } from './rendezvous.ts'
import { MATCHING_DEFAULTS, scoreTask } from './score.ts'
import type { AgentFacts, MatchingSettings, TaskNeeds } from './score.ts'

/** By what every node can know of every other: performance counts as 0.5, so that all compute the same. */
export interface Sharer extends Omit<AgentFacts, 'performance'> {
  readonly node: NodeId
  /** `<provider>:<repository>` of the tasks that it can take. */
  readonly repositories: readonly string[]
}

export interface SharedTask extends TaskNeeds {
  readonly key: TaskKey
  /** `<provider>:<repository>` */
  readonly repository: string
  readonly priority: number
}

/**
 * Whose turn each task is. If every node ran for the task that it prefers (priority, score, then the order given) and
 * gave way to those who suit it better (score, then rendezvous hash), they would end in one stable matching of free slots
 * and tasks (Gale and Shapley, 1962), after as many rounds as nodes are alike. Every node computes that end for itself, so
 * that each starts with what is its own. `tasks` come best first, in an order that all nodes share; what is left of them
 * when no slot is free any more is nobody's turn, and not in the answer.
 */
export const shareTasks = (tasks: readonly SharedTask[], sharers: readonly Sharer[], settings: MatchingSettings = MATCHING_DEFAULTS): ReadonlyMap<TaskKey, NodeId> => {
  const crews = new Crews(sharers, settings)
  const turns = new Map<TaskKey, NodeId>()
  for (let from = 0; from < tasks.length && crews.freeSlots > 0;) {
    const { priority } = tasks[from] as SharedTask
    let to = from + 1
    while (tasks[to]?.priority === priority) to += 1
    shareAlike(tasks.slice(from, to), crews, turns)
    from = to
  }
  return turns
}

/** Tasks of one priority: the best suited pairs first, older tasks first among equals. */
const shareAlike = (tasks: readonly SharedTask[], crews: Crews, turns: Map<TaskKey, NodeId>): void => {
  const kinds = new Map<string, Kind>()
  tasks.forEach((task, position) => {
    const name = needsName(task)
    const kind = kinds.get(name)
    if (kind === undefined) kinds.set(name, { name, needs: task, waiting: [{ task, position }], next: 0 })
    else kind.waiting.push({ task, position })
  })
  const open = new Set(kinds.values())
  while (open.size > 0 && crews.freeSlots > 0) {
    let first: { readonly kind: Kind; readonly score: number; readonly turn: Turn } | undefined
    for (const kind of open) {
      const turn = kind.waiting[kind.next]
      const score = turn === undefined ? undefined : crews.bestScore(kind)
      if (turn === undefined || score === undefined) { open.delete(kind); continue }
      if (first === undefined || score > first.score || (score === first.score && turn.position < first.turn.position)) first = { kind, score, turn }
    }
    if (first === undefined) return
    first.kind.next += 1
    turns.set(first.turn.task.key, crews.take(first.kind, first.score, first.turn.task.key))
  }
}

interface Turn { readonly task: SharedTask; readonly position: number }

/** Tasks that need the same. */
interface Kind {
  readonly name: string
  readonly needs: TaskNeeds & Pick<SharedTask, 'repository'>
  readonly waiting: Turn[]
  next: number
}

/** Nodes that are alike for every task: the same facts and the same load. */
interface Crew {
  readonly facts: CrewFacts
  readonly nodes: Set<NodeId>
}

interface Fit {
  readonly crew: Crew
  readonly score: number
}

type CrewFacts = AgentFacts & Pick<Sharer, 'repositories'>

/** The free slots of all nodes. A node that takes a task moves to the crew of those with one task more. */
class Crews {
  readonly #settings: MatchingSettings
  readonly #crews = new Map<string, Crew>()
  /** By kind of task: of the first so many crews those that are fit for it, the best first. A crew's score never changes. */
  readonly #ranked = new Map<string, { crews: number; readonly fit: Fit[] }>()
  #freeSlots = 0

  constructor(sharers: readonly Sharer[], settings: MatchingSettings) {
    this.#settings = settings
    for (const { node, role, expertise, currentTasks, maxTasks, repositories } of sharers) {
      if (currentTasks >= maxTasks) continue
      this.#freeSlots += maxTasks - currentTasks
      this.#crewOf({ role, expertise, currentTasks, maxTasks, repositories, performance: 0.5 }).nodes.add(node)
    }
  }

  get freeSlots(): number { return this.#freeSlots }

  /** Of the best suited node with a free slot; undefined when none may take such a task. */
  bestScore(kind: Kind): number | undefined { return this.#fitFor(kind).find(({ crew }) => crew.nodes.size > 0)?.score }

  /** The slot of the one that comes first for this task among the nodes with this score. */
  take(kind: Kind, score: number, task: TaskKey): NodeId {
    let best: { readonly crew: Crew; readonly node: NodeId; readonly rank: number } | undefined
    for (const fit of this.#fitFor(kind)) {
      if (fit.score < score) break
      if (fit.score > score) continue
      for (const node of fit.crew.nodes) {
        const rank = rendezvous(node, task)
        if (best === undefined || rank < best.rank || (rank === best.rank && node < best.node)) best = { crew: fit.crew, node, rank }
      }
    }
    if (best === undefined) throw new RangeError('a slot is taken of those that are free')
    const { crew: { facts, nodes }, node } = best
    nodes.delete(node)
    this.#freeSlots -= 1
    const currentTasks = facts.currentTasks + 1
    if (currentTasks < facts.maxTasks) this.#crewOf({ ...facts, currentTasks }).nodes.add(node)
    return node
  }

  #crewOf(facts: CrewFacts): Crew {
    const name = JSON.stringify([facts.role, facts.expertise, facts.currentTasks, facts.maxTasks, facts.repositories])
    const crew = this.#crews.get(name) ?? { facts, nodes: new Set<NodeId>() }
    this.#crews.set(name, crew)
    return crew
  }

  #fitFor({ name, needs }: Kind): readonly Fit[] {
    const ranked = this.#ranked.get(name) ?? { crews: 0, fit: [] }
    if (ranked.crews === this.#crews.size) return ranked.fit
    for (const crew of [...this.#crews.values()].slice(ranked.crews)) {
      if (!crew.facts.repositories.includes(needs.repository)) continue
      const { total: score, unfit } = scoreTask(needs, crew.facts, this.#settings)
      if (unfit !== undefined) continue
      const worse = ranked.fit.findIndex((other) => other.score < score)
      ranked.fit.splice(worse < 0 ? ranked.fit.length : worse, 0, { crew, score })
    }
    ranked.crews = this.#crews.size
    this.#ranked.set(name, ranked)
    return ranked.fit
  }
}

const needsName = ({ repository, requiredRole, requiredExpertise }: SharedTask): string => JSON.stringify([repository, requiredRole ?? null, requiredExpertise])
