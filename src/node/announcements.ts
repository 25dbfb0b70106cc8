import { messageOf } from '../core/mod.ts'
import type { AgentIdentity, Coordinator, DeliveredResult, HeldClaim, Tell } from '../coordinator/mod.ts'
import type { Clock, Logger, Task } from '../ports/mod.ts'
import { isoTime, taskThread, wireTaskNumber } from '../wire/mod.ts'
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
          task_key: task.key, task_number: wireTaskNumber(task.number), repository: task.repository, title: task.title,
          priority: task.priority, task_type: task.type, labels: [...task.labels], required_expertise: [...task.requiredExpertise],
          state: task.state, content_hash: task.contentHash,
          ...(task.requiredRole === undefined ? {} : { required_role: task.requiredRole }),
          ...(task.url === undefined ? {} : { url: task.url }),
        })
      }
    },
    claimed: async (task, claim) => {
      const now = parts.clock.wallMs()
      await send('task_claim', task, { ...about(task, claim), claim: claim.oid, lease_ms: parts.leaseMs })
      await progress(task, claim, 'claimed', { title: task.title, claim_time: isoTime(now), estimated_completion: isoTime(now + ESTIMATE_MS) })
    },
    progress: (task, claim, status, reason) => progress(task, claim, status, reason === undefined ? {} : { reason: oneLine(reason) }),
    complete: (task, claim, result: DeliveredResult, seconds) => send('task_complete', task, {
      ...about(task, claim), success: true, message: `delivered to ${result.branch}`, timestamp: isoTime(parts.clock.wallMs()),
      duration: seconds, evidence: result.evidence, commit: result.commit, branch: result.branch,
    }),
  }
}

/** Turns what others say into hints for the coordinator: it looks sooner, or steps aside. Nothing here is believed further than that. */
export const listenForTasks = (post: MessagePost, coordinator: Pick<Coordinator, 'heard'>): (() => void) => {
  const stops = [
    post.on('task_announcement', (envelope) => { coordinator.heard({ kind: 'announced', by: envelope.from }) }),
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

const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 200)
