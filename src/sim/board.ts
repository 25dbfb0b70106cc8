import { isOid, sha256, taskKey } from '../core/mod.ts'
import type { NodeId, Oid, TaskKey } from '../core/mod.ts'
import type { Task, TaskEvent } from '../ports/mod.ts'

export interface SimBoardOptions {
  readonly repository: string
  /** Default: `local`. */
  readonly provider?: string | undefined
  /** True time, in milliseconds from the start of the run. */
  readonly nowMs: () => number
}

/** What was named as the work on a task: a second one for the same task is another commit. */
export interface Completion {
  readonly number: string
  readonly commit: Oid
  readonly node: NodeId
  readonly atMs: number
}

/** A read may be this much behind; what is older is forgotten. */
export const HISTORY_MS = 600_000

/** What the people see, shared by all nodes: the tasks as they are, and as they were a while ago. */
export class SimBoard {
  readonly provider: string
  readonly repository: string
  readonly completions: Completion[] = []
  readonly #nowMs: () => number
  /** Oldest first; undefined: withdrawn. */
  readonly #tasks = new Map<string, Version[]>()
  readonly #completed = new Set<string>()
  readonly #reports = new Map<string, { count: number; last: TaskEvent }>()
  #changedMs = -Infinity
  #now: readonly Task[] | undefined

  constructor({ repository, provider = 'local', nowMs }: SimBoardOptions) {
    this.repository = repository
    this.provider = provider
    this.#nowMs = nowMs
  }

  /** As they are now, the closed ones among them. */
  get tasks(): readonly Task[] {
    this.#now ??= [...this.#tasks.values()].flatMap((versions) => versions.at(-1)?.task ?? [])
    return this.#now
  }

  /** As they were at that time. */
  tasksAt(atMs: number): readonly Task[] {
    if (atMs >= this.#changedMs) return this.tasks
    return [...this.#tasks.values()].flatMap((versions) => versionAt(versions, atMs) ?? [])
  }

  taskAt(number: string, atMs: number): Task | undefined { return versionAt(this.#tasks.get(number) ?? [], atMs) }
  task(number: string): Task | undefined { return this.#tasks.get(number)?.at(-1)?.task }
  byKey(key: TaskKey): Task | undefined { return this.task(key.slice(key.indexOf('#') + 1)) }
  /** By a node, whether or not it named a commit. */
  isCompleted(number: string): boolean { return this.#completed.has(number) }
  reports(number: string): { readonly count: number; readonly last: TaskEvent } | undefined { return this.#reports.get(number) }

  add(number: string, fields: Partial<Omit<Task, 'key' | 'number' | 'contentHash'>> = {}): Task {
    const { provider, repository } = this
    const task = {
      key: taskKey({ provider, repository, number }), provider, repository, number, title: `t${number} is wrong`, description: `Make t${number} right.`, labels: [], priority: 4,
      type: 'bug_fix', requiredRole: undefined, requiredExpertise: [], dependsOn: [], check: undefined, state: 'open', url: undefined, createdAtMs: 0, ...fields,
    } as const
    return this.#set(number, { ...task, contentHash: hashOf(task) })
  }

  /** Somebody changes its text, its check or what it waits for. */
  edit(number: string, fields: Partial<Omit<Task, 'key' | 'number' | 'contentHash'>>): Task {
    const task = { ...this.#must(number), ...fields }
    return this.#set(number, { ...task, contentHash: hashOf(task) })
  }

  close(number: string): Task { return this.edit(number, { state: 'closed' }) }
  reopen(number: string): Task { return this.edit(number, { state: 'open' }) }

  /** It is not there any more. */
  withdraw(number: string): void {
    this.#must(number)
    this.#push(number, undefined)
  }

  report(number: string, event: TaskEvent): void { this.#reports.set(number, { count: (this.#reports.get(number)?.count ?? 0) + 1, last: event }) }

  /** The first closes the task. One that names another commit is an effect of its own: then two works were shown as done. */
  complete(number: string, { commit, node }: { readonly commit: string; readonly node: NodeId }): 'completed' | 'already-complete' {
    const task = this.task(number)
    // What a person removed is as complete as it will be.
    if (task === undefined) return 'already-complete'
    const named = isOid(commit) ? commit : undefined
    if (this.#completed.has(number) && (named === undefined || this.completions.some((before) => before.number === number && before.commit === named))) return 'already-complete'
    this.#completed.add(number)
    if (named !== undefined) this.completions.push({ number, commit: named, node, atMs: this.#nowMs() })
    if (task.state === 'open') this.close(number)
    return 'completed'
  }

  #must(number: string): Task {
    const task = this.task(number)
    if (task === undefined) throw new RangeError(`there is no task ${number}`)
    return task
  }

  #set(number: string, task: Task): Task {
    this.#push(number, task)
    return task
  }

  #push(number: string, task: Task | undefined): void {
    const nowMs = this.#nowMs()
    const versions = this.#tasks.get(number) ?? []
    while ((versions[1]?.atMs ?? Infinity) < nowMs - HISTORY_MS) versions.shift()
    versions.push({ atMs: nowMs, task })
    this.#tasks.set(number, versions)
    this.#changedMs = nowMs
    this.#now = undefined
  }
}

interface Version {
  readonly atMs: number
  readonly task: Task | undefined
}

const versionAt = (versions: readonly Version[], atMs: number): Task | undefined => {
  for (let at = versions.length - 1; at >= 0; at -= 1) {
    const version = versions[at]
    if (version !== undefined && version.atMs <= atMs) return version.task
  }
  return undefined
}

/** Of what the agent is told. */
const hashOf = ({ title, description, labels, type, check }: Omit<Task, 'contentHash'>): string =>
  sha256(JSON.stringify([title, description, labels, type, check ?? null]))
