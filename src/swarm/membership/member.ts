import type { NodeId, TaskKey } from '../../core/mod.ts'
import type { Availability } from '../../wire/mod.ts'

/** What a node says of itself, from its configuration. */
export interface Profile {
  readonly agentId: string
  readonly role: string
  readonly expertise: readonly string[]
  readonly capabilities: readonly string[]
  readonly specialization: string
  /** Names only. */
  readonly models: readonly string[]
  /** `<provider>:<repository>` that this node can poll. */
  readonly repositories: readonly string[]
}

/** The true numbers, asked for each time they are told. */
export interface Load {
  readonly currentTasks: number
  readonly maxTasks: number
  /** Wall clock, milliseconds since 1970, of the last thing an agent here did; 0 = nothing yet. */
  readonly lastActivityMs: number
  /** False while paused or draining: no new tasks. */
  readonly accepting: boolean
}

/** One node as this one sees it. */
export interface Member extends Profile {
  readonly node: NodeId
  readonly self: boolean
  readonly currentTasks: number
  readonly maxTasks: number
  /** ready: no task; working: some; busy: full; offline: takes none, has left, or cannot be heard. */
  readonly status: Availability
  /** It is there, though it may take no tasks: it has not left, and was heard lately. */
  readonly present: boolean
  /** Tasks that it said it holds; those before we met it are missing. */
  readonly tasks: readonly TaskKey[]
  /** A link to it is open now. */
  readonly connected: boolean
  /** Monotonic time of its last message here. */
  readonly lastSeenMs: number
  /** Monotonic time at which its link closed, when nothing was heard from it since. */
  readonly unreachableSinceMs: number | undefined
  /** Members that it said it cannot reach, in its last availability. */
  readonly unreachable: readonly NodeId[]
}

/** Why a member is not present any more. */
export type Departure = 'left' | 'silent' | 'disconnected'

/** What happened to the membership; plain facts, after they are true of `members()`. */
export type MembershipEvent =
  | { readonly kind: 'member_joined'; readonly member: Member }
  | { readonly kind: 'member_changed'; readonly member: Member }
  | { readonly kind: 'member_left'; readonly member: Member; readonly reason: Departure }

/** By the numbers alone, of a node that is there. */
export const statusOf = (load: Pick<Load, 'currentTasks' | 'maxTasks' | 'accepting'>): Availability => {
  if (!load.accepting) return 'offline'
  if (load.currentTasks >= load.maxTasks) return 'busy'
  return load.currentTasks > 0 ? 'working' : 'ready'
}
