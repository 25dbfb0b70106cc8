import { isoTime, messageOf } from '../core/mod.ts'
import type { AgentIdentity, Coordinator, DeliveredResult, HeldClaim, Tell } from '../coordinator/mod.ts'
import type { Clock, Logger, Task } from '../ports/mod.ts'
import { LIMITS, clipLine, taskThread, wireTaskNumber } from '../wire/mod.ts'
import type { MessageData, MessagePost, MessageType, Progress } from '../wire/mod.ts'

/** Expected length of a task until it has history (the seed's example: one hour after the claim). */
const ESTIMATE_MS = 3_600_000

export interface AnnouncementParts {
  readonly post: MessagePost
  readonly clock: Clock
  readonly logger: Logger
  readonly identity: AgentIdentity
  readonly leaseMs: number
}

/** Says on the wire what the coordinator did. Best effort: a message that cannot be sent is logged and forgotten, the refs hold the truth. */
export const makeTell = (parts: AnnouncementParts): Tell => {
  const send = async <Type extends MessageType>(type: Type, task: Task, data: MessageData<Type>): Promise<void> => {
    try {
      await parts.post.send(type, data, { threadId: taskThread(task.key) })
    } catch (thrown) {
      parts.logger.warn('a message could not be sent', { type, error: messageOf(thrown) })
    }
  }
  const about = (task: Task, claim: HeldClaim) => ({
    task_key: task.key, task_number: wireTaskNumber(task.number), repository: task.repository,
    agent_id: parts.identity.agentId, agent_role: parts.identity.role, epoch: claim.epoch,
  })
  const progress = (task: Task, claim: HeldClaim, status: Progress, more: Partial<MessageData<'task_progress'>> = {}): Promise<void> =>
    send('task_progress', task, { ...about(task, claim), status, timestamp: isoTime(parts.clock.wallMs()), ...more })

  return {
    found: async (tasks) => {
      for (const task of tasks) {
        await send('task_announcement', task, {
          task_key: task.key, task_number: wireTaskNumber(task.number), repository: task.repository, title: title(task),
          priority: task.priority, task_type: task.type, labels: names(task.labels, LIMITS.labelsMax), required_expertise: names(task.requiredExpertise, LIMITS.expertiseMax),
          state: task.state, content_hash: task.contentHash,
          ...(task.requiredRole === undefined ? {} : { required_role: clipLine(task.requiredRole, LIMITS.nameCharactersMax) }),
          ...(task.url === undefined || task.url.length > LIMITS.urlCharactersMax ? {} : { url: task.url }),
        })
      }
    },
    claimed: async (task, claim) => {
      const now = parts.clock.wallMs()
      // Both are in line before anything that is said later.
      await Promise.all([
        send('task_claim', task, { ...about(task, claim), claim: claim.oid, lease_ms: parts.leaseMs }),
        progress(task, claim, 'claimed', { title: title(task), claim_time: isoTime(now), estimated_completion: isoTime(now + ESTIMATE_MS) }),
      ])
    },
    progress: (task, claim, status, reason) => progress(task, claim, status, reason === undefined ? {} : { reason: clipLine(reason, REASON_CHARACTERS_MAX) }),
    complete: (task, claim, result: DeliveredResult, seconds) => send('task_complete', task, {
      ...about(task, claim), success: true, message: `delivered to ${result.branch}`, timestamp: isoTime(parts.clock.wallMs()),
      duration: seconds, evidence: result.evidence, commit: result.commit, branch: result.branch,
    }),
  }
}

/** Turns what others say into hints for the coordinator: it looks sooner, or steps aside. Nothing here is believed further than that. */
export const listenForTasks = (post: MessagePost, coordinator: Pick<Coordinator, 'heard'>): (() => void) => {
  const stops = [
    post.on('task_announcement', ({ data, from }) => { coordinator.heard({ kind: 'announced', key: data.task_key, contentHash: data.content_hash, state: data.state, by: from }) }),
    post.on('task_claim', (envelope) => { coordinator.heard({ kind: 'claimed', key: envelope.data.task_key, by: envelope.from }) }),
    post.on('task_complete', (envelope) => { coordinator.heard({ kind: 'ended', key: envelope.data.task_key, by: envelope.from }) }),
    post.on('task_progress', (envelope) => {
      const { status, task_key: key } = envelope.data
      if (status === 'claimed' || status === 'started') return
      coordinator.heard({ kind: 'ended', key, by: envelope.from })
    }),
  ]
  return () => { for (const stop of stops) stop() }
}

const REASON_CHARACTERS_MAX = 200

/** Tasks are written by others: what does not fit the wire is cut, so that the task is told of all the same. */
const title = (task: Task): string => clipLine(task.title, LIMITS.titleCharactersMax)
const names = (items: readonly string[], itemsMax: number): string[] =>
  items.map((item) => clipLine(item, LIMITS.nameCharactersMax)).filter((item) => item !== '').slice(0, itemsMax)
