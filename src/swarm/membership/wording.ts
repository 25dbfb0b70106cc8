import type { NodeId } from '../../core/mod.ts'
import { clipLine, LIMITS } from '../../wire/mod.ts'
import type { MessageData } from '../../wire/mod.ts'
import { statusOf } from './member.ts'
import type { Load, Profile } from './member.ts'

/** What a node says of itself, in the seed's fields, cut to what the wire allows. */
export const roleAnnouncement = (node: NodeId, profile: Profile, load: Load): MessageData<'role_announcement'> => ({
  agent_id: word(profile.agentId),
  node_id: node,
  role: clipLine(profile.role, LIMITS.nameCharactersMax),
  expertise: words(profile.expertise, LIMITS.expertiseMax),
  capabilities: words(profile.capabilities, LIMITS.capabilitiesMax),
  max_tasks: number(load.maxTasks),
  current_tasks: number(load.currentTasks),
  status: statusOf(load),
  specialization: clipLine(profile.specialization, LIMITS.nameCharactersMax),
})

export const capabilityBroadcast = (node: NodeId, profile: Profile, load: Load): MessageData<'capability_broadcast'> => ({
  agent_id: word(profile.agentId),
  node_id: node,
  role: clipLine(profile.role, LIMITS.nameCharactersMax),
  expertise: words(profile.expertise, LIMITS.expertiseMax),
  capabilities: words(profile.capabilities, LIMITS.capabilitiesMax),
  max_tasks: number(load.maxTasks),
  models: words(profile.models, LIMITS.modelsMax),
  // Cutting a name would make another of it: what is too long is left out, and then others poll it.
  repositories: profile.repositories.filter((name) => name.length > 0 && name.length <= LIMITS.repositoryCharactersMax + 40).slice(0, LIMITS.repositoriesMax),
})

export const availabilityBroadcast = (node: NodeId, load: Load, options: { readonly wallMs: number; readonly leaving?: boolean; readonly unreachable?: readonly NodeId[] }): MessageData<'availability_broadcast'> => {
  const leaving = options.leaving ?? false
  const status = leaving ? 'offline' : statusOf(load)
  return {
    node_id: node,
    available_for_work: status === 'ready' || status === 'working',
    current_tasks: number(load.currentTasks),
    max_tasks: number(load.maxTasks),
    last_activity: Math.max(0, Math.floor(load.lastActivityMs / 1_000)),
    status,
    timestamp: Math.floor(options.wallMs / 1_000),
    ...leaving ? { leaving } : {},
    ...options.unreachable === undefined || options.unreachable.length === 0 ? {} : { unreachable: options.unreachable.slice(0, LIMITS.unreachableMax) },
  }
}

const word = (text: string): string => clipLine(text, LIMITS.nameCharactersMax) || '-'
const words = (texts: readonly string[], itemsMax: number): string[] => texts.filter((text) => text !== '').slice(0, itemsMax).map(word)
const number = (value: number): number => Math.min(LIMITS.tasksPerNodeMax, Math.max(0, Math.trunc(value)))
