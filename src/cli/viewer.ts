import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { GitRefStore, GitRepository, GitSourceTree } from '../adapters/git/mod.ts'
import { KeySigner, SystemClock, SystemEntropy } from '../adapters/system/mod.ts'
import type { SessionId, TaskKey } from '../core/mod.ts'
import { LocalTasks } from '../adapters/local-tasks/mod.ts'
import { repositoryNameOf } from '../node/repository-name.ts'
import type { Logger, Task, TaskProblem } from '../ports/mod.ts'
import { Claims } from '../work/claims/mod.ts'
import { orderTasks, scoreTask } from '../work/matching/mod.ts'
import { loadConfig, remoteOf } from './bootstrap.ts'
import type { Places } from './places.ts'
import { classify } from './tasks.ts'

/** One task with its claim, read from the repository: needs no running node and changes nothing. */
export interface TaskRow {
  readonly key: string
  readonly number: string
  readonly title: string
  readonly description: string
  readonly type: string
  readonly priority: number
  readonly role: string | null
  readonly dependsOn: readonly string[]
  readonly check: string | null
  /** The claim's state; `blocked` when a dependency is open, `closed` when the provider says so. */
  readonly state: string
  readonly holder: string | null
  readonly epoch: number
  readonly attempt: number
  readonly reason: string | null
  readonly result: unknown
  readonly score: number
  readonly wouldTake: boolean
  readonly rank: number | null
}

export interface Viewer {
  tasks(): Promise<{ readonly rows: readonly TaskRow[]; readonly problems: readonly { readonly place: string; readonly line: number | null; readonly reason: string }[] }>
}

export const openViewer = async (places: Places): Promise<Viewer> => {
  const config = loadConfig(places.configFile)
  const entropy = new SystemEntropy()
  return {
    tasks: async () => {
      const rows: TaskRow[] = []
      const problems: TaskProblem[] = []
      for (const settings of config.repositories) {
        const remote = remoteOf(settings, places)
        const folder = path.join(places.stateFolder, 'views', createHash('sha256').update(remote).digest('hex').slice(0, 16))
        await mkdir(folder, { recursive: true, mode: 0o700 })
        const repository = new GitRepository({ folder, remote, branch: settings.branch, userConfig: true })
        await repository.start()
        try {
          const provider = new LocalTasks({ source: new GitSourceTree(repository), repository: repositoryNameOf(remote), classify })
          const listing = await provider.list()
          problems.push(...listing.problems)
          const claims = new Claims({
            store: new GitRefStore(repository), signer: new KeySigner(entropy.bytes(32)), clock: new SystemClock(), entropy, logger: silent,
            // A viewer never pushes, so there is nothing to settle.
            intents: { append: () => Promise.reject(new Error('a viewer claims nothing')), unsettled: () => Promise.resolve([]), settled: () => Promise.resolve() },
            isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
          }, { session: entropy.uuid() as SessionId, namespace: config.claims.namespace })
          claims.track(listing.tasks.map((task) => task.key))
          await claims.refresh()
          rows.push(...rowsOf(listing.tasks, (key) => claims.view(key), config))
        } finally {
          await repository.stop()
        }
      }
      return { rows, problems: problems.map((problem) => ({ place: problem.place, line: problem.line ?? null, reason: problem.reason })) }
    },
  }
}

const rowsOf = (tasks: readonly Task[], view: (key: TaskKey) => ReturnType<Claims['view']>, config: ReturnType<typeof loadConfig>): readonly TaskRow[] => {
  const facts = { role: config.agent.role, expertise: config.agent.expertise, currentTasks: 0, maxTasks: config.agent.maxTasks, performance: 0.5 }
  const scores = new Map(tasks.map((task) => [task.key, scoreTask(task, facts, config.matching)]))
  const stateOf = (key: TaskKey): 'finished' | 'open' | 'unknown' => {
    const task = tasks.find((other) => other.key === key)
    return task === undefined ? 'unknown' : task.state === 'closed' || isMerged(view(key)) ? 'finished' : 'open'
  }
  const { candidates, blocked } = orderTasks(tasks, { score: (task) => scores.get(task.key)?.total ?? 0, stateOf })
  const waiting = new Map(blocked.map((item) => [item.task.key, item]))
  return tasks.map((task) => {
    const claim = view(task.key)
    const blockedBy = waiting.get(task.key)
    const rank = candidates.findIndex((candidate) => candidate.key === task.key)
    const score = scores.get(task.key)
    return {
      key: task.key, number: task.number, title: task.title, description: task.description, type: task.type, priority: task.priority,
      role: task.requiredRole ?? null, dependsOn: task.dependsOn, check: task.check ?? null,
      state: task.state === 'closed' ? 'closed' : claim.state === 'free' && blockedBy !== undefined ? 'blocked' : claim.state,
      holder: claim.holder ?? null, epoch: claim.epoch, attempt: claim.attempt,
      reason: claim.reason ?? (blockedBy === undefined ? null : `${blockedBy.reason}: ${blockedBy.waitsFor.join(', ')}`),
      result: claim.result ?? null, score: score?.total ?? 0, rank: rank < 0 ? null : rank,
      wouldTake: rank >= 0 && score?.unfit === undefined && (claim.state === 'free' || claim.state === 'released'),
    }
  })
}

/** As the coordinator sees it: a result that waits on a branch is not there for those that build on it. */
const isMerged = (claim: ReturnType<Claims['view']>): boolean => claim.state === 'done' && (claim.result as { mode?: unknown } | undefined)?.mode === 'merge'

const nothing = (): void => undefined
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent }
