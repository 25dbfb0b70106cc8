import type { NodeId, TaskKey } from '../../core/mod.ts'
import type { EnvelopeOf } from '../../wire/mod.ts'
import { statusOf } from './member.ts'
import type { Departure, Member, Profile } from './member.ts'

/** What is remembered of one member, and how each message of its own changes that. */
export interface Entry {
  readonly node: NodeId
  readonly profile: Profile
  readonly currentTasks: number
  readonly maxTasks: number
  readonly accepting: boolean
  readonly unreachable: readonly NodeId[]
  readonly tasks: ReadonlySet<TaskKey>
  heardMs: number
  readonly linkClosedMs: number | undefined
  readonly gone: { readonly sinceMs: number; readonly reason: Departure } | undefined
  /** The author's own time of the newest message that gave numbers: availability, or a role announcement. */
  countedStamp: number
  /** The author's own time of the newest message of each type: older ones come too late to count. */
  readonly stamps: Partial<Record<PresenceEnvelope['type'], number>>
}

export type PresenceEnvelope = EnvelopeOf<'role_announcement'> | EnvelopeOf<'capability_broadcast'> | EnvelopeOf<'availability_broadcast'> | EnvelopeOf<'task_progress'>

export const TASKS_PER_MEMBER_MAX = 64

const NO_TASKS: ReadonlySet<TaskKey> = new Set()
const NOBODY: readonly NodeId[] = []

export const newEntry = (node: NodeId, nowMs: number): Entry => ({
  node,
  profile: { agentId: '', role: '', expertise: [], capabilities: [], specialization: '', models: [], repositories: [] },
  currentTasks: 0,
  maxTasks: 0,
  accepting: true,
  unreachable: NOBODY,
  tasks: NO_TASKS,
  heardMs: nowMs,
  linkClosedMs: undefined,
  gone: undefined,
  countedStamp: 0,
  // All four, so that what is told later finds its place.
  stamps: { role_announcement: 0, capability_broadcast: 0, availability_broadcast: 0, task_progress: 0 },
})

/** `stamp`: the author's time of this message, milliseconds. */
export const tell = (entry: Entry, envelope: PresenceEnvelope, stamp: number): Entry => {
  switch (envelope.type) {
    case 'role_announcement': {
      const { agent_id: agentId, role, expertise, capabilities, specialization, max_tasks: maxTasks, current_tasks: currentTasks, status } = envelope.data
      const told = withProfile(entry, { agentId, role, expertise, capabilities, specialization, models: entry.profile.models, repositories: entry.profile.repositories })
      if (stamp < entry.countedStamp) return told
      if (told === entry && entry.maxTasks === maxTasks && entry.currentTasks === currentTasks && entry.accepting === (status !== 'offline')) return counted(entry, stamp)
      return { ...told, countedStamp: stamp, maxTasks, currentTasks, accepting: status !== 'offline' }
    }
    case 'capability_broadcast': {
      const { agent_id: agentId, role, expertise, capabilities, models, repositories } = envelope.data
      return withProfile(entry, { agentId, role, expertise, capabilities, specialization: entry.profile.specialization, models, repositories })
    }
    case 'availability_broadcast': {
      const { current_tasks: currentTasks, max_tasks: maxTasks, status, unreachable = NOBODY } = envelope.data
      if (stamp < entry.countedStamp) return entry
      if (entry.currentTasks === currentTasks && entry.maxTasks === maxTasks && entry.accepting === (status !== 'offline')
        && sameItems(entry.unreachable, unreachable) && (currentTasks > 0 || entry.tasks === NO_TASKS)) return counted(entry, stamp)
      return { ...entry, unreachable: sameItems(entry.unreachable, unreachable) ? entry.unreachable : unreachable, countedStamp: stamp, currentTasks, maxTasks, accepting: status !== 'offline', tasks: currentTasks === 0 ? NO_TASKS : entry.tasks }
    }
    case 'task_progress': return progressed(entry, envelope, stamp)
  }
}

/** Most messages repeat what is known: of those only the time is new, and an entry is kept in its own place. */
const counted = (entry: Entry, stamp: number): Entry => {
  entry.countedStamp = stamp
  return entry
}

/** Most announcements repeat the one before: then what is there is kept, and the message's own lists go with it. */
const withProfile = (entry: Entry, profile: Profile): Entry => sameProfile(entry.profile, profile) ? entry : { ...entry, profile }

/** As far as it was heard. */
export const hasWork = (entry: Entry | undefined): boolean => entry !== undefined && (entry.currentTasks > 0 || entry.tasks.size > 0)

/** As others see it. */
export const memberOf = (entry: Entry, connected: boolean): Member => ({
  ...entry.profile,
  node: entry.node,
  self: false,
  currentTasks: entry.currentTasks,
  maxTasks: entry.maxTasks,
  status: entry.gone === undefined ? statusOf(entry) : 'offline',
  present: entry.gone === undefined,
  tasks: [...entry.tasks],
  connected,
  lastSeenMs: entry.heardMs,
  unreachableSinceMs: entry.linkClosedMs,
  unreachable: entry.unreachable,
})

/** Whether two entries of one member, present both times, look the same to others, but for the time of the last message. */
export const sameFacts = (a: Entry, b: Entry): boolean =>
  a.currentTasks === b.currentTasks && a.maxTasks === b.maxTasks && statusOf(a) === statusOf(b) && a.linkClosedMs === b.linkClosedMs
  && sameItems(a.unreachable, b.unreachable) && sameProfile(a.profile, b.profile) && (a.tasks === b.tasks || sameItems([...a.tasks], [...b.tasks]))

const sameProfile = (a: Profile, b: Profile): boolean =>
  a === b || (a.agentId === b.agentId && a.role === b.role && a.specialization === b.specialization && sameItems(a.expertise, b.expertise)
    && sameItems(a.capabilities, b.capabilities) && sameItems(a.models, b.models) && sameItems(a.repositories, b.repositories))

const sameItems = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => item === b[index]))

/** Moves the count by what the last numbers do not have in them yet. */
const progressed = (entry: Entry, { data }: EnvelopeOf<'task_progress'>, stamp: number): Entry => {
  const tasks = new Set(entry.tasks)
  const counts = stamp > entry.countedStamp
  if (data.status === 'claimed' || data.status === 'started') {
    if (tasks.has(data.task_key) || tasks.size >= TASKS_PER_MEMBER_MAX) return entry
    tasks.add(data.task_key)
    return { ...entry, tasks, currentTasks: entry.currentTasks + (counts && data.status === 'claimed' ? 1 : 0) }
  }
  tasks.delete(data.task_key)
  return { ...entry, tasks, currentTasks: Math.max(0, entry.currentTasks - (counts ? 1 : 0)) }
}
