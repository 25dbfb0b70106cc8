import { z } from 'zod'
import { AVAILABILITY } from './coordination.ts'
import { define } from './definition.ts'
import { count, line, name, names, nodeId } from './fields.ts'
import { LIMITS } from './limits.ts'
import { TOPICS } from './topics.ts'

/** Who I am and what I am good at; on start, on change, and when a new peer connects. Fields of the seed. */
export const roleAnnouncement = z.looseObject({
  agent_id: name(),
  node_id: nodeId(),
  role: line(LIMITS.nameCharactersMax),
  expertise: names(LIMITS.expertiseMax),
  capabilities: names(LIMITS.capabilitiesMax),
  max_tasks: count(),
  current_tasks: count(),
  status: z.enum(AVAILABILITY),
  specialization: line(LIMITS.nameCharactersMax),
})

export const ROLE_MESSAGES = {
  role_announcement: define(TOPICS.discussion, roleAnnouncement, { ownNodeId: true }),
}
