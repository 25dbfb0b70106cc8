import { assert } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { Clock, Entropy, PushAnswer, RefStore, RefUpdate, Signer } from '../../ports/mod.ts'
import { isUnavailable } from './availability.ts'
import { judgeChain } from './chain.ts'
import type { ChainExpectation } from './chain.ts'
import type { Taken } from './events.ts'
import type { IntentLog } from './intents.ts'
import type { ClaimNames } from './leaf.ts'
import { isLeased, isRenewal, validTip } from './lease.ts'
import type { Move, RecordDraft } from './move.ts'
import { readRecord, sealRecord } from './record.ts'
import type { ClaimRecord, RecordOpener } from './record.ts'
import type { ClaimTimes } from './settings.ts'
import type { ClaimStats } from './stats.ts'
import type { ClaimEntry, ClaimTable } from './table.ts'
import { transitionFault } from './transition.ts'

/** What became of a move. */
export type Landing =
  | { readonly kind: 'landed' }
  /** The claim ref is another's now. */
  | { readonly kind: 'moved' }
  /** The machine saw no such move, and nothing was pushed. */
  | { readonly kind: 'not planned'; readonly reason: string }
  /** The claim did not move; what was to move with it was refused, or the store refuses this ref. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'in-the-way'; readonly paths: readonly string[] }
  /** Neither the push nor the read that followed was answered. */
  | { readonly kind: 'unclear'; readonly reason: string }

export interface Planned {
  readonly record: ClaimRecord
  readonly taken: Taken | undefined
}

export interface RemoteParts {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly intents: IntentLog
  readonly names: ClaimNames
  readonly table: ClaimTable
  readonly stats: ClaimStats
  readonly times: ClaimTimes
  readonly isMember: ChainExpectation['isMember']
  readonly openRecord: RecordOpener
}

/** A chain is read back so far to find a known record: at a renewal each 30 s, more than eight hours. */
export const HISTORY_MAX = 1_024
const PUSH_TRIES = 3

/** Reads claim refs into the machines, and carries planned moves to their refs. Callers hold the entry's lane. */
export class ClaimRemote {
  readonly #parts: RemoteParts

