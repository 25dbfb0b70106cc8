import type { Task } from '../../ports/mod.ts'
import { sameWords, sharesAllWords } from './words.ts'

/**
 * How well a task suits a node, by the seed's formula:
 * 0.4 role + 0.3 expertise + 0.2 availability + 0.1 performance, wanted when strictly over 0.5. Each part is 0 to 1.
 */
export interface MatchingSettings {
  /** Sum to 1. */
  readonly weights: { readonly role: number; readonly expertise: number; readonly availability: number; readonly performance: number }
  readonly threshold: number
  /** `gate`: a node that lacks any of the expertise asked for does not take the task at all. */
  readonly expertise: 'score' | 'gate'
  /** Roles that may stand in for each other (a partial match), any number of lists. */
  readonly roleFamilies: readonly (readonly string[])[]
}

export const MATCHING_DEFAULTS: MatchingSettings = {
  weights: { role: 0.4, expertise: 0.3, availability: 0.2, performance: 0.1 },
  threshold: 0.5,
  expertise: 'score',
  roleFamilies: [],
}

/** What is known of a node: its own facts, or those that another announced. */
export interface AgentFacts {
  readonly role: string
  readonly expertise: readonly string[]
  readonly currentTasks: number
  readonly maxTasks: number
  /** 0 to 1; 0.5 when nothing is known (`performance()` computes it from a record). */
  readonly performance: number
}

export type TaskNeeds = Pick<Task, 'requiredRole' | 'requiredExpertise'>

export interface Score {
  readonly total: number
  readonly role: number
  readonly expertise: number
  readonly availability: number
  readonly performance: number
  /** Undefined when the node may take it. */
  readonly unfit: 'full' | 'expertise-missing' | 'below-threshold' | undefined
}

export const scoreTask = (task: TaskNeeds, agent: AgentFacts, settings: MatchingSettings = MATCHING_DEFAULTS): Score => {
  const parts = {
    role: matchRole(task.requiredRole, agent.role, settings.roleFamilies),
    expertise: matchExpertise(task.requiredExpertise, agent.expertise),
    availability: availability(agent.currentTasks, agent.maxTasks),
    performance: Math.min(1, Math.max(0, agent.performance)),
  }
  const { weights } = settings
  const sum = weights.role * parts.role + weights.expertise * parts.expertise
    + weights.availability * parts.availability + weights.performance * parts.performance
  // 0.1 + 0.2 + 0.2 is a hair over 0.5 in binary: what is equal on paper must not pass a strict threshold.
  const total = Math.round(sum * 1e9) / 1e9
  const unfit = agent.currentTasks >= agent.maxTasks ? 'full' as const
    : settings.expertise === 'gate' && parts.expertise < 1 ? 'expertise-missing' as const
      : total > settings.threshold ? undefined : 'below-threshold' as const
  return { total, ...parts, unfit }
}

/** 1 exact or none required; 0.5 when one role's words hold all of the other's, or both are of one family; else 0. */
export const matchRole = (required: string | undefined, held: string, families: readonly (readonly string[])[] = []): number => {
  if (required === undefined || required.trim() === '' || sameWords(required, held)) return 1
  if (sharesAllWords(required, held)) return 0.5
  const related = families.some((family) => family.some((role) => sameWords(role, required)) && family.some((role) => sameWords(role, held)))
  return related ? 0.5 : 0
}

/** Share of the required expertise that is held, 0 to 1; 1 when none is required. */
export const matchExpertise = (required: readonly string[], held: readonly string[]): number => {
  if (required.length === 0) return 1
  return required.filter((wanted) => held.some((item) => sameWords(item, wanted))).length / required.length
}

/** Share of the node's slots that are free; 0 for a node that takes none. */
export const availability = (currentTasks: number, maxTasks: number): number =>
  maxTasks <= 0 ? 0 : Math.min(1, Math.max(0, (maxTasks - currentTasks) / maxTasks))
