import { ChorusError, truncate } from '../../core/mod.ts'
import type { Json } from '../../core/mod.ts'

/** Longer texts are cut (with a mark), longer lists end, deeper values are left out. */
export interface DataBounds {
  readonly textBytesMax: number
  readonly itemsMax: number
}

/** What may reach the scanner: a text is scanned before it is cut, so that no cut hides half a secret. */
export const BEFORE_REDACTION: DataBounds = { textBytesMax: 128 * 1024, itemsMax: 256 }
/** What an entry holds. */
export const IN_ENTRY: DataBounds = { textBytesMax: 2_048, itemsMax: 256 }
/** What an entry holds that would be too large otherwise. */
export const IN_LARGE_ENTRY: DataBounds = { textBytesMax: 200, itemsMax: 24 }

export type EntryFacts = { readonly [field: string]: Json | undefined }
const DEPTH_MAX = 8

/** Plain data as bounded JSON. Functions, symbols and the like are a defect of the caller: INPUT_INVALID. */
export const boundedData = (data: Readonly<Record<string, unknown>>, bounds: DataBounds): EntryFacts => boundRecord(data, 0, bounds)

const bound = (value: unknown, depth: number, bounds: DataBounds): Json | undefined => {
  if (value === undefined) return undefined
  if (value === null || typeof value === 'boolean') return value
  // An unknown or unlimited amount is an honest null; JSON has neither.
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'string') return truncate(value.toWellFormed(), bounds.textBytesMax)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object') throw new ChorusError('INPUT_INVALID', `plain data expected for the log, got a ${typeof value}`)
  if (depth >= DEPTH_MAX) return '[deeper]'
  if (!Array.isArray(value)) return boundRecord(value as Record<string, unknown>, depth, bounds)
  const items = value.slice(0, bounds.itemsMax).map((item) => bound(item, depth + 1, bounds) ?? null)
  return value.length > bounds.itemsMax ? [...items, `[${value.length - bounds.itemsMax} more]`] : items
}

const boundRecord = (value: Readonly<Record<string, unknown>>, depth: number, bounds: DataBounds): EntryFacts => {
  const fields = Object.entries(value).filter(([, member]) => member !== undefined)
  const kept = fields.slice(0, bounds.itemsMax)
    .map(([name, member]) => [truncate(name.toWellFormed(), 200), bound(member, depth + 1, bounds)] as const)
  if (fields.length > bounds.itemsMax) kept.push(['…', `[${fields.length - bounds.itemsMax} more]`])
  return Object.fromEntries(kept)
}