  constructor(parts: RemoteParts) { this.#parts = parts }

  async tip(entry: ClaimEntry): Promise<Oid | null> {
    const { ref } = entry.lease
    return (await this.#parts.store.tips(ref)).get(ref) ?? null
  }

  /** Reads one ref now. Rejects with REMOTE_UNAVAILABLE. */
  async read(entry: ClaimEntry): Promise<void> {
    await this.observe(entry, await this.tip(entry), { awaited: true })
  }

  /** Takes in a tip that was read: fetches what is new in its chain, judges it, and tells the machine. The oids that are new. */
  async observe(entry: ClaimEntry, tip: Oid | null, { awaited }: { readonly awaited: boolean }): Promise<readonly Oid[]> {
    const { table, store, isMember, openRecord } = this.#parts
    const { seen } = entry.lease
    if (tip === null) { table.apply(entry, { kind: 'read', tip: null, awaited }); return [] }
    if (seen.kind === 'tip' && seen.oid === tip) return []
    if (seen.kind === 'quarantined' && seen.oid === tip && !seen.passing) return []
    const known = validTip(entry.lease)
    // Of a ref that is seen for the first time the newest step is enough, unless a push of ours may be further down.
    const limit = known === undefined && entry.lease.pending === undefined ? 2 : HISTORY_MAX
    const history = await store.history(entry.lease.ref, tip, { limit, until: known?.oid })
    if (!history.ok) { this.#quarantine(entry, tip, { reason: history.reason, passing: false }); return [] }
    const passed = history.value.map((commit) => commit.oid)
    const judged = tip === known?.oid ? { ok: true as const, value: known.record } : judgeChain(history.value, { key: entry.lease.key, known, isMember, openRecord })
    if (!judged.ok) { this.#quarantine(entry, tip, judged.reason); return passed }
    table.apply(entry, { kind: 'read', tip: { oid: tip, record: judged.value, passed }, awaited })
    return passed
  }

  /** Finds out what became of an earlier push whose answer was lost. Rejects when the remote still does not answer. */
  async resolve(entry: ClaimEntry): Promise<void> {
    if (entry.lease.pending !== undefined) await this.read(entry)
  }

  /**
   * One move: planned by the machine, its intent durable, then pushed. With `alongside` everything moves in one atomic
   * push or nothing does. Rejects when an earlier unclear push cannot be resolved, or the intent cannot be logged.
   */
  async land(entry: ClaimEntry, move: Move, alongside: readonly RefUpdate[] = []): Promise<Landing> {
    await this.resolve(entry)
    const planned = this.plan(entry, move)
    if (typeof planned === 'string') return { kind: 'not planned', reason: planned }
    const { record, taken } = planned
    const oid = await this.create(entry, record)
    if (!isRenewal(entry.lease, record)) {
      const { ref, key } = entry.lease
      const { epoch, attempt, state, session, parent } = record
      await this.#parts.intents.append({ oid, from: parent, ref, key, epoch, attempt, state, session, alongside: alongside.map(({ ref, to }) => ({ ref, to })) })
    }
    this.#parts.table.apply(entry, { kind: 'sent', oid, record, taken })
    // The self-fence may have struck while the intent was written.
    const still = this.plan(entry, move)
    if (typeof still === 'string') {
      this.#parts.table.apply(entry, { kind: 'missed', oid })
      return { kind: 'not planned', reason: still }
    }
    return this.#push(entry, { ref: entry.lease.ref, from: record.parent, to: oid }, alongside)
  }

  /** The record for a move, or why there is none. */
  plan(entry: ClaimEntry, move: Move): Planned | string {
    for (const effect of this.#parts.table.apply(entry, { kind: 'want', move })) {
      if (effect.kind === 'write') return { record: this.#complete(effect.draft), taken: effect.taken }
      if (effect.kind === 'refuse') return effect.reason
    }
    return 'the machine has no answer'
  }

  /** What is written is checked as others will check it, but for the signature that was just made: a record that they would quarantine never leaves. */
  create(entry: ClaimEntry, record: ClaimRecord): Promise<Oid> {
    const { store, signer, names } = this.#parts
    const message = sealRecord(record, signer, names.mark)
    const read = readRecord(message)
    assert(read.ok, `a record that this node writes is valid: ${read.ok ? '' : read.reason}`)
    const fault = transitionFault(record.parent === null ? null : validTip(entry.lease)?.record ?? null, record)
    assert(fault === undefined, `a move that this node makes is allowed: ${fault}`)
    return store.create({ parent: record.parent, message, atSeconds: record.atSeconds })
  }

  #complete(draft: RecordDraft): ClaimRecord {
    const { clock, entropy } = this.#parts
    return { ...draft, version: 1, nonce: entropy.uuid(), atSeconds: Math.floor(clock.wallMs() / 1_000) }
  }

  /** Pushes once more what was pushed without an answer and moves the claim ref alone. */
  async again(entry: ClaimEntry): Promise<Landing> {
    await this.resolve(entry)
    const { pending, ref } = entry.lease
    if (pending === undefined) return { kind: 'not planned', reason: 'nothing waits for an answer' }
    assert(pending.record.state !== 'delivered', 'a delivery is never pushed without its branch')
    return this.#push(entry, { ref, from: pending.record.parent, to: pending.oid }, [])
  }

  async #push(entry: ClaimEntry, update: RefUpdate & { readonly to: Oid }, alongside: readonly RefUpdate[]): Promise<Landing> {
    const { store, table, clock, stats } = this.#parts
    for (let tries = 1; ; tries += 1) {
      const sentMs = clock.monotonicMs()
      stats.pushes += 1
      const answers = await store.push([update, ...alongside], { atomic: alongside.length > 0 })
      const answer: PushAnswer = answers.get(update.ref) ?? { kind: 'unclear', reason: 'the store gave no answer for the ref' }
      if (answer.kind === 'accepted') {
        table.apply(entry, { kind: 'landed', oid: update.to, sentMs })
        return { kind: 'landed' }
      }
      const blocked = [...answers.values()].find((other) => other.kind === 'in-the-way')
      if (blocked !== undefined) {
        table.apply(entry, { kind: 'missed', oid: update.to })
        return blocked
      }
      if (answer.kind === 'unclear') stats.unclear += 1
      else stats.refused += 1
      const found = await this.#whatHappened(entry, update)
      if (found === 'landed' || found === 'moved') return { kind: found }
      const reason = refusal(answers, update, answer)
      if (found === 'not there' && answer.kind === 'refused' && (alongside.length > 0 || tries >= PUSH_TRIES)) {
        table.apply(entry, { kind: 'missed', oid: update.to })
        return { kind: 'refused', reason }
      }
      if (tries >= PUSH_TRIES) return { kind: 'unclear', reason }
      // The same object is pushed again: if the first try still lands, this one finds it there.
      const { pushAgainMs } = this.#parts.times
      await clock.delay(pushAgainMs * tries + this.#parts.entropy.integer(pushAgainMs))
      // The self-fence may have struck meanwhile: from then on only what lets go is sent.
      const { holding, pending } = entry.lease
      if (holding?.standing === 'fenced' && pending !== undefined && isLeased(pending.record.state)) return { kind: 'unclear', reason: 'the claim was not renewed in time' }
    }
  }

  /** "Refused" alone proves nothing, and "unclear" neither: the ref says whether the record is in its chain. */
  async #whatHappened(entry: ClaimEntry, update: RefUpdate & { readonly to: Oid }): Promise<'landed' | 'moved' | 'not there' | 'unknown'> {
    try {
      const tip = await this.tip(entry)
      if (tip === update.from) return 'not there'
      const passed = await this.observe(entry, tip, { awaited: true })
      return passed.includes(update.to) ? 'landed' : 'moved'
    } catch (thrown) {
      if (isUnavailable(thrown)) return 'unknown'
      throw thrown
    }
  }

  #quarantine(entry: ClaimEntry, oid: Oid, fault: { readonly reason: string; readonly passing: boolean }): void {
    const fresh = entry.lease.seen.kind !== 'quarantined' || entry.lease.seen.oid !== oid
    if (fresh) this.#parts.stats.quarantined += 1
    this.#parts.table.apply(entry, { kind: 'junk', oid, ...fault })
  }
}

/** Of an atomic push that was refused whole, the ref that is to blame. */
const refusal = (answers: ReadonlyMap<string, PushAnswer>, update: RefUpdate, answer: PushAnswer): string => {
  assert(answer.kind === 'refused' || answer.kind === 'unclear', 'only a push that failed has a reason')
  if (answer.kind === 'unclear') return answer.reason
  for (const [ref, other] of answers) {
    if (ref !== update.ref && other.kind === 'refused' && !other.reason.includes('atomic')) return `${ref}: ${other.reason}`
  }
  return `${update.ref}: ${answer.reason}`
}
