import { canonicalJson, fail, ok } from '../../core/mod.ts'
import type { Result, TaskKey } from '../../core/mod.ts'
import type { Clock, Entropy, RefStore, Signer } from '../../ports/mod.ts'
import { ENDED_BYTES_MAX, ENDED_ENTRIES_MAX, sealEnded } from './ended.ts'
import type { EndedList } from './ended.ts'
import type { ClaimNames } from './leaf.ts'
import { validTip } from './lease.ts'
import type { ClaimRemote } from './remote.ts'
import type { ClaimTimes } from './settings.ts'
import type { ClaimEntry } from './table.ts'

export interface PruneParts {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly names: ClaimNames
  readonly ended: EndedList
  readonly remote: ClaimRemote
  readonly times: ClaimTimes
}

/** Of closed tasks, those whose claim has ended for longer than `olderThanMs` by the wall clock of who ended it, and has not moved for `watchMs` as seen from here. */
export const prunable = (entries: readonly ClaimEntry[], options: { readonly olderThanMs: number; readonly wallMs: number; readonly watchMs: number; readonly nowMs: number }): readonly ClaimEntry[] =>
  entries.filter(({ lease: { seen, holding, pending } }) => seen.kind === 'tip' && holding === undefined && pending === undefined
    && seen.record.state !== 'held' && seen.record.state !== 'delivered'
    && options.nowMs - seen.sinceMs >= options.watchMs && options.wallMs - seen.record.atSeconds * 1_000 >= options.olderThanMs)

/** Parts that fit into one commit of the list of ended claims. */
export const inBatches = (entries: readonly ClaimEntry[]): readonly (readonly ClaimEntry[])[] => {
  const batches: ClaimEntry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const more = Buffer.byteLength(canonicalJson([entry.lease.key, 1_000_000])) + 1
    const last = batches.at(-1)
    if (last === undefined || last.length >= ENDED_ENTRIES_MAX || bytes + more > ENDED_BYTES_MAX) { batches.push([entry]); bytes = more }
    else { last.push(entry); bytes += more }
  }
  return batches
}

/**
 * Deletes claim refs, each only where it was seen, and names their last epochs in the list of ended claims: one atomic
 * push (docs/protocol.md §3.6). Callers hold the entries' lanes. What was refused stays, for another time.
 */
export const endClaims = async (entries: readonly ClaimEntry[], parts: PruneParts): Promise<Result<readonly TaskKey[]>> => {
  const { store, signer, clock, entropy, names, ended, remote } = parts
  await ended.read()
  const last = entries.map((entry) => [entry.lease.key, validTip(entry.lease)?.record.epoch ?? 0] as const).filter(([, epoch]) => epoch > 0)
  const deletes = entries.flatMap(({ lease: { ref, seen } }) => seen.kind === 'tip' || seen.kind === 'quarantined' ? [{ ref, from: seen.oid, to: null }] : [])
  const updates = [...deletes]
  const atSeconds = Math.floor(clock.wallMs() / 1_000)
  const moves = last.length === 0 ? [] : [{
    ref: names.ended, from: ended.tip,
    to: await store.create({
      parent: ended.tip, atSeconds,
      message: sealEnded({ version: 1, node: signer.node, entries: last, nonce: entropy.uuid(), parent: ended.tip, atSeconds }, signer, names.mark),
    }),
  }]
  const answers = await store.push([...updates, ...moves], { atomic: true })
  ended.forget()
  for (const entry of entries) await remote.read(entry)
  const gone = entries.filter((entry) => entry.lease.seen.kind === 'absent').map((entry) => entry.lease.key)
  if (gone.length === entries.length) return ok(gone)
  const refused = [...answers].find(([, answer]) => answer.kind !== 'accepted')
  return fail(refused === undefined ? 'a claim was made anew' : `${refused[0]}: ${'reason' in refused[1] ? refused[1].reason : refused[1].kind}`)
}
