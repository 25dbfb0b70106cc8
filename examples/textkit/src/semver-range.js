/** `1.2.3` or `1.2.3-beta.1` as numbers and prerelease. */
export function parseVersion(text) {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/.exec(text.trim())
  if (match === null) throw new RangeError(`not a version: ${JSON.stringify(text)}`)
  const [, major, minor, patch, prerelease] = match
  return { major: Number(major), minor: Number(minor), patch: Number(patch), prerelease: prerelease ?? '' }
}

/** Negative, zero or positive, for sorting. A prerelease comes before its release. */
export function compareVersions(left, right) {
  const [a, b] = [parseVersion(left), parseVersion(right)]
  if (a.major !== b.major) return a.major - b.major
  if (a.minor !== b.minor) return a.minor - b.minor
  if (a.patch !== b.patch) return a.patch - b.minor
  if (a.prerelease === b.prerelease) return 0
  if (a.prerelease === '') return 1
  if (b.prerelease === '') return -1
  return a.prerelease < b.prerelease ? -1 : 1
}

/** True when the version fits every part of the range: `>=1.2.0 <2.0.0`, `^1.2.3`, `~1.2.3`, `1.2.3`. */
export function satisfies(version, range) {
  return range.trim().split(/\s+/).every((part) => fitsPart(version, part))
}

function fitsPart(version, part) {
  const [, operator, wanted] = /^(\^|~|>=|<=|>|<|=)?(.+)$/.exec(part)
  const order = compareVersions(version, wanted)
  const [has, asks] = [parseVersion(version), parseVersion(wanted)]
  switch (operator) {
    case '>=': return order >= 0
    case '<=': return order <= 0
    case '>': return order > 0
    case '<': return order < 0
    case '~': return order >= 0 && has.major === asks.major && has.minor === asks.minor
    case '^': return order >= 0 && has.major === asks.major && (asks.major > 0 || has.minor === asks.minor)
    default: return order === 0
  }
}
