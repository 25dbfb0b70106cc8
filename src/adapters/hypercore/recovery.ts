import type { JournalRecord } from './journal.ts'

/** The state of the log that was last acknowledged to anyone, kept apart from it. */
export interface StoredHead {
  /** Public key of the log, hex. */
  readonly key: string
  readonly length: number
  /** Merkle root of the first `length` entries, hex. */
  readonly treeHash: string
}

export interface Found {
  /** Hex. */
  readonly key: string
  readonly length: number
  readonly head: StoredHead | undefined
  readonly journal: readonly JournalRecord[]
}

export type RecoveryPlan =
  /** Append these again, then compare the Merkle root with the head's. */
  | { readonly ok: true; readonly replay: readonly Uint8Array[] }
  | { readonly ok: false; readonly problem: string }

/**
 * Compares log, journal and head after a stop of any kind. Entries that the log lacks come back from the journal; a log
 * that is shorter than what was acknowledged, and cannot be filled, is never accepted as it is. Pure.
 */
export const planRecovery = ({ key, length, head, journal }: Found): RecoveryPlan => {
  if (head === undefined) {
    // The head is written before the first entry, so a log with entries and no head has lost it.
    if (length > 0 || journal.length > 0) {
      const entries = Math.max(length, (journal.at(-1)?.index ?? -1) + 1)
      return { ok: false, problem: `a head file expected beside a log of ${entries} entries, none found` }
    }
    return { ok: true, replay: [] }
  }
  if (head.key !== key) {
    const [expected, found] = [head.key.slice(0, 16), key.slice(0, 16)]
    return { ok: false, problem: `log ${expected}… expected with ${head.length} entries, log ${found}… found with ${length}: it was replaced or lost` }
  }
  const missing = journal.filter((record) => record.index >= length)
  const first = missing[0]
  // Records that do not start where the log ends would leave a gap.
  const available = first?.index === length ? length + missing.length : length
  if (available < head.length) {
    return {
      ok: false,
      problem: `${head.length} entries expected by the head, ${length} found in the log`
        + (first === undefined ? ' and none of the missing ones in the journal'
          : ` and entries ${first.index} to ${first.index + missing.length - 1} in the journal`),
    }
  }
  return { ok: true, replay: first?.index === length ? missing.map((record) => record.entry) : [] }
}

export const rootProblem = (head: StoredHead, found: string): string =>
  `Merkle root ${head.treeHash} of the first ${head.length} entries expected, ${found} found`

/** Undefined for anything but a head that this program wrote. */
export const parseHead = (text: string): StoredHead | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Not JSON: not a head; the caller reports it as damaged.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { version, key, length, treeHash } = value as Record<string, unknown>
  if (version !== 1 || typeof key !== 'string' || typeof treeHash !== 'string' || typeof length !== 'number') return undefined
  if (!/^[0-9a-f]{64}$/.test(key) || !/^[0-9a-f]{64}$/.test(treeHash) || !Number.isSafeInteger(length) || length < 0) return undefined
  return { key, length, treeHash }
}

export const formatHead = (head: StoredHead): string => `${JSON.stringify({ version: 1, ...head })}\n`
