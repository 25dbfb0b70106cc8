import { parseIsoTime } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { memberOf, newEntry, tell } from './entry.ts'
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
 */
export interface Roster {
  readonly times: RosterTimes
  readonly entries: ReadonlyMap<NodeId, Entry>
  readonly connected: ReadonlySet<NodeId>
  /** Newcomers turned away because all places are taken by members that are present. */
  readonly refused: number
}

export type RosterInput =
  | { readonly kind: 'heard'; readonly envelope: PresenceEnvelope }
  | { readonly kind: 'link'; readonly node: NodeId; readonly connected: boolean }
  | { readonly kind: 'tick' }

export type RosterEffect =
  | { readonly kind: 'emit'; readonly event: MembershipEvent }
  /** Somebody is here who may not know us. */
  | { readonly kind: 'newcomer' }

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
  ({ times: { ...ROSTER_TIMES, ...times }, entries: new Map(), connected: new Set(), refused: 0 })

export const stepRoster = (state: Roster, input: RosterInput, nowMs: number): RosterStep => {
  switch (input.kind) {
    case 'heard': return heard(state, input.envelope, nowMs)
    case 'link': return link(state, input, nowMs)
    case 'tick': return tick(state, nowMs)
  }
}

/** When a tick would change something next; undefined while nobody is present or remembered. */
export const rosterWakeMs = (state: Roster): number | undefined => {
  let wakeMs: number | undefined
  for (const entry of state.entries.values()) {
    const dueMs = entry.gone === undefined ? lapseMs(entry, state.times) : entry.gone.sinceMs + state.times.forgetMs
    wakeMs = Math.min(wakeMs ?? dueMs, dueMs)
  }
  return wakeMs
}

/** Members that cannot be reached from here, and the moment at which the next one would count as such. */
export const unreachableNow = (state: Roster, nowMs: number): { readonly nodes: readonly NodeId[]; readonly nextMs: number | undefined } => {
  const closed = [...state.entries.values()].flatMap(({ node, linkClosedMs, gone }) =>
    linkClosedMs === undefined || gone?.reason === 'left' ? [] : [{ node, atMs: linkClosedMs + state.times.unreachableMs }])
  const coming = closed.filter(({ atMs }) => atMs > nowMs).map(({ atMs }) => atMs)
  return { nodes: closed.filter(({ atMs }) => atMs <= nowMs).map(({ node }) => node), nextMs: coming.length === 0 ? undefined : Math.min(...coming) }
}

const heard = (state: Roster, envelope: PresenceEnvelope, nowMs: number): RosterStep => {
  const before = state.entries.get(envelope.from)
  const stamp = parseIsoTime(envelope.timestamp) ?? 0
  if (before !== undefined && stamp < (before.stamps[envelope.type] ?? 0)) return { state, effects: [] }
  if (before === undefined && (envelope.type === 'availability_broadcast' && envelope.data.leaving === true)) return { state, effects: [] }
  const room = before === undefined ? makeRoom(state) : state
  if (room === undefined) return { state: { ...state, refused: state.refused + 1 }, effects: [] }

  const told = tell(before ?? newEntry(envelope.from, nowMs), envelope, stamp)
  const leaving = envelope.type === 'availability_broadcast' && envelope.data.leaving === true
  const lingering = told.linkClosedMs !== undefined && nowMs - told.linkClosedMs <= state.times.lingeringMs
  const after: Entry = {
    ...told,
    heardMs: nowMs,
    linkClosedMs: lingering ? told.linkClosedMs : undefined,
    gone: leaving ? { sinceMs: nowMs, reason: 'left' } : lingering || isStaleAfterLeaving(before, stamp) ? told.gone : undefined,
    stamps: { ...told.stamps, [envelope.type]: stamp },
  }
  const next = withEntry(room, after)
  const back = before === undefined || (before.gone !== undefined && after.gone === undefined)
  const newcomer: RosterEffect[] = back ? [{ kind: 'newcomer' }] : []
  return { state: next, effects: [...newcomer, ...eventsBetween(state, before, next, after)] }
}

