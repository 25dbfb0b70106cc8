/** ISO 8601 in UTC with milliseconds, of milliseconds since 1970. Reads no clock. */
export const isoTime = (wallMs: number): string => new Date(wallMs).toISOString()
