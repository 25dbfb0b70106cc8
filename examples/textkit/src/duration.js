const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

/** `1h 30m`, `90s`, `250ms` as milliseconds. Units may come in any order, each once. */
export function parseDuration(text) {
  const parts = text.trim().split(/\s+(?=\d)/)
  const seen = new Set()
  let total = 0
  for (const part of parts) {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|[dhms])$/.exec(part)
    if (match === null) throw new RangeError(`not a duration: ${JSON.stringify(text)}`)
    const [, amount, unit] = match
    if (seen.has(unit)) throw new RangeError(`unit ${unit} is there twice: ${JSON.stringify(text)}`)
    seen.add(unit)
    total += Number(amount) * UNITS.find(([name]) => name === unit)[1]
  }
  return total
}

/** Milliseconds as at most `parts` units, largest first: 5_400_000 is `1h 30m`. The rest is dropped, not rounded. */
export function formatDuration(milliseconds, parts = 2) {
  if (!(milliseconds >= 0)) throw new RangeError(`a duration is not negative: ${milliseconds}`)
  const shown = []
  let rest = Math.floor(milliseconds)
  for (const [name, size] of UNITS) {
    if (shown.length === parts) break
    if (rest > size) {
      shown.push(`${Math.floor(rest / size)}${name}`)
      rest %= size
    }
  }
  return shown.length === 0 ? '0ms' : shown.join(' ')
}
