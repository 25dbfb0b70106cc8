import type { Entropy } from '../../ports/mod.ts'
import { scoreTask } from '../../work/matching/mod.ts'

/**
 * The published workload of the matching runs (docs/simulation-matching.md): who the nodes are, what the tasks need, how
 * long each takes and when it appears. The same seed gives the same workload.
 */
export interface Workload {
  readonly nodes: readonly WorkNode[]
  readonly tasks: readonly WorkTask[]
  readonly arrival: Arrival
}

/** `batch`: all tasks are there at the start. `stream`: they come one by one, about as fast as the swarm can work. */
export type Arrival = 'batch' | 'stream'

export interface WorkNode {
  readonly name: string
  readonly role: string
  readonly expertise: readonly string[]
  readonly maxTasks: number
}

export interface WorkTask {
  /** From `1` on, in the order of their appearance. */
  readonly number: string
  readonly requiredRole: string | undefined
  readonly requiredExpertise: readonly string[]
  readonly priority: number
  /** What the agent takes for it, on any node. */
  readonly durationMs: number
  readonly arrivalMs: number
}

export interface WorkloadOptions {
  readonly nodes: number
  readonly tasksPerNode: number
  readonly arrival: Arrival
  readonly entropy: Entropy
}

/** The expertise that is short: held by 5 % of the nodes (at least one), needed by 15 % of the tasks. */
export const SCARCE = 'cryptography'
export const SCARCE_HELD = 0.05
export const SCARCE_NEEDED = 0.15

/** Share of nodes, and of those tasks that require a role; the skills of each, from which nodes hold and tasks need some. */
export const ROLES = [
  { role: 'backend developer', share: 0.4, skills: ['go', 'postgres', 'api design'] },
  { role: 'frontend developer', share: 0.25, skills: ['react', 'css', 'accessibility'] },
  { role: 'test engineer', share: 0.15, skills: ['playwright', 'fuzzing'] },
  { role: 'platform engineer', share: 0.12, skills: ['kubernetes', 'terraform'] },
  { role: 'technical writer', share: 0.08, skills: ['editing', 'diagrams'] },
] as const

/** Each skill of its role is held by a node with this chance. */
const SKILL_HELD = 0.7
const ROLE_REQUIRED = 0.85
const SKILLS_NEEDED = [[0, 0.4], [1, 0.4], [2, 0.2]] as const
const PRIORITIES = [[10, 0.05], [8, 0.1], [5, 0.1], [4, 0.7], [2, 0.05]] as const
const MAX_TASKS = [[1, 0.4], [2, 0.5], [3, 0.1]] as const

/** Bounded Pareto, shape 1.2: most tasks take one to three minutes, one in a hundred more than half an hour. */
export const DURATION = { shape: 1.2, fromMs: 60_000, toMs: 3_600_000 }
/** Tasks of a stream come at this share of what all slots together can work. */
export const STREAM_LOAD = 0.8

export const makeWorkload = ({ nodes: nodeCount, tasksPerNode, arrival, entropy }: WorkloadOptions): Workload => {
  const nodes = makeNodes(nodeCount, entropy.fork('nodes'))
  const count = Math.round(nodeCount * tasksPerNode)
  const needs = makeNeeds(count, nodes, entropy.fork('needs'))
  const chance = entropy.fork('durations')
  const durations = needs.map(() => boundedPareto(chance.fraction(), DURATION))
  const meanMs = durations.reduce((sum, ms) => sum + ms, 0) / Math.max(1, count)
  const slots = nodes.reduce((sum, node) => sum + node.maxTasks, 0)
  const gaps = entropy.fork('arrivals')
  const gapMs = meanMs / (slots * STREAM_LOAD)
  let atMs = 0
  return {
    nodes, arrival,
    tasks: needs.map((need, index) => {
      if (arrival === 'stream' && index > 0) atMs += -Math.log(1 - gaps.fraction()) * gapMs
      return { ...need, number: String(index + 1), durationMs: durations[index] ?? 0, arrivalMs: Math.round(atMs) }
    }),
  }
}