/** What was said before the goodbye, and came after it. */
const isStaleAfterLeaving = (before: Entry | undefined, stamp: number): boolean =>
  before?.gone?.reason === 'left' && stamp <= (before.stamps.availability_broadcast ?? 0)

const link = (state: Roster, change: { readonly node: NodeId; readonly connected: boolean }, nowMs: number): RosterStep => {
  const connected = new Set(state.connected)
  if (change.connected) connected.add(change.node)
  else connected.delete(change.node)
  const next: Roster = { ...state, connected }
  const effects: RosterEffect[] = change.connected ? [{ kind: 'newcomer' }] : []
  const entry = state.entries.get(change.node)
  if (entry === undefined) return { state: next, effects }
  const after: Entry = { ...entry, linkClosedMs: change.connected ? undefined : entry.linkClosedMs ?? nowMs }
  const told = withEntry(next, after)
  return { state: told, effects: [...effects, ...eventsBetween(state, entry, told, after)] }
}

const tick = (before: Roster, nowMs: number): RosterStep => {
  let state = before
  const effects: RosterEffect[] = []
  for (const entry of before.entries.values()) {
    if (entry.gone !== undefined) {
      if (nowMs >= entry.gone.sinceMs + state.times.forgetMs) state = withoutEntry(state, entry.node)
      continue
    }
    if (nowMs < lapseMs(entry, state.times)) continue
    const silent = nowMs >= entry.heardMs + state.times.silentMs
    const after: Entry = { ...entry, gone: { sinceMs: nowMs, reason: silent ? 'silent' : 'disconnected' } }
    const next = withEntry(state, after)
    effects.push(...eventsBetween(state, entry, next, after))
    state = next
  }
  return { state, effects }
}

/** The moment at which a present member counts as gone if nothing is heard of it. */
const lapseMs = (entry: Entry, times: RosterTimes): number =>
  Math.min(entry.heardMs + times.silentMs, entry.linkClosedMs === undefined ? Infinity : entry.linkClosedMs + times.disconnectedMs)

const eventsBetween = (stateBefore: Roster, before: Entry | undefined, stateAfter: Roster, after: Entry): readonly RosterEffect[] => {
  const member = memberOf(after, stateAfter.connected.has(after.node))
  const emit = (event: MembershipEvent): readonly RosterEffect[] => [{ kind: 'emit', event }]
  if (before === undefined || (before.gone !== undefined && after.gone === undefined)) return emit({ kind: 'member_joined', member })
  if (before.gone === undefined && after.gone !== undefined) return emit({ kind: 'member_left', member, reason: after.gone.reason })
  // What a member that has gone said before it went is no news.
  if (after.gone !== undefined) return []
  return sameFacts(memberOf(before, stateBefore.connected.has(before.node)), member) ? [] : emit({ kind: 'member_changed', member })
}

/** But for the time of the last message, which changes with each. */
const sameFacts = (a: Member, b: Member): boolean => JSON.stringify({ ...a, lastSeenMs: 0 }) === JSON.stringify({ ...b, lastSeenMs: 0 })

const withEntry = (state: Roster, entry: Entry): Roster => ({ ...state, entries: new Map(state.entries).set(entry.node, entry) })

const withoutEntry = (state: Roster, node: NodeId): Roster => {
  const entries = new Map(state.entries)
  entries.delete(node)
  return { ...state, entries }
}

/** Undefined when all places are taken by members that are present; else the longest gone makes room. */
const makeRoom = (state: Roster): Roster | undefined => {
  if (state.entries.size < ROSTER_LIMITS.membersMax) return state
  const [oldest] = [...state.entries.values()].filter((entry) => entry.gone !== undefined).sort((a, b) => (a.gone?.sinceMs ?? 0) - (b.gone?.sinceMs ?? 0))
  return oldest === undefined ? undefined : withoutEntry(state, oldest.node)
}
