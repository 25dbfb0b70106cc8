import type { Entry } from './entries.ts'
import { taskKeyOf } from './state.ts'

/** One line of a task's story, for `chorus audit show`. */
export interface StoryLine {
  readonly index: number
  readonly at: string
  readonly session: string
  readonly text: string
}

/** What this node did with a task, readable, oldest first. Values come from the log as they are: escape them for a terminal. */
export const taskStory = (entries: Iterable<Entry>, key: string): readonly StoryLine[] => {
  const mine = new Set<string>()
  const lines: StoryLine[] = []
  for (const entry of entries) {
    const data: Readonly<Record<string, unknown>> = entry.data
    const about = taskKeyOf(entry) === key
    if (about && entry.type === 'claim_intent') mine.add(String(data.oid))
    // A settlement names only the object id of its intent.
    if (!about && !(entry.type === 'intent_settled' && mine.has(String(data.oid)))) continue
    lines.push({ index: entry.index, at: entry.at, session: entry.session, text: tell(entry.type, data) })
  }
  return lines
}

const tell = (type: string, data: Readonly<Record<string, unknown>>): string => {
  const say = (name: string): string => (typeof data[name] === 'object' ? JSON.stringify(data[name]) : String(data[name] ?? '?'))
  const short = (name: string): string => say(name).slice(0, 12)
  switch (type) {
    case 'claim_intent': return `about to push claim ${short('oid')} (${say('state')}, epoch ${say('epoch')})`
    case 'intent_settled': return `push of claim ${short('oid')}: ${say('outcome')}`
    case 'task_claimed': return `claimed in epoch ${say('epoch')}: ${say('title')} (priority ${say('priority')})`
    case 'execution': return `attempt ${say('outcome')} by ${say('engine')}: ${execution(data)}`
    case 'task_delivered': return `delivered ${short('commit')} on ${say('branch')}, ${say('evidence')}, under claim ${short('claim_oid')}`
    case 'task_completed': return `completed after ${say('duration')} s`
    case 'task_failed': return `failed (attempt ${say('attempt')}): ${say('reason')}`
    case 'task_released': case 'task_parked': case 'task_escalated': case 'task_lost': return `${type.slice(5)}: ${say('reason')}`
    default: return `${type} ${JSON.stringify(data)}`
  }
}

const execution = (data: Readonly<Record<string, unknown>>): string => {
  const facts = ['model', 'evidence', 'base', 'commit'].filter((name) => typeof data[name] === 'string')
    .map((name) => `${name} ${String(data[name]).slice(0, 60)}`)
  const checks = Array.isArray(data.checks) ? data.checks as readonly unknown[] : []
  const green = checks.filter((check) => typeof check === 'object' && check !== null && 'green' in check && check.green === true).length
  const rounds = typeof data.rounds === 'number' ? [`${data.rounds} round${data.rounds === 1 ? '' : 's'}`] : []
  return [...rounds, ...facts, `${green} of ${checks.length} checks green`].join(', ')
}
