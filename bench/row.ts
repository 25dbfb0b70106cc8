import { ratios, spreadOf } from './statistics.ts'
import type { Spread } from './statistics.ts'

/** What the rounds of one row measured, in order: ours and the baseline of one round were taken one right after the other. */
export interface Rounds {
  readonly ours: readonly number[]
  /** Empty where the goal is absolute; then `limit` is the baseline of every round. */
  readonly baseline: readonly number[]
  readonly limit?: number
  readonly unit: 'ms' | 'MB' | '% of a core'
}

export interface BenchContext {
  /** The program that is measured: compiled, laid out as in the package. */
  readonly program: { readonly launcher: string; readonly node: string }
  /** A folder of this run, removed afterwards; the sandbox's user may walk through it. */
  readonly scratch: string
  /** Of this row, when the caller wants another number than the row's own. */
  readonly rounds: number | undefined
  readonly say: (text: string) => void
}

export interface Row {
  readonly name: string
  readonly goal: number
  readonly measure: (context: BenchContext) => Promise<Rounds>
  /** One line each for the table: what was timed, and what it was compared with. */
  readonly what: string
  readonly against: string
}

export interface RowResult {
  readonly name: string
  /** Of the rounds' ratios the middle one. */
  readonly ratio: number
  readonly goal: number
  readonly ok: boolean
  readonly spread: Spread
  readonly n: number
  readonly ours: Spread
  readonly baseline: Spread
  readonly unit: Rounds['unit']
  readonly what: string
  readonly against: string
}

export const resultOf = ({ name, goal, what, against }: Row, rounds: Rounds): RowResult => {
  const { ours, unit, limit } = rounds
  const baseline = limit === undefined ? rounds.baseline : ours.map(() => limit)
  const spread = spreadOf(ratios(ours, baseline))
  return { name, ratio: spread.median, goal, ok: spread.median <= goal, spread, n: ours.length, ours: spreadOf(ours), baseline: spreadOf(baseline), unit, what, against }
}

/** Milliseconds that `act` takes. */
export const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const begunMs = performance.now()
  await act()
  return performance.now() - begunMs
}

/**
 * One after the other, first the one and in the next round first the other: neither has the warmer machine. `warmUp`
 * rounds are run and forgotten.
 */
export const alternate = async (sides: { readonly ours: (round: number) => Promise<number>; readonly baseline: (round: number) => Promise<number> }, count: { readonly rounds: number; readonly warmUp: number }): Promise<{ readonly ours: number[]; readonly baseline: number[] }> => {
  const kept: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] }
  for (let round = -count.warmUp; round < count.rounds; round += 1) {
    const order = round % 2 === 0 ? ['ours', 'baseline'] as const : ['baseline', 'ours'] as const
    for (const side of order) {
      const value = await sides[side](round + count.warmUp)
      if (round >= 0) kept[side].push(value)
    }
  }
  return kept
}
