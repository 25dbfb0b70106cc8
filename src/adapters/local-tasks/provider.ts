import { BoundedMap, ChorusError } from '../../core/mod.ts'
import type { Oid, Result, TaskKey } from '../../core/mod.ts'
import type { SourceFile, SourceTree, Task, TaskEvent, TaskListing, TaskProblem, TaskProvider, TaskResult } from '../../ports/mod.ts'
import { readTaskFile } from './task-file.ts'
import type { Classify, ReadTask } from './task-file.ts'

export interface LocalTasksOptions {
  readonly source: SourceTree
  /** Second part of the task key: the same on every node. */
  readonly repository: string
  readonly classify: Classify
}

export const TASK_FOLDER = '.chorus/tasks'
const FILE_BYTES_MAX = 256 * 1024
const FILES_MAX = 2_000

/**
 * Tasks as Markdown files at the tip of the default branch. It only reads: whether a task is taken or done is said by
 * its claim ref, never by a change to a tracked file; a person closes one with `status: closed`. The listing holds
 * closed tasks too, because others may depend on them.
 */
export class LocalTasks implements TaskProvider {
  readonly name = 'local'
  readonly repository: string
  readonly #source: SourceTree
  readonly #classify: Classify
  /** By path and blob: unchanged files are read once. */
  readonly #read = new BoundedMap<string, Result<ReadTask, TaskProblem>>(FILES_MAX)
  readonly #addedAtMs = new BoundedMap<string, number>(FILES_MAX)

  constructor(options: LocalTasksOptions) {
    this.#source = options.source
    this.repository = options.repository
    this.#classify = options.classify
  }

  async list(): Promise<TaskListing> {
    const { tip } = await this.#source.refresh()
    if (tip === undefined) return { tasks: [], problems: [] }
    const files = (await this.#source.list(tip, TASK_FOLDER)).filter(({ path }) => isTaskPath(path))
    const problems: TaskProblem[] = files.slice(FILES_MAX).map(({ path }) => ({ place: path, line: undefined, reason: `not read: at most ${FILES_MAX} task files` }))
    const found = new Map<TaskKey, { readonly task: Task; readonly path: string }>()
    for (const file of files.slice(0, FILES_MAX)) {
      const read = await this.#readFile(tip, file)
      if (!read.ok) {
        problems.push(read.reason)
        continue
      }
      problems.push(...read.value.problems)
      const { task } = read.value
      const first = found.get(task.key)
      if (first === undefined) found.set(task.key, { path: file.path, task: task.createdAtMs > 0 ? task : { ...task, createdAtMs: await this.#addedAt(tip, file.path) } })
      else problems.push({ place: file.path, line: undefined, reason: `id ${task.number} is taken by ${first.path}: this file is not read` })
    }
    for (const { task, path } of found.values()) {
      const unknown = task.state === 'open' ? task.dependsOn.filter((key) => key.startsWith(`local:${this.repository}#`) && !found.has(key)) : []
      for (const key of unknown) problems.push({ place: path, line: undefined, reason: `it depends on ${key}, which is not there: it waits until that task is, or until depends_on is mended` })
    }
    return { tasks: [...found.values()].map(({ task }) => task), problems }
  }

  async get(number: string): Promise<Task | undefined> {
    return (await this.list()).tasks.find((task) => task.number === number)
  }

  /** Nothing to report to: the claim ref says all of it, and tracked files are not ours to change. */
  async report(_task: Task, _event: TaskEvent): Promise<void> {}

  /** The claim ref's `done` is the whole of it; a task that a person removed meanwhile is as complete. */
  async complete(_task: Task, _result: TaskResult): Promise<void> {}

  async #readFile(tip: Oid, file: SourceFile): Promise<Result<ReadTask, TaskProblem>> {
    const key = `${file.blob} ${file.path}`
    const known = this.#read.get(key)
    if (known !== undefined) return known
    const read = await this.#readFresh(tip, file)
    this.#read.set(key, read)
    return read
  }

  async #readFresh(tip: Oid, { path, bytes }: SourceFile): Promise<Result<ReadTask, TaskProblem>> {
    const broken = (reason: string): Result<ReadTask, TaskProblem> => ({ ok: false, reason: { place: path, line: undefined, reason } })
    if (bytes > FILE_BYTES_MAX) return broken(`expected at most ${FILE_BYTES_MAX / 1024} KiB, got ${Math.ceil(bytes / 1024)} KiB`)
    try {
      const content = await this.#source.read(tip, path, { bytesMax: FILE_BYTES_MAX })
      return content === undefined ? broken('it is no regular file') : readTaskFile(content, { path, repository: this.repository, classify: this.#classify })
    } catch (error) {
      // Only a file over its bound is that file's own problem; a repository that cannot be read is the listing's.
      if (error instanceof ChorusError && error.code === 'LIMIT_EXCEEDED') return broken(error.message)
      throw error
    }
  }

  async #addedAt(tip: Oid, path: string): Promise<number> {
    const known = this.#addedAtMs.get(path)
    if (known !== undefined) return known
    const addedAtMs = ((await this.#source.addedAtSeconds(tip, path)) ?? 0) * 1_000
    this.#addedAtMs.set(path, addedAtMs)
    return addedAtMs
  }
}

/** Directly in the folder; README.md is for people. */
const isTaskPath = (path: string): boolean => {
  const name = path.slice(TASK_FOLDER.length + 1)
  return path.startsWith(`${TASK_FOLDER}/`) && !name.includes('/') && name.endsWith('.md') && name.toLowerCase() !== 'readme.md'
}
