import { stringify } from 'yaml'
import { TASK_FOLDER } from './provider.ts'

export interface NewTask {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly priority?: number | undefined
  readonly role?: string | undefined
  readonly expertise?: readonly string[] | undefined
  readonly labels?: readonly string[] | undefined
  readonly dependsOn?: readonly string[] | undefined
  readonly check?: string | undefined
}

/** The file for a new task: what `readTaskFile` reads back as the same. */
export const newTaskFile = (task: NewTask): { readonly path: string; readonly text: string } => {
  const fields = {
    id: task.id, title: task.title, priority: task.priority, role: task.role, expertise: task.expertise, labels: task.labels,
    depends_on: task.dependsOn, check: task.check, status: 'open',
  }
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)))
  const slug = task.title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').slice(0, 50)
  const body = task.description.trim()
  return { path: `${TASK_FOLDER}/${task.id}${slug === '' ? '' : `-${slug}`}.md`, text: `---\n${stringify(present, { lineWidth: 0 })}---\n${body === '' ? '' : `\n${body}\n`}` }
}

/** The number after the highest in use. */
export const nextTaskId = (ids: readonly string[]): string =>
  String(Math.max(0, ...ids.filter((id) => /^\d{1,9}$/.test(id)).map(Number)) + 1)
