import { z } from 'zod'
import { define } from './definition.ts'
import { count, epoch, instant, line, name, names, nodeId, oid, repository, seconds, taskKey, taskNumber, taskPriority, text, title, url } from './fields.ts'
import { LIMITS } from './limits.ts'
import { TOPICS } from './topics.ts'

/** Which task: the seed's pair, and the key that is unique across providers (docs/protocol.md §2.1). */
const task = { task_key: taskKey(), task_number: taskNumber(), repository: repository() }
/** Which agent, with the names it has in its own configuration. */
const agent = { agent_id: name(), agent_role: line(LIMITS.nameCharactersMax) }

export const AVAILABILITY = ['ready', 'working', 'busy', 'offline'] as const
export type Availability = (typeof AVAILABILITY)[number]

/** Where a task stands with the agent that speaks. `claimed` and `started` hold a slot there; the others free it. */
export const PROGRESS = ['claimed', 'started', 'completed', 'failed', 'released', 'parked', 'escalated', 'lost'] as const
export type Progress = (typeof PROGRESS)[number]

/** WHOOSH: an open task, told by the node that polls its repository for the others. */
export const taskAnnouncement = z.looseObject({
  ...task,
  title: title(),
  priority: taskPriority(),
  task_type: name(),
  labels: names(LIMITS.labelsMax),
  required_role: line(LIMITS.nameCharactersMax).optional(),
  required_expertise: names(LIMITS.expertiseMax),
  state: z.enum(['open', 'closed']),
  url: url().optional(),
  created_at: instant().optional(),
  /** SHA-256 of what the agent would be told: a hearer that knows this hash need not read the task again. */
  content_hash: z.string().regex(/^[0-9a-f]{64}$/),
})

/** The claim ref of a task has moved to this commit. A hint that saves a push; the ref itself decides. */
export const taskClaim = z.looseObject({ ...task, ...agent, epoch: epoch(), claim: oid(), lease_ms: z.int().min(1_000).max(3_600_000) })

export const taskProgress = z.looseObject({
  ...task,
  ...agent,
  epoch: epoch(),
  status: z.enum(PROGRESS),
  timestamp: instant(),
  title: title().optional(),
  claim_time: instant().optional(),
  estimated_completion: instant().optional(),
  /** Why it failed, was released, parked, escalated or lost. */
  reason: line(LIMITS.titleCharactersMax).optional(),
}).refine(
  (data) => data.status !== 'claimed' || (data.title !== undefined && data.claim_time !== undefined && data.estimated_completion !== undefined),
  'a claim has title, claim_time and estimated_completion',
)

/** The provider shows the task as done. */
export const taskComplete = z.looseObject({
  ...task,
  ...agent,
  epoch: epoch(),
  success: z.boolean(),
  message: text(),
  timestamp: instant(),
  /** Seconds from claim to completion. */
  duration: z.number().min(0).max(31_536_000),
  evidence: z.enum(['proved', 'reproduced', 'unproven']).optional(),
  commit: oid().optional(),
  branch: line(LIMITS.nameCharactersMax * 2).optional(),
  url: url().optional(),
})

/** What a node can do; on start, on change, and for those who came later. */
export const capabilityBroadcast = z.looseObject({
  agent_id: name(),
  node_id: nodeId(),
  role: line(LIMITS.nameCharactersMax),
  expertise: names(LIMITS.expertiseMax),
  capabilities: names(LIMITS.capabilitiesMax),
  max_tasks: count(),
  models: names(LIMITS.modelsMax),
  /** `<provider>:<repository>` that this node can poll: the poller is chosen among them. */
  repositories: z.array(line(LIMITS.repositoryCharactersMax + 40).min(1)).max(LIMITS.repositoriesMax),
})

export const availabilityBroadcast = z.looseObject({
  node_id: nodeId(),
  available_for_work: z.boolean(),
  current_tasks: count(),
  max_tasks: count(),
  last_activity: seconds(),
  status: z.enum(AVAILABILITY),
  timestamp: seconds(),
  /** True in the last message of a node that goes away on purpose. */
  leaving: z.boolean().optional(),
  /** Members whose link to the speaker closed and of whom it has heard nothing since: a witness for an early takeover, never proof. */
  unreachable: z.array(nodeId()).max(LIMITS.unreachableMax).optional(),
})

export const COORDINATION_MESSAGES = {
  task_announcement: define(TOPICS.coordination, taskAnnouncement),
  task_claim: define(TOPICS.coordination, taskClaim),
  task_progress: define(TOPICS.coordination, taskProgress),
  task_complete: define(TOPICS.coordination, taskComplete),
  capability_broadcast: define(TOPICS.coordination, capabilityBroadcast, { ownNodeId: true }),
  availability_broadcast: define(TOPICS.coordination, availabilityBroadcast, { ownNodeId: true }),
}
