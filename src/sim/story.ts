import type { NodeId } from '../core/mod.ts'
import type { Violation } from './checker.ts'
import type { Stamped } from './events.ts'

export interface StoryOptions {
  readonly nameOf: (node: NodeId) => string
  readonly violations: readonly Violation[]
  /** Only what concerns this task, when given. */
  readonly number?: string | undefined
}

/** What happened, for somebody who was not there: one line per thing that matters, in the order of time. */
export const tellStory = (happenings: readonly Stamped[], options: StoryOptions): readonly string[] => {
  const broken = [...options.violations]
  const lines: string[] = []
  for (const happening of happenings) {
    for (const text of sentences(happening, options)) lines.push(`${clock(happening.atMs)}  ${text}`)
    while ((broken[0]?.atMs ?? Infinity) <= happening.atMs) {
      const violation = broken.shift()
      if (violation !== undefined) lines.push(`${clock(violation.atMs)}  !!! broken promise (${violation.checker}): ${violation.what}`)
    }
  }
  for (const violation of broken) lines.push(`${clock(violation.atMs)}  !!! broken promise (${violation.checker}): ${violation.what}`)
  return lines
}

const clock = (atMs: number): string => {
  const seconds = atMs / 1_000
  return `${String(Math.floor(seconds / 60)).padStart(3, ' ')}:${(seconds % 60).toFixed(3).padStart(6, '0')}`
}

const sentences = (happening: Stamped, options: StoryOptions): readonly string[] => {
  const name = 'node' in happening && happening.node !== undefined ? options.nameOf(happening.node) : ''
  const about = (number: string | undefined): boolean => options.number === undefined || number === options.number
  switch (happening.kind) {
    case 'phase': return [{ faults: '--- things begin to break', quiet: '--- from now on nothing breaks any more', stopping: '--- all nodes are asked to stop', end: '--- the end' }[happening.phase]]
    case 'process': return [`${name}: ${PROCESS[happening.what]}${happening.detail === undefined ? '' : ` (${happening.detail})`}`]
    case 'fault': return [`${name === '' ? '' : `${name}: `}${happening.what}${happening.detail === undefined ? '' : ` (${happening.detail})`}`]
    case 'person': return about(happening.number) ? [`a person ${happening.what} ${happening.number === undefined ? '' : `task ${happening.number}`} ${happening.detail ?? ''}`.trim()] : []
    case 'push': return pushed(happening, { name, about })
    case 'ran': return about(happening.number) ? [`${name}: the ${happening.what} of task ${happening.number ?? '(all)'} ${happening.what === 'agent' ? 'has ended' : happening.green === undefined ? 'was cut short' : happening.green ? 'ended well' : 'ended badly'}`] : []
    case 'provider': return happening.operation === 'complete' && about(happening.number)
      ? [`${name}: the provider was told that task ${happening.number ?? '?'} is done: ${happening.outcome}${happening.effect === undefined ? '' : `, ${happening.effect}`}`] : []
    case 'foul': return [`${name}: got a message that was ${happening.foul}: ${happening.verdict}`]
    case 'overflow': return [`${name}: ${happening.queue} has ${happening.length}, at most ${happening.limit}`]
    case 'left': return happening.left.length === 0 ? [] : [`${name}: left behind ${happening.left.join(', ')}`]
    case 'told': return told(happening.event, { name, about })
    case 'log': return []
  }
}

const PROCESS = {
  started: 'starts', ready: 'is ready', refused: 'could not start', killed: 'is killed', paused: 'is stopped by the system (SIGSTOP, suspend)', resumed: 'goes on',
  stopping: 'is asked to stop', stopped: 'has stopped', broke: 'cannot write its log and ends',
} as const

interface Voice {
  readonly name: string
  readonly about: (number: string | undefined) => boolean
}

const pushed = ({ updates, atomic }: Extract<Stamped, { kind: 'push' }>, { name, about }: Voice): readonly string[] => {
  const claims = updates.flatMap((update) => {
    const { record, before, accepted, reason } = update
    if (record === undefined || !about(numberOf(record.key))) return []
    const renewal = before !== undefined && before.epoch === record.epoch && before.state === record.state && before.node === record.node
    if (renewal && accepted) return []
    const result = accepted ? '' : ` - REFUSED: ${reason ?? ''}`
    return [`${name}: pushes task ${numberOf(record.key)} as ${record.state}, epoch ${record.epoch}${record.reason === undefined ? '' : ` (${record.reason.slice(0, 80)})`}${result}`]
  })
  const others = updates.filter(({ record, ref }) => record === undefined && ref.startsWith('refs/heads/')).map(({ ref, accepted }) => `${ref.slice(11)}${accepted ? '' : ' (refused)'}`)
  return claims.length === 0 || others.length === 0 ? claims : claims.map((line) => `${line} ${atomic ? 'in one push with' : 'beside'} ${others.join(', ')}`)
}

const told = (event: Extract<Stamped, { kind: 'told' }>['event'], { name, about }: Voice): readonly string[] => {
  if (!('key' in event) || ['task_progressed', 'task_claimed'].includes(event.kind)) return []
  const number = numberOf(event.key)
  return about(number) ? [`${name}: says ${event.kind.replaceAll('_', ' ')} ${number}${'reason' in event && typeof event.reason === 'string' ? ` (${event.reason.slice(0, 100)})` : ''}`] : []
}

const numberOf = (key: string): string => key.slice(key.lastIndexOf('#') + 1)