/** Shares are kept as exactly as whole nodes allow, so that a small swarm is composed as a large one. */
const makeNodes = (count: number, entropy: Entropy): readonly WorkNode[] => {
  const roles = shuffled(quota(count, ROLES.map((kind) => [kind, kind.share] as const)), entropy.fork('roles'))
  const slots = shuffled(quota(count, MAX_TASKS), entropy.fork('slots'))
  const scarce = new Set(shuffled(roles.map((_, index) => index), entropy.fork('scarce')).slice(0, Math.max(1, Math.round(count * SCARCE_HELD))))
  const held = entropy.fork('skills')
  return roles.map(({ role, skills }, index) => ({
    name: `n${index + 1}`, role, maxTasks: slots[index] ?? 1,
    expertise: [...skills.filter(() => held.fraction() < SKILL_HELD), ...scarce.has(index) ? [SCARCE] : []],
  }))
}

/** Every task can be taken by someone: a need that nobody here is fit for (in a swarm of three) is drawn again. */
const makeNeeds = (count: number, nodes: readonly WorkNode[], entropy: Entropy): readonly Omit<WorkTask, 'number' | 'durationMs' | 'arrivalMs'>[] => {
  const scarce = shuffled(quota(count, [[true, SCARCE_NEEDED], [false, 1 - SCARCE_NEEDED]] as const), entropy.fork('scarce'))
  const priorities = shuffled(quota(count, PRIORITIES), entropy.fork('priorities'))
  const skillCounts = shuffled(quota(count, SKILLS_NEEDED), entropy.fork('skills'))
  const roles = shuffled(quota(count, ROLES.map((kind) => [kind, kind.share] as const)), entropy.fork('roles'))
  const required = shuffled(quota(count, [[true, ROLE_REQUIRED], [false, 1 - ROLE_REQUIRED]] as const), entropy.fork('required'))
  const again = entropy.fork('again')
  return scarce.map((isScarce, index) => {
    for (let draw = 0; draw < 1_000; draw += 1) {
      const kind = draw === 0 ? roles[index] ?? ROLES[0] : ROLES[again.integer(ROLES.length)] ?? ROLES[0]
      const requiredRole = required[index] === true ? kind.role : undefined
      const skills = shuffled([...kind.skills], entropy.fork(`${index} ${draw}`)).slice(0, skillCounts[index] ?? 0)
      const need = { requiredRole, requiredExpertise: [...skills, ...isScarce ? [SCARCE] : []], priority: priorities[index] ?? 4 }
      if (nodes.some((node) => isFit(need, node))) return need
    }
    throw new Error('no task can be drawn that a node of this swarm is fit for')
  })
}

/** Score of a task on a node by what does not change during a run: all slots free, nothing known of the past. */
export const staticScore = (task: Pick<WorkTask, 'requiredRole' | 'requiredExpertise'>, node: WorkNode): number =>
  scoreTask(task, { ...node, currentTasks: 0, performance: 0.5 }).total

export const isFit = (task: Pick<WorkTask, 'requiredRole' | 'requiredExpertise'>, node: WorkNode): boolean =>
  scoreTask(task, { ...node, currentTasks: 0, performance: 0.5 }).unfit === undefined

/** Of a bounded Pareto distribution, by inversion of its cumulative function. */
export const boundedPareto = (fraction: number, { shape, fromMs, toMs }: typeof DURATION): number => {
  const ratio = (fromMs / toMs) ** shape
  return Math.round(fromMs * (1 - fraction * (1 - ratio)) ** (-1 / shape))
}

/** `count` values in the given shares; the largest remainders are rounded up. */
const quota = <T>(count: number, shares: readonly (readonly [T, number])[]): readonly T[] => {
  const exact = shares.map(([value, share]) => ({ value, whole: Math.floor(share * count + 1e-9), rest: (share * count) % 1 }))
  const missing = count - exact.reduce((sum, { whole }) => sum + whole, 0)
  const raised = new Set([...exact].sort((a, b) => b.rest - a.rest).slice(0, missing))
  return exact.flatMap((each) => Array.from({ length: each.whole + (raised.has(each) ? 1 : 0) }, () => each.value))
}

const shuffled = <T>(items: readonly T[], entropy: Entropy): readonly T[] => {
  const mixed = [...items]
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = entropy.integer(at + 1)
    const held = mixed[at] as T
    mixed[at] = mixed[other] as T
    mixed[other] = held
  }
  return mixed
}
