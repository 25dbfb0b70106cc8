import type { Oid } from '../../core/mod.ts'
import { unreachable } from '../../core/mod.ts'
import { LINE_MAX } from './record.ts'
import type { Ticket } from './record.ts'

/**
 * One ticket in the line before a branch. Pure. The line is advice: whoever follows it finds the branch where it was
 * checked; whoever does not is one more race. Only the compare-and-swap of claim and branch decides (docs/protocol.md §3.7).
 */
export interface TurnState {
  readonly ticket: Ticket
  /** Who is in front, as seen from here on this node's own clock. */
  readonly front: Front | undefined
}

interface Front {
  readonly id: string
  readonly beats: number
  /** Of its last beat, and since it is in front. */
  readonly sinceMs: number
  readonly firstMs: number
}

/** What the turn ref shows. `junk`: nothing that a node would have written. */
export type Sight =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'line'; readonly tip: Oid; readonly line: readonly Ticket[] }
  | { readonly kind: 'junk'; readonly tip: Oid }

export type TurnInput =
  /** `needed`: a turn is wanted even if nobody has one. `own`: ids of this process; others of this node are of one that died. */
  | { readonly kind: 'look'; readonly sight: Sight; readonly needed: boolean; readonly own: ReadonlySet<string> }
  | { readonly kind: 'beat'; readonly sight: Sight }
  | { readonly kind: 'leave'; readonly sight: Sight }

export type TurnEffect =
  /** Nobody merges, and no turn is needed. */
  | { readonly kind: 'pass' }
  | { readonly kind: 'mine' }
  | { readonly kind: 'wait'; readonly ahead: number }
  | { readonly kind: 'write'; readonly from: Oid | null; readonly line: readonly Ticket[] }
  /** The ref goes: nobody is left in line, or it was junk. */
  | { readonly kind: 'clear'; readonly from: Oid }
  /** Not in line (any more). */
  | { readonly kind: 'out' }

/** However often it beats: then the next one goes on. Checks that take longer than this are not waited for. */
export const FRONT_MS_MAX = 30 * 60_000

/** Who comes to the front says so at once. Most that died did so while they waited: they cost less. */
export const FIRST_BEAT_SHARE = 1 / 3

export const begin = (ticket: Ticket): TurnState => ({ ticket, front: undefined })

export const step = (state: TurnState, input: TurnInput, nowMs: number): { readonly state: TurnState; readonly effect: TurnEffect } => {
  switch (input.kind) {
    case 'look': return look(state, input, nowMs)
    case 'beat': return beat(state, input.sight)
    case 'leave': return { state, effect: without(input.sight, state.ticket) }
    default: return unreachable(input)
  }
}

const look = (state: TurnState, { sight, needed, own }: Extract<TurnInput, { kind: 'look' }>, nowMs: number): { readonly state: TurnState; readonly effect: TurnEffect } => {
  const { ticket } = state
  const from = sight.kind === 'nobody' ? null : sight.tip
  if (sight.kind === 'junk') {
    const seen = watched(state, { id: sight.tip, beats: 1 }, nowMs)
    return { state: seen, effect: isLate(seen, ticket.lengthMs, nowMs) ? { kind: 'clear', from: sight.tip } : { kind: 'wait', ahead: 1 } }
  }
  const line = sight.kind === 'nobody' ? [] : sight.line.filter((other) => other.node !== ticket.node || own.has(other.id))
  const [front] = line
  if (front === undefined) return { state: { ticket, front: undefined }, effect: needed ? { kind: 'write', from, line: [ticket] } : { kind: 'pass' } }
  if (front.id === ticket.id) return { state, effect: sight.kind === 'line' && sight.line[0]?.id === ticket.id ? { kind: 'mine' } : { kind: 'write', from, line } }
  const seen = watched(state, front, nowMs)
  const isIn = line.some(({ id }) => id === ticket.id)
  if (isLate(seen, front.lengthMs, nowMs)) return { state: seen, effect: { kind: 'write', from, line: isIn ? line.slice(1) : [...line.slice(1), ticket] } }
  if (isIn) return { state: seen, effect: { kind: 'wait', ahead: line.findIndex(({ id }) => id === ticket.id) } }
  if (line.length >= LINE_MAX) return { state: seen, effect: { kind: 'wait', ahead: line.length } }
  return { state: seen, effect: { kind: 'write', from, line: [...line, ticket] } }
}

const beat = (state: TurnState, sight: Sight): { readonly state: TurnState; readonly effect: TurnEffect } => {
  const first = sight.kind === 'line' ? sight.line[0] : undefined
  if (sight.kind !== 'line' || first?.id !== state.ticket.id) return { state, effect: { kind: 'out' } }
  const ticket = { ...state.ticket, beats: first.beats + 1 }
  return { state: { ...state, ticket }, effect: { kind: 'write', from: sight.tip, line: [ticket, ...sight.line.slice(1)] } }
}

const without = (sight: Sight, { id }: Ticket): TurnEffect => {
  if (sight.kind !== 'line' || !sight.line.some((other) => other.id === id)) return { kind: 'out' }
  const line = sight.line.filter((other) => other.id !== id)
  return line.length === 0 ? { kind: 'clear', from: sight.tip } : { kind: 'write', from: sight.tip, line }
}

/** Its time begins again with every beat that is seen. */
const watched = (state: TurnState, { id, beats }: { readonly id: string; readonly beats: number }, nowMs: number): TurnState => {
  const { ticket, front } = state
  if (front?.id === id && front.beats === beats) return state
  return { ticket, front: { id, beats, sinceMs: nowMs, firstMs: front?.id === id ? front.firstMs : nowMs } }
}

const isLate = ({ front }: TurnState, lengthMs: number, nowMs: number): boolean =>
  front !== undefined && (nowMs - front.sinceMs >= (front.beats === 0 ? lengthMs * FIRST_BEAT_SHARE : lengthMs) || nowMs - front.firstMs >= FRONT_MS_MAX)
