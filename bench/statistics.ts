/** What a row says of its rounds: the middle one, and where the middle four fifths of them lie. */
export interface Spread {
  readonly median: number
  readonly p10: number
  readonly p90: number
}

/** Of sorted numbers by linear interpolation between neighbours; `share` from 0 to 1. */
export const quantile = (values: readonly number[], share: number): number => {
  if (values.length === 0) throw new RangeError('at least one number expected')
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * Math.min(1, Math.max(0, share))
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export const spreadOf = (values: readonly number[]): Spread => ({ median: median(values), p10: quantile(values, 0.1), p90: quantile(values, 0.9) })

/** Round by round, so that what slows the machine for a while slows both sides of a ratio. */
export const ratios = (ours: readonly number[], baseline: readonly number[]): readonly number[] => {
  if (ours.length !== baseline.length) throw new RangeError(`as many rounds of both expected, got ${ours.length} and ${baseline.length}`)
  return ours.map((value, index) => value / (baseline[index] ?? Number.NaN))
}
