import { isoTime } from '../core/mod.ts'
import type { ActiveTaskView } from '../coordinator/mod.ts'

/** What one node says of itself: the seed's fields, and what it would need a person for. */
export interface NodeStatus {
  readonly agent_id: string
  readonly node_id: string
  readonly role: string
  readonly expertise: readonly string[]
  readonly current_tasks: number
  readonly max_tasks: number
  readonly active_providers: number
  readonly status: 'ready' | 'working' | 'busy' | 'paused' | 'offline'
  readonly active_tasks: readonly ActiveTaskStatus[]
  readonly members: readonly MemberStatus[]
  readonly addresses: readonly string[]
  readonly engine: { readonly kind: string; readonly ready: boolean; readonly reason: string }
  readonly sandbox: { readonly kind: string; readonly available: boolean; readonly reason: string }
  readonly problems: readonly string[]
  readonly counters: Readonly<Record<string, number>>
  readonly uptime_seconds: number
}

export interface ActiveTaskStatus {
  readonly key: string
  readonly repository: string
  readonly number: string
  readonly title: string
  readonly status: 'waiting' | 'claimed' | 'working' | 'delivering'
  readonly claimed_at: string | null
  readonly epoch: number
}

export interface MemberStatus {
  readonly node_id: string
  readonly role: string
  readonly status: string
  readonly current_tasks: number
  readonly max_tasks: number
  readonly last_seen_seconds: number
}

export const activeTaskStatus = (task: ActiveTaskView): ActiveTaskStatus => ({
  key: task.key, repository: task.repository, number: task.number, title: task.title, epoch: task.epoch,
  status: task.phase === 'waiting' || task.phase === 'claiming' ? 'waiting'
    : task.phase === 'working' || task.phase === 'rechecking' || task.phase === 'reading' ? 'working'
      : task.phase === 'letting-go' || task.phase === 'ended' ? 'claimed' : 'delivering',
  claimed_at: task.claimedAtMs === 0 ? null : isoTime(task.claimedAtMs),
})
