import { messageOf } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { Clock, Logger, PushAnswer, RefStore } from '../../ports/mod.ts'
import { isRenewal } from './lease.ts'
import type { ClaimRemote } from './remote.ts'
import type { ClaimRecord } from './record.ts'
import type { ClaimTimes } from './settings.ts'
import type { ClaimStats } from './stats.ts'
import type { ClaimEntry, ClaimTable } from './table.ts'

export interface KeeperParts {
  readonly store: RefStore
  readonly clock: Clock
  readonly logger: Logger
  readonly times: ClaimTimes
  readonly table: ClaimTable
  readonly remote: ClaimRemote
  readonly stats: ClaimStats
}

/** Renewals in one push, at most: a pack of small commits that any host takes. */
const PUSH_MAX = 100

/** Keeps this session's leases alive, and stops their work when it cannot. One timer, armed while it runs. */
export class LeaseKeeper {
  readonly #parts: KeeperParts
  #disarm: (() => void) | undefined
  #running = false
  /** When the next tick is due. */
  #dueMs = 0
  #lastTryMs = -Infinity
  #renewing: Promise<void> | undefined

  constructor(parts: KeeperParts) { this.#parts = parts }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#arm()
  }

  /** No more ticks; resolves when the renewal that is under way has ended. */
  async stop(): Promise<void> {
    this.#running = false
    this.#disarm?.()
    await this.#renewing
  }

  /** All leases of this session that are not moving now, in one push that is not atomic, judged ref by ref. */
  renewAll(): Promise<void> {
    this.#lastTryMs = this.#parts.clock.monotonicMs()
    this.#renewing ??= this.#renewRound().finally(() => { this.#renewing = undefined })
    return this.#renewing
  }

  #arm(): void {
    if (!this.#running) return
    const { clock, times, table } = this.#parts
    // Who holds nothing needs to look only so often that a claim which it wins is renewed in time.
    const waitMs = table.entries().some((entry) => entry.lease.holding !== undefined) ? times.tickMs : times.idleTickMs
    this.#dueMs = clock.monotonicMs() + waitMs
    this.#disarm = clock.arm(waitMs, () => { this.#tick(); this.#arm() })
  }

  #tick(): void {
    const { clock, table, times, logger } = this.#parts
    const now = clock.monotonicMs()
    const jumped = now - this.#dueMs + times.tickMs >= times.jumpMs
    let due = false
    for (const entry of table.entries()) {
      if (entry.lease.holding === undefined) continue
      for (const effect of table.apply(entry, { kind: 'tick', jumped })) due ||= effect.kind === 'renew'
    }
    if (!due || this.#renewing !== undefined || (!jumped && now - this.#lastTryMs < times.againMs)) return
    this.renewAll().catch((thrown: unknown) => {
      // Tried again after `againMs`; without an answer in time the leases fence themselves.
      logger.warn('leases could not be renewed', { error: messageOf(thrown) })
    })
  }

  async #renewRound(): Promise<void> {
    const idle = this.#parts.table.entries().filter((entry) => entry.lease.holding?.standing === 'good' && !entry.lane.busy)
    for (let from = 0; from < idle.length; from += PUSH_MAX) {
      const leaving: (() => void)[] = []
      const batch = idle.slice(from, from + PUSH_MAX).filter((entry) => {
        const leave = entry.lane.tryEnter()
        if (leave !== undefined) leaving.push(leave)
        return leave !== undefined
      })
      try {
        await this.#renewBatch(batch)
      } finally {
        for (const leave of leaving) leave()
      }
    }
  }

  async #renewBatch(entries: readonly ClaimEntry[]): Promise<void> {
    const { store, clock, table, stats } = this.#parts
    const unresolved = entries.filter((entry) => entry.lease.pending !== undefined)
    if (unresolved.length > 0) await this.#readBack(unresolved)
    const prepared = await Promise.all(entries.filter((entry) => entry.lease.holding?.standing === 'good').map((entry) => this.#prepare(entry)))
    const renewals = prepared.filter((renewal) => renewal !== undefined)
    if (renewals.length === 0) return
    const sentMs = clock.monotonicMs()
    stats.renewalPushes += 1
    const answers = await store.push(renewals.map(({ entry, oid, record }) => ({ ref: entry.lease.ref, from: record.parent, to: oid })), { atomic: false })
    const open: ClaimEntry[] = []
    for (const { entry, oid } of renewals) {
      const answer: PushAnswer = answers.get(entry.lease.ref) ?? { kind: 'unclear', reason: 'no answer for the ref' }
      if (answer.kind === 'accepted') {
        stats.renewals += 1
        table.apply(entry, { kind: 'landed', oid, sentMs })
        continue
      }
      if (answer.kind === 'unclear') stats.unclear += 1
      else stats.refused += 1
      open.push(entry)
    }
    if (open.length > 0) await this.#readBack(open)
  }

  /** A renewal whose answer was lost is pushed again as it is: if it still lands by itself, nothing else can. */
  async #prepare(entry: ClaimEntry): Promise<Renewal | undefined> {
    const { pending } = entry.lease
    if (pending !== undefined && isRenewal(entry.lease, pending.record)) return { entry, oid: pending.oid, record: pending.record }
    const planned = this.#parts.remote.plan(entry, { kind: 'renew' })
    if (typeof planned === 'string') return undefined
    const oid = await this.#parts.remote.create(entry, planned.record)
    this.#parts.table.apply(entry, { kind: 'sent', oid, record: planned.record, taken: undefined })
    return { entry, oid, record: planned.record }
  }

  /** What the refs say of pushes that were not accepted: landed all the same, moved by another, or still to be tried. */
  async #readBack(entries: readonly ClaimEntry[]): Promise<void> {
    const { store, remote, stats } = this.#parts
    const [only] = entries
    const tips = await store.tips(entries.length === 1 && only !== undefined ? only.lease.ref : commonPrefix(entries))
    for (const entry of entries) {
      const pending = entry.lease.pending?.oid
      const passed = await remote.observe(entry, tips.get(entry.lease.ref) ?? null, { awaited: true })
      if (pending !== undefined && passed.includes(pending)) stats.renewals += 1
    }
  }
}

interface Renewal {
  readonly entry: ClaimEntry
  readonly oid: Oid
  readonly record: ClaimRecord
}

const commonPrefix = (entries: readonly ClaimEntry[]): string => {
  const ref = entries[0]?.lease.ref ?? ''
  return ref.slice(0, ref.lastIndexOf('/') + 1)
}
