import type { NodeId, Oid, RefName, TaskKey } from '../core/mod.ts'
import type { Task } from '../ports/mod.ts'
import type { ClaimRecord } from '../work/claims/mod.ts'
import type { Stamped } from './events.ts'

/** One promise, and who watches it. A checker sees everything in order and keeps its own notes. */
export interface Checker {
  /** In one or two words, as reports name it. */
  readonly name: string
  /** In one sentence. */
  readonly promise: string
  /** What is broken now, in words; nothing when all is well. */
  see(happening: Stamped, truth: Truth): readonly string[]
  /** After all nodes were stopped. */
  finish?(truth: Truth): readonly string[]
}

export type MakeChecker = () => Checker

export interface Violation {
  readonly checker: string
  readonly atMs: number
  readonly what: string
}

/** The world as it is now, read only. */
export interface Truth {
  readonly nowMs: number
  readonly tasks: readonly Task[]
  readonly nodes: readonly NodeTruth[]
  readonly leaseMs: number
  /** When the quiet phase began; undefined before. */
  readonly quietSinceMs: number | undefined
  refs(): ReadonlyMap<RefName, Oid>
  tip(key: TaskKey): ClaimRecord | undefined
  /** Records of a claim, oldest first. */
  chain(key: TaskKey): readonly ClaimRecord[]
  /** `Chorus-Task` of the commits of main (first parents), oldest first, with the commits. */
  merged(): readonly { readonly key: TaskKey; readonly commit: Oid }[]
  /** Whether the commit's files make the check of the task green: by the repository, not by a node. */
  isRight(number: string, commit: Oid): boolean
  /** Numbers of tasks that are shown as done, with the commit that was named. */
  completions(): readonly { readonly number: string; readonly commit: Oid }[]
  /** How many others had no link to the node at some time since then. Where it is not known, faults and processes are judged by. */
  unreachableFor?(node: NodeId, sinceMs: number): number
}

export interface NodeTruth {
  readonly node: NodeId
  readonly name: string
  readonly life: string
  readonly alive: boolean
  readonly paused: boolean
  readonly stopped: boolean
  readonly maxTasks: number
  readonly role?: string | undefined
  /** Of its own status; 0 when it does not run. */
  readonly currentTasks: number
}
