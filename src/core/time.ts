/**
 * Instants in messages and the log: RFC 3339 in UTC with milliseconds, as in 2025-09-30T10:00:00.000Z. Any offset and up to nine
 * digits of a second are read. Years 1970 to 9999.
 */
export const isoTime = (wallMs: number): string => {
  if (!Number.isSafeInteger(Math.trunc(wallMs)) || wallMs < 0 || wallMs > WALL_MS_MAX) {
    throw new RangeError(`milliseconds from 1970 to 9999 expected, got ${wallMs}`)
  }
  return new Date(wallMs).toISOString()
}

/** Milliseconds since 1970, or undefined when the text is not such an instant. */
export const parseIsoTime = (text: string): number | undefined => {
  if (!PATTERN.test(text)) return undefined
  const wallMs = Date.parse(text)
  return Number.isNaN(wallMs) || wallMs < 0 || wallMs > WALL_MS_MAX ? undefined : wallMs
}

const WALL_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
const PATTERN = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/
