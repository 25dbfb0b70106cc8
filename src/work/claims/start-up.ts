import type { Oid, RefName } from '../../core/mod.ts'
import type { RefStore } from '../../ports/mod.ts'
import type { Intent, IntentLog, IntentOutcome, SettledIntent } from './intents.ts'
import type { ClaimNames } from './leaf.ts'
import type { Self } from './lease.ts'
import type { RecordOpener } from './record.ts'
import { HISTORY_MAX } from './remote.ts'
import type { ClaimTable } from './table.ts'

const SCANNED_MAX = 5_000
const READ_AT_ONCE = 100

/**
 * What became of the pushes that an earlier process may have made: an intent happened if its oid is the tip of its ref
 * or an ancestor of it (docs/protocol.md §3.5). Rejects, with nothing settled wrongly, when the remote does not answer.
 */
export const settleIntents = async (log: IntentLog, store: RefStore, names: ClaimNames): Promise<readonly SettledIntent[]> => {
  const open = await log.unsettled()
  if (open.length === 0) return []
  const tips = await store.tips(names.prefix)
  const settled: SettledIntent[] = []
  for (const intent of open) {
    const outcome = await outcomeOf(intent, tips.get(intent.ref), store)
    await log.settled(intent.oid, outcome)
    settled.push({ intent, outcome })
  }
  return settled
}

const outcomeOf = async (intent: Intent, tip: Oid | undefined, store: RefStore): Promise<IntentOutcome> => {
  if (tip === undefined) return intent.from === null ? 'did not happen' : 'unknown'
  if (tip === intent.oid) return 'happened'
  if (tip === intent.from) return 'did not happen'
  const history = await store.history(intent.ref, tip, { limit: HISTORY_MAX, until: intent.oid })
  if (!history.ok) return 'unknown'
  const oldest = history.value.at(-1)
  if (oldest === undefined || oldest.parent === intent.oid) return 'happened'
  return history.value.length < HISTORY_MAX ? 'did not happen' : 'unknown'
}

/** Watches also the tasks that nobody named yet and that an earlier session of this node still has. */
export const watchOwnClaims = async (table: ClaimTable, store: RefStore, options: { readonly names: ClaimNames; readonly self: Self; readonly openRecord: RecordOpener }): Promise<void> => {
  const { names, self, openRecord } = options
  const watched = new Set<RefName>(table.entries().map((entry) => entry.lease.ref))
  const foreign = [...await store.tips(`${names.prefix}claims/`)].filter(([ref]) => !watched.has(ref)).slice(0, SCANNED_MAX)
  for (let from = 0; from < foreign.length; from += READ_AT_ONCE) {
    // At once, so that a store can fetch them in one exchange: one by one, a start on a busy repository takes minutes.
    await Promise.all(foreign.slice(from, from + READ_AT_ONCE).map(async ([ref, tip]) => {
      const history = await store.history(ref, tip, { limit: 1 })
      const opened = history.ok && history.value[0] !== undefined ? openRecord(history.value[0].message) : undefined
      // What cannot be read is not this node's; if its task is ever watched, it is quarantined then.
      if (opened?.ok !== true || opened.value.record.node !== self.node || names.claim(opened.value.record.key) !== ref) return
      table.entry(opened.value.record.key)
    }))
  }
}
