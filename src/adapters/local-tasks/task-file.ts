import { canonicalJson, fail, isTaskNumber, ok, parseTaskKey, sha256, taskKey } from '../../core/mod.ts'
import type { Result, TaskKey } from '../../core/mod.ts'
import type { Task, TaskProblem, TaskType } from '../../ports/mod.ts'
import { readFrontMatter, UNREADABLE } from './front-matter.ts'
import type { FrontMatter } from './front-matter.ts'

/** How titles, labels and stated priorities are read; the rules are the swarm's (work/matching), not the provider's. */
export interface Classify {
  readonly typeOf: (title: string, labels: readonly string[]) => TaskType
  readonly priorityOf: (said: { readonly stated: string | undefined; readonly labels: readonly string[] }) => number
}

export interface ReadTask {
  readonly task: Task
  /** What does not keep the task from being done, but is not what its author meant. */
  readonly problems: readonly TaskProblem[]
}

export interface TaskFileOptions {
  readonly path: string
  readonly repository: string
  readonly classify: Classify
}

const KNOWN_FIELDS = ['id', 'title', 'priority', 'role', 'expertise', 'labels', 'depends_on', 'check', 'status', 'created'] as const
const TITLE_LENGTH_MAX = 200
const TEXT_LENGTH_MAX = 100
const CHECK_LENGTH_MAX = 2_000
const ITEMS_MAX = 50

/** One file under .chorus/tasks to a task, or the place and reason why not. `createdAtMs` is 0 when the file does not say. */
export const readTaskFile = (bytes: Uint8Array, options: TaskFileOptions): Result<ReadTask, TaskProblem> => {
  const read = readFrontMatter(bytes)
  if (!read.ok) return fail({ place: options.path, ...read.reason })
  try {
    return ok(interpret(read.value, options))
  } catch (error) {
    if (error instanceof FieldError) return fail({ place: options.path, line: error.line, reason: error.message })
    throw error
  }
}

const interpret = (matter: FrontMatter, { path, repository, classify }: TaskFileOptions): ReadTask => {
  const field = new Fields(matter)
  const number = field.text('id', TEXT_LENGTH_MAX) ?? numberOfPath(path)
  if (!isTaskNumber(number)) throw field.error('id', 'up to 64 letters, digits, dots, dashes or underscores', number)
  // Its result goes to a branch that ends with it (git-check-ref-format(1)): better told now than after the work.
  if (/\.\.|\.$|\.lock$/.test(number)) throw field.error('id', 'no two dots together, and no dot or ".lock" at the end', number)
  const labels = field.texts('labels')
  const title = field.text('title', TITLE_LENGTH_MAX) ?? firstHeading(matter.body)
  if (title === undefined) throw field.error('title', 'a title', undefined)
  const described = {
    title,
    description: matter.body,
    labels,
    requiredRole: field.text('role', TEXT_LENGTH_MAX) ?? labelled(labels, 'role')[0],
    requiredExpertise: [...new Set([...field.texts('expertise'), ...labelled(labels, 'expertise')])],
    check: field.text('check', CHECK_LENGTH_MAX),
  }
  const dependsOn = field.texts('depends_on').map((text) => dependency(text, repository) ?? field.fail('depends_on', 'ids of tasks', text))
  const task: Task = {
    key: taskKey({ provider: 'local', repository, number }),
    provider: 'local', repository, number, ...described,
    dependsOn: [...new Set(dependsOn)],
    priority: classify.priorityOf({ stated: field.priority(), labels }),
    type: classify.typeOf(title, labels),
    state: field.state(),
    url: undefined,
    createdAtMs: field.createdAtMs() ?? 0,
    contentHash: sha256(canonicalJson(described)),
  }
  const unknown = [...matter.fields.keys()].filter((name) => !(KNOWN_FIELDS as readonly string[]).includes(name))
  return { task, problems: unknown.map((name) => ({ place: path, line: matter.lineOf(name), reason: `unknown field ${quoted(name)} is not read; known: ${KNOWN_FIELDS.join(', ')}` })) }
}

class FieldError extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

class Fields {
  readonly #matter: FrontMatter

  constructor(matter: FrontMatter) {
    this.#matter = matter
  }

