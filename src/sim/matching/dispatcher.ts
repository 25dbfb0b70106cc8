import type { NodeId, TaskKey } from '../../core/mod.ts'
import { shareTasks } from '../../work/matching/mod.ts'
import type { SharedTask, Sharer } from '../../work/matching/mod.ts'
import type { Assignment, MatchingRecord } from './measure.ts'
import type { Workload, WorkTask } from './workload.ts'

/**
 * The same rules without a swarm: somebody who sees every free slot and every task at once, and decides in no time. What
 * it does not reach is the rules' price (urgent tasks first, no slot waits), the rest is that of having no server.
 */
export const dispatched = (workload: Workload): MatchingRecord => {
  const tasks = [...workload.tasks].sort((a, b) => b.priority - a.priority || Number(a.number) - Number(b.number)).map((task) => ({ task, shared: sharedOf(task) }))
  const load = new Map(workload.nodes.map((node) => [node.name, 0]))
  const left = new Set(tasks)
  const ends: { readonly atMs: number; readonly node: string }[] = []
  const assignments: Assignment[] = []
  let nowMs = 0
  while (left.size > 0) {
    const here = [...left].filter(({ task }) => task.arrivalMs <= nowMs)
    const turns = shareTasks(here.map(({ shared }) => shared), workload.nodes.map((node): Sharer => ({ ...node, node: node.name as NodeId, currentTasks: load.get(node.name) ?? 0, repositories: [REPOSITORY] })))
    for (const open of here) {
      const node = turns.get(open.shared.key)
      if (node === undefined) continue
      left.delete(open)
      load.set(node, (load.get(node) ?? 0) + 1)
      const endedAtMs = nowMs + open.task.durationMs
      ends.push({ atMs: endedAtMs, node })
      assignments.push({ task: open.task.number, node, score: 0, claimedAtMs: nowMs, endedAtMs })
    }
    const nextMs = Math.min(...ends.map(({ atMs }) => atMs), ...[...left].map(({ task }) => task.arrivalMs).filter((atMs) => atMs > nowMs))
    if (left.size > 0 && nextMs === Infinity) throw new Error('a task is left that no node may take')
    nowMs = nextMs
    for (const end of ends.splice(0)) {
      if (end.atMs <= nowMs) load.set(end.node, (load.get(end.node) ?? 0) - 1)
      else ends.push(end)
    }
  }
  return { workload, assignments, claimAttempts: assignments.length, claimWins: assignments.length, besidesMsMin: 0 }
}

const REPOSITORY = 'local:dispatcher'

const sharedOf = ({ number, priority, requiredRole, requiredExpertise }: WorkTask): SharedTask =>
  ({ key: `${REPOSITORY}#${number}` as TaskKey, repository: REPOSITORY, priority, requiredRole, requiredExpertise })
