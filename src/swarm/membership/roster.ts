import { parseIsoTime } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { memberOf, newEntry, sameFacts, tell } from './entry.ts'
import type { Entry, PresenceEnvelope } from './entry.ts'
import type { Member, MembershipEvent } from './member.ts'

/**
 * Who is here. A machine over four things: what members say, links that open and close, and time.
 *
 *   unknown --heard--> present --leaving | silent 90 s | link closed 20 s--> gone --heard--> present
 *                                                                            gone --10 min--> unknown
 *
 * Nobody's clock is compared with ours: timestamps only order the messages of one author. Nothing here is safe to
 * claim or deliver by; refs are.
 *
 * Each message of each member comes by here, so a step costs the same however many members there are: it changes the
 * roster that it is given, its entries too, and returns that same one.
 */
export interface Roster {
  readonly times: RosterTimes
  readonly entries: ReadonlyMap<NodeId, Entry>
  readonly connected: ReadonlySet<NodeId>
  /** Of the entries, those whose link closed and who have not said goodbye, in the order of the closing. */
  readonly closed: ReadonlyMap<NodeId, number>
  /** Newcomers turned away because all places are taken by members that are present. */
  readonly refused: number
  /** No tick before this changes anything; one after it may find nothing to do. Infinity: while nobody is known. */
  readonly wakeMs: number
}

export type RosterInput =
  | { readonly kind: 'heard'; readonly envelope: PresenceEnvelope }
  | { readonly kind: 'link'; readonly node: NodeId; readonly connected: boolean }
  | { readonly kind: 'tick' }

export type RosterEffect =
  | { readonly kind: 'emit'; readonly event: MembershipEvent }
  /** Somebody is here who may not know us. */
  | { readonly kind: 'newcomer'; readonly known: boolean }

export interface RosterStep { readonly state: Roster; readonly effects: readonly RosterEffect[] }

export const ROSTER_LIMITS = { membersMax: 1_000 } as const

export interface RosterTimes {
  readonly silentMs: number
  readonly disconnectedMs: number
  /** What was still on its way when the link closed is no sign of life. */
  readonly lingeringMs: number
  /** A link that stays closed this long is told to others: a reconnect takes less. */
  readonly unreachableMs: number
  readonly forgetMs: number
}

export const ROSTER_TIMES: RosterTimes = { silentMs: 90_000, disconnectedMs: 20_000, lingeringMs: 2_000, unreachableMs: 5_000, forgetMs: 10 * 60_000 }

export const emptyRoster = (times: Partial<RosterTimes> = {}): Roster =>
  ({ times: { ...ROSTER_TIMES, ...times }, entries: new Map(), connected: new Set(), closed: new Map(), refused: 0, wakeMs: Infinity })

/** Owns the state: whoever steps keeps no other hold of it. */
export const stepRoster = (state: Roster, input: RosterInput, nowMs: number): RosterStep => {
  const roster = state as Mutable
  switch (input.kind) {
    case 'heard': return { state, effects: heard(roster, input.envelope, nowMs) }
    case 'link': return { state, effects: link(roster, input, nowMs) }
    case 'tick': return { state, effects: nowMs < roster.wakeMs ? [] : tick(roster, nowMs) }
  }
}

/** Members that cannot be reached from here. */
export const unreachableNow = (state: Roster, nowMs: number): readonly NodeId[] => {
  const nodes: NodeId[] = []
  for (const [node, closedMs] of state.closed) if (closedMs + state.times.unreachableMs <= nowMs) nodes.push(node)
  return nodes
}

export const isUnreachable = (state: Roster, node: NodeId, nowMs: number): boolean => (state.closed.get(node) ?? Infinity) + state.times.unreachableMs <= nowMs

interface Mutable extends Roster {
  readonly entries: Map<NodeId, Entry>
  readonly connected: Set<NodeId>
  readonly closed: Map<NodeId, number>
  refused: number
  wakeMs: number
}

const heard = (state: Mutable, envelope: PresenceEnvelope, nowMs: number): readonly RosterEffect[] => {
  const before = state.entries.get(envelope.from)
  const stamp = parseIsoTime(envelope.timestamp) ?? 0
  if (before !== undefined && stamp < (before.stamps[envelope.type] ?? 0)) return []
  const leaving = envelope.type === 'availability_broadcast' && envelope.data.leaving === true
  if (before === undefined && leaving) return []
  if (before === undefined && !makeRoom(state)) { state.refused += 1; return [] }

  const told = tell(before ?? newEntry(envelope.from, nowMs), envelope, stamp)
  if (told === before && told.gone === undefined && told.linkClosedMs === undefined && !leaving) {
    // Nothing new but that it lives: what is due of it is later than it was, and a wake that comes too early finds nothing.
    told.heardMs = nowMs
    told.stamps[envelope.type] = stamp
    return NO_EFFECTS
  }
  const lingering = told.linkClosedMs !== undefined && nowMs - told.linkClosedMs <= state.times.lingeringMs
  const after: Entry = {
    ...told,
    heardMs: nowMs,
    linkClosedMs: lingering ? told.linkClosedMs : undefined,
    gone: leaving ? { sinceMs: nowMs, reason: 'left' } : lingering || isStaleAfterLeaving(before, stamp) ? told.gone : undefined,
  }
  const connected = state.connected.has(after.node)
  const events = eventsBetween(before, after, { before: connected, after: connected })
  const back = before === undefined || (before.gone !== undefined && after.gone === undefined)
  after.stamps[envelope.type] = stamp
  put(state, after, nowMs)
  return back ? [{ kind: 'newcomer', known: false }, ...events] : events
}

