import { z } from 'zod'

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const UNITS_BYTES: Readonly<Record<string, number>> = {
  B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
}

/** `90s`, `10m`, `1.5h` to whole milliseconds; undefined for anything else, bare numbers included. */
export const parseDuration = (text: string): number | undefined => parseQuantity(text, UNITS_MS)

/** `2GiB`, `512MiB`, `900kB` to whole bytes; undefined for anything else, bare numbers included. */
export const parseSize = (text: string): number | undefined => parseQuantity(text, UNITS_BYTES)

const parseQuantity = (text: string, units: Readonly<Record<string, number>>): number | undefined => {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(text.trim())
  const unit = match === null || !Object.hasOwn(units, match[2] ?? '') ? undefined : units[match[2] ?? '']
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit)
}

/** A duration with its unit, between two others; milliseconds after parsing. */
export const duration = (least: string, most: string): z.ZodType<number, string> =>
  quantity(parseDuration, least, most, 'a duration with its unit', '^\\d+(\\.\\d+)? ?(ms|s|m|h|d)$')

/** A size with its unit, between two others; bytes after parsing. */
export const size = (least: string, most: string): z.ZodType<number, string> =>
  quantity(parseSize, least, most, 'a size with its unit', '^\\d+(\\.\\d+)? ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$')

const quantity = (parse: (text: string) => number | undefined, least: string, most: string, what: string, pattern: string): z.ZodType<number, string> => {
  const [lowest, highest] = [parse(least) ?? 0, parse(most) ?? Number.MAX_SAFE_INTEGER]
  const expected = `expected ${what} from ${least} to ${most}`
  return z.string({ error: expected }).meta({ pattern }).transform((text, context) => {
    const value = parse(text)
    if (value !== undefined && value >= lowest && value <= highest) return value
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}
