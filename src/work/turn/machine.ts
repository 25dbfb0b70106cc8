import type { NodeId, Oid } from '../../core/mod.ts'

/**
 * One task before a branch that others merge into too. Pure. A turn is advice: whoever has it finds the branch where the
 * change was checked; whoever does not ask is one more race. Only the compare-and-swap of claim and branch decides
 * (docs/protocol.md §3.7).
 */
export interface TurnState {
  readonly self: { readonly node: NodeId; readonly turn: string; readonly lengthMs: number }
  /** When it began to wait; undefined before its first look. */
  readonly waitingSinceMs: number | undefined
  /** Whose turn it is, as seen from here on this node's own clock. */
  readonly other: { readonly turn: string; readonly tip: Oid; readonly sinceMs: number; readonly firstMs: number } | undefined
}

/** What the turn ref shows. `junk`: nothing that a node would have written. */
export type Sight =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'turn'; readonly tip: Oid; readonly node: NodeId; readonly turn: string; readonly lengthMs: number }
  | { readonly kind: 'junk'; readonly tip: Oid }

export interface Look {
  readonly sight: Sight
  /** A turn is wanted even if nobody has one. */
  readonly needed: boolean
  /** Turns of this process; others of this node are of one that died. */
  readonly own: ReadonlySet<string>
}

export type TurnEffect =
  /** Nobody merges, and no turn is needed. */
  | { readonly kind: 'pass' }
  | { readonly kind: 'mine' }
  /** `part`: of the longest pause. Who has waited long looks more often, and so is more likely to be next. */
  | { readonly kind: 'wait'; readonly part: number }
  /** `from`: the turn that is over. */
  | { readonly kind: 'take'; readonly from: Oid | null }
  /** Junk goes first; what it is on top of is nobody's to continue. */
  | { readonly kind: 'clear'; readonly from: Oid }

/** However often it beats: checks that take longer than this are not waited for. */
export const TURN_MS_MAX = 30 * 60_000
/** Who has waited for so many lengths looks as often as one may. */
const PATIENCE_LENGTHS = 4
const PART_LEAST = 1 / 4

export const begin = (self: TurnState['self']): TurnState => ({ self, waitingSinceMs: undefined, other: undefined })

export const step = (before: TurnState, { sight, needed, own }: Look, nowMs: number): { readonly state: TurnState; readonly effect: TurnEffect } => {
  const state = watched(before, sight, nowMs)
  const { self } = state
  switch (sight.kind) {
    case 'nobody': return { state, effect: needed || before.other !== undefined ? { kind: 'take', from: null } : { kind: 'pass' } }
    case 'junk': return { state, effect: isLate(state, self.lengthMs, nowMs) ? { kind: 'clear', from: sight.tip } : wait(state, nowMs) }
    case 'turn':
      if (sight.turn === self.turn) return { state, effect: { kind: 'mine' } }
      if (sight.node === self.node && !own.has(sight.turn)) return { state, effect: { kind: 'take', from: sight.tip } }
      return { state, effect: isLate(state, sight.lengthMs, nowMs) ? { kind: 'take', from: sight.tip } : wait(state, nowMs) }
  }
}

/** The time of a turn begins again with every beat that is seen. */
const watched = (state: TurnState, sight: Sight, nowMs: number): TurnState => {
  const waitingSinceMs = state.waitingSinceMs ?? nowMs
  if (sight.kind === 'nobody') return { ...state, waitingSinceMs, other: undefined }
  if (state.other?.tip === sight.tip) return state
  const turn = sight.kind === 'turn' ? sight.turn : sight.tip
  return { ...state, waitingSinceMs, other: { turn, tip: sight.tip, sinceMs: nowMs, firstMs: state.other?.turn === turn ? state.other.firstMs : nowMs } }
}

const isLate = ({ other }: TurnState, lengthMs: number, nowMs: number): boolean =>
  other !== undefined && (nowMs - other.sinceMs >= lengthMs || nowMs - other.firstMs >= TURN_MS_MAX)

const wait = ({ waitingSinceMs = 0, self }: TurnState, nowMs: number): TurnEffect =>
  ({ kind: 'wait', part: Math.max(PART_LEAST, 1 - (1 - PART_LEAST) * (nowMs - waitingSinceMs) / (PATIENCE_LENGTHS * self.lengthMs)) })
