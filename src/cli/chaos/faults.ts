import type { Chance } from './chance.ts'
import type { Cut } from './namespaces.ts'

/** What may be done to a node. `sleep`: stopped until another has taken its task over, then woken as a zombie. */
export type FaultKind = 'kill' | 'pause' | 'sleep' | 'cut' | 'fill'

export interface Fault {
  readonly kind: FaultKind
  readonly node: number
  /** Milliseconds until a killed node is started again, a stopped one goes on, a cut is healed, room is made. */
  readonly forMs: number
  readonly cut: Cut | undefined
}

/** What the drill knows of one node when it draws. */
export interface Target {
  readonly index: number
  /** It runs, and nothing is done to it at the moment. */
  readonly well: boolean
  /** It has a claim, by the repository's refs. */
  readonly holds: boolean
  /** Its state folder is on a small disk of its own. */
  readonly small: boolean
}

export interface FaultLimits {
  readonly kinds: readonly FaultKind[]
  /** Never fewer nodes are left alone: an early takeover wants two witnesses and somebody to take over. */
  readonly wellMin: number
  /** Nodes stopped for long at the same time, at most. */
  readonly sleepersMax: number
}

const SHARES: Readonly<Record<FaultKind, number>> = { kill: 54, sleep: 26, pause: 8, cut: 10, fill: 2 }
/** A kill or a sleep means more when it hits somebody at work. */
const HOLDER_SHARE = 0.75
const PAUSE_MS = [500, 6_000] as const
/** Longest sleep: the drill wakes the sleeper soon after its task went to another. */
const SLEEP_MS_MAX = 60_000
const RESTART_MS = [3_000, 40_000] as const
const CUT_MS = [4_000, 30_000] as const
const FILL_MS = [3_000, 12_000] as const
const GAP_MS = [1_000, 4_500] as const

/** How long to wait until the next draw. */
export const drawGapMs = (chance: Chance): number => chance.between(...GAP_MS)

/** After a sleeper's task went to another, it sleeps on so long. */
export const drawOversleepMs = (chance: Chance): number => chance.between(300, 4_000)

/** More often soon than late, as service managers do, so that more kills fit into a drill. */
const drawRestartMs = (chance: Chance): number => RESTART_MS[0] + (RESTART_MS[1] - RESTART_MS[0]) * chance.fraction() ** 2

/** The next fault, or undefined when nothing may be done now. Pure but for the draws. */
export const drawFault = (chance: Chance, targets: readonly Target[], limits: FaultLimits & { readonly asleep: number }): Fault | undefined => {
  const well = targets.filter((target) => target.well)
  if (well.length <= limits.wellMin) return undefined
  const may = (kind: FaultKind): boolean => limits.kinds.includes(kind)
    && (kind !== 'sleep' || (limits.asleep < limits.sleepersMax && well.some((target) => target.holds)))
    && (kind !== 'fill' || well.some((target) => target.small))
  const weights = Object.fromEntries(Object.entries(SHARES).map(([kind, share]) => [kind, may(kind as FaultKind) ? share : 0])) as Record<FaultKind, number>
  if (Object.values(weights).every((weight) => weight === 0)) return undefined
  const kind = chance.weighted(weights)
  const holders = well.filter((target) => target.holds)
  const wanted = kind === 'fill' ? well.filter((target) => target.small)
    : kind === 'sleep' || (kind === 'kill' && holders.length > 0 && chance.fraction() < HOLDER_SHARE) ? holders : well
  const target = chance.among(wanted)
  if (target === undefined) return undefined
  return {
    kind, node: target.index,
    forMs: Math.round(kind === 'kill' ? drawRestartMs(chance) : kind === 'pause' ? chance.between(...PAUSE_MS)
      : kind === 'sleep' ? SLEEP_MS_MAX : kind === 'cut' ? chance.between(...CUT_MS) : chance.between(...FILL_MS)),
    cut: kind === 'cut' ? chance.weighted<Cut>({ all: 3, mesh: 1, git: 1 }) : undefined,
  }
}