  /** One line of text; undefined when absent or empty. */
  text(name: string, lengthMax: number): string | undefined {
    const value = this.#matter.fields.get(name)
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') throw this.error(name, 'text', value)
    const text = value.trim()
    if (text === '') return undefined
    if (text.length > lengthMax) throw this.error(name, `at most ${lengthMax} characters`, text)
    if (UNFIT_FOR_A_LINE.test(text)) throw this.error(name, 'one line without control or direction characters', text)
    return text
  }

  /** A list of texts; one text is a list of one. */
  texts(name: string): readonly string[] {
    const value = this.#matter.fields.get(name)
    if (value === undefined || value === null) return []
    if (value === UNREADABLE) throw this.error(name, 'a list of texts', value)
    const list = (typeof value === 'string' ? [value] : value).map((item) => item.trim()).filter((item) => item !== '')
    if (list.length > ITEMS_MAX) throw this.error(name, `at most ${ITEMS_MAX} items`, `${list.length} items`)
    const unfit = list.find((item) => item.length > TEXT_LENGTH_MAX || UNFIT_FOR_A_LINE.test(item))
    if (unfit !== undefined) throw this.error(name, `items of one line and at most ${TEXT_LENGTH_MAX} characters`, unfit)
    return list
  }

  priority(): string | undefined {
    const text = this.text('priority', TEXT_LENGTH_MAX)
    if (text !== undefined && !/^(?:\d|10|p[0-3]|critical|urgent|high|medium|low)$/i.test(text)) throw this.error('priority', 'a whole number from 0 to 10, or P0 to P3', text)
    return text
  }

  state(): 'open' | 'closed' {
    const text = this.text('status', TEXT_LENGTH_MAX)?.toLowerCase() ?? 'open'
    if (text !== 'open' && text !== 'closed') throw this.error('status', 'open or closed', text)
    return text
  }

  createdAtMs(): number | undefined {
    const text = this.text('created', TEXT_LENGTH_MAX)
    if (text === undefined) return undefined
    const atMs = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
    if (!Number.isFinite(atMs)) throw this.error('created', 'a date (2026-01-31) or a time with zone (2026-01-31T09:30:00Z)', text)
    return Math.max(0, atMs)
  }

  fail(name: string, expected: string, got: unknown): never {
    throw this.error(name, expected, got)
  }

  error(name: string, expected: string, got: unknown): FieldError {
    return new FieldError(this.#matter.lineOf(name), `${name}: expected ${expected}, got ${got === undefined ? 'nothing' : typeof got === 'string' ? quoted(got) : 'something else'}`)
  }
}

/**
 * Control characters (in YAML "\\e" writes one that the bytes of the file do not show), line ends, characters that reorder
 * what people see, and halves of surrogate pairs, of which no hash can be taken.
 */
const UNFIT_FOR_A_LINE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

/** `12-fix-the-parser.md` is task 12, `cleanup.md` is task cleanup. */
const numberOfPath = (path: string): string => {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.md$/i, '')
  return /^(\d+)-/.exec(name)?.[1] ?? name
}

const firstHeading = (body: string): string | undefined => {
  const heading = /^# (.+)$/m.exec(body)?.[1]?.trim()
  return heading === undefined || heading.length > TITLE_LENGTH_MAX || UNFIT_FOR_A_LINE.test(heading) ? undefined : heading
}

/** `role:backend` gives `backend` for `role`. */
const labelled = (labels: readonly string[], kind: string): readonly string[] =>
  labels.filter((label) => label.toLowerCase().startsWith(`${kind}:`)).map((label) => label.slice(kind.length + 1).trim()).filter((text) => text !== '')

/** `12`, `#12`, or a whole key of this or another repository. */
const dependency = (text: string, repository: string): TaskKey | undefined => {
  const number = text.replace(/^#/, '')
  if (isTaskNumber(number)) return taskKey({ provider: 'local', repository, number })
  const address = parseTaskKey(text)
  return address === undefined ? undefined : taskKey(address)
}

/** As JSON, and what that leaves as it is though no screen shows it as it is, escaped too: the reason is told to people. */
const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text)
  .replace(/[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, '0')}`)