const NO_EFFECTS: readonly RosterEffect[] = []

/** What was said before the goodbye, and came after it. */
const isStaleAfterLeaving = (before: Entry | undefined, stamp: number): boolean =>
  before?.gone?.reason === 'left' && stamp <= (before.stamps.availability_broadcast ?? 0)

const link = (state: Mutable, change: { readonly node: NodeId; readonly connected: boolean }, nowMs: number): readonly RosterEffect[] => {
  const before = state.connected.has(change.node)
  if (change.connected) state.connected.add(change.node)
  else state.connected.delete(change.node)
  const entry = state.entries.get(change.node)
  const effects: RosterEffect[] = change.connected ? [{ kind: 'newcomer', known: entry !== undefined && entry.gone === undefined }] : []
  if (entry === undefined) return effects
  const after: Entry = { ...entry, linkClosedMs: change.connected ? undefined : entry.linkClosedMs ?? nowMs }
  const events = eventsBetween(entry, after, { before, after: change.connected })
  put(state, after, nowMs)
  return [...effects, ...events]
}

const tick = (state: Mutable, nowMs: number): readonly RosterEffect[] => {
  const effects: RosterEffect[] = []
  for (const entry of state.entries.values()) {
    if (entry.gone !== undefined) {
      if (nowMs >= entry.gone.sinceMs + state.times.forgetMs) remove(state, entry.node)
      continue
    }
    if (nowMs < lapseMs(entry, state.times)) continue
    const silent = nowMs >= entry.heardMs + state.times.silentMs
    const after: Entry = { ...entry, gone: { sinceMs: nowMs, reason: silent ? 'silent' : 'disconnected' } }
    const connected = state.connected.has(entry.node)
    effects.push(...eventsBetween(entry, after, { before: connected, after: connected }))
    put(state, after, nowMs)
  }
  // Only here: what was heard since the last tick may have put it off.
  state.wakeMs = Infinity
  for (const entry of state.entries.values()) state.wakeMs = Math.min(state.wakeMs, dueMs(entry, state.times, nowMs))
  return effects
}

/**
 * What is there becomes what it is now. In its own place: members are many and live long, and to keep a new object of
 * each after each of its words is what a garbage collector is slowest at.
 */
const put = (state: Mutable, entry: Entry, nowMs: number): void => {
  const { node, linkClosedMs } = entry
  const kept = state.entries.get(node)
  if (kept === undefined) state.entries.set(node, entry)
  else Object.assign(kept, entry)
  if (linkClosedMs === undefined || entry.gone?.reason === 'left') state.closed.delete(node)
  else state.closed.set(node, linkClosedMs)
  state.wakeMs = Math.min(state.wakeMs, dueMs(entry, state.times, nowMs))
}

const remove = (state: Mutable, node: NodeId): void => {
  state.entries.delete(node)
  state.closed.delete(node)
}

/** When time alone changes something about it next: it lapses or is forgotten, or begins to count as unreachable. */
const dueMs = (entry: Entry, times: RosterTimes, nowMs: number): number => {
  const nextMs = entry.gone === undefined ? lapseMs(entry, times) : entry.gone.sinceMs + times.forgetMs
  const unreachableMs = entry.linkClosedMs === undefined || entry.gone?.reason === 'left' ? Infinity : entry.linkClosedMs + times.unreachableMs
  return unreachableMs > nowMs ? Math.min(nextMs, unreachableMs) : nextMs
}

/** The moment at which a present member counts as gone if nothing is heard of it. */
const lapseMs = (entry: Entry, times: RosterTimes): number =>
  Math.min(entry.heardMs + times.silentMs, entry.linkClosedMs === undefined ? Infinity : entry.linkClosedMs + times.disconnectedMs)

const eventsBetween = (before: Entry | undefined, after: Entry, connected: { readonly before: boolean; readonly after: boolean }): readonly RosterEffect[] => {
  const emit = (event: MembershipEvent): readonly RosterEffect[] => [{ kind: 'emit', event }]
  const member = (): Member => memberOf(after, connected.after)
  if (before === undefined || (before.gone !== undefined && after.gone === undefined)) return emit({ kind: 'member_joined', member: member() })
  if (before.gone === undefined && after.gone !== undefined) return emit({ kind: 'member_left', member: member(), reason: after.gone.reason })
  // What a member that has gone said before it went is no news.
  if (after.gone !== undefined) return []
  return connected.before === connected.after && sameFacts(before, after) ? [] : emit({ kind: 'member_changed', member: member() })
}

/** True when there was a place, or the longest gone made one; false when all are taken by members that are present. */
const makeRoom = (state: Mutable): boolean => {
  if (state.entries.size < ROSTER_LIMITS.membersMax) return true
  let oldest: { readonly node: NodeId; readonly sinceMs: number } | undefined
  for (const { node, gone } of state.entries.values()) {
    if (gone !== undefined && (oldest === undefined || gone.sinceMs < oldest.sinceMs)) oldest = { node, sinceMs: gone.sinceMs }
  }
  if (oldest === undefined) return false
  remove(state, oldest.node)
  return true
}
