import { canonicalJson, ChorusError, fail, messageOf } from '../../core/mod.ts'
import type { Json, Oid, RefName, Result, SessionId, TaskKey } from '../../core/mod.ts'
import type { RefUpdate } from '../../ports/mod.ts'
import { isUnavailable } from './availability.ts'
import type { AdoptedClaim, ClaimsComponents, ClaimsInit, DeliverAnswer } from './contract.ts'
import { EndedList } from './ended.ts'
import type { ClaimEvent } from './events.ts'
import { ClaimHousekeeping } from './housekeeping.ts'
import type { IntentOutcome, SettledIntent } from './intents.ts'
import { claimView } from './judgement.ts'
import type { ClaimView } from './judgement.ts'
import { LeaseKeeper } from './keeper.ts'
import { CLAIMS_ROOT, claimNames } from './leaf.ts'
import type { ClaimNames } from './leaf.ts'
import { isLeased } from './lease.ts'
import type { Lease, Self, Witnesses } from './lease.ts'
import { ClaimMoves, isDone } from './moves.ts'
import { openRecord, RESULT_BYTES_MAX } from './record.ts'
import { ClaimRemote } from './remote.ts'
import { claimTimes } from './settings.ts'
import { settleIntents, watchOwnClaims } from './start-up.ts'
import { newStats } from './stats.ts'
import type { ClaimStats } from './stats.ts'
import { ClaimTable } from './table.ts'
import type { Claim } from './table.ts'

const READS_AT_ONCE = 64

/**
 * The claims of one repository (docs/protocol.md §3). Anything may be called at any time and concurrently: moves of one
 * task wait for each other. Moves reject with REMOTE_UNAVAILABLE when it cannot be known whether they happened, and
 * with the log's own error when the intent could not be made durable (then nothing was pushed).
 */
export class Claims {
  readonly stats: ClaimStats = newStats()
  readonly #components: ClaimsComponents
  readonly #names: ClaimNames
  readonly #self: Self
  readonly #table: ClaimTable
  readonly #remote: ClaimRemote
  readonly #keeper: LeaseKeeper
  readonly #moves: ClaimMoves
  readonly #housekeeping: ClaimHousekeeping
  readonly #ended: EndedList
  readonly #listeners = new Set<(event: ClaimEvent) => void>()
  readonly #settling = new Set<Promise<void>>()
  #settled: Promise<readonly SettledIntent[]> | undefined
  /** Claims of the last run may still be there. */
  #unadopted = false
  #draining = false

  constructor(components: ClaimsComponents, init: ClaimsInit = {}) {
    const { session, namespace, ...settings } = init
    const { store, signer, clock, entropy, logger, intents } = components
    this.#components = components
    this.#names = claimNames(namespace ?? CLAIMS_ROOT)
    this.#self = { node: signer.node, session: session ?? entropy.fork('session').uuid() as SessionId }
    const [times, names, stats] = [claimTimes(settings), this.#names, this.stats]
    const table = this.#table = new ClaimTable({
      self: this.#self, times, names, clock,
      emit: (event) => { this.#emit(event) },
      settle: (oid, outcome) => { this.#settle(oid, outcome) },
    })
    const remote = this.#remote = new ClaimRemote({ store, signer, clock, entropy, intents, names, table, stats, times, isMember: (node) => components.isMember(node), openRecord: components.openRecord ?? openRecord })
    const ended = this.#ended = new EndedList(store, names)
    this.#moves = new ClaimMoves({
      table, remote, ended, times, self: this.#self, clock, logger, stats,
      emit: (event) => { this.#emit(event) }, witnesses: (lease) => this.#witnesses(lease),
    })
    this.#housekeeping = new ClaimHousekeeping({ table, remote, ended, times, self: this.#self, store, signer, clock, entropy, names, logger })
    this.#keeper = new LeaseKeeper({ store, clock, logger, times, table, remote, stats })
  }

  /**
   * Settles what an earlier process left open, gives back what it held, and begins to renew. A remote that does not
   * answer delays the first two to the first read that succeeds; nothing is claimed before.
   */
  async start(): Promise<void> {
    this.#draining = false
    this.#keeper.start()
    this.#unadopted = true
    try {
      await this.#giveBackOld()
    } catch (thrown) {
      if (!isUnavailable(thrown)) { await this.#keeper.stop(); throw thrown }
      this.#components.logger.warn('claims wait for the repository', { error: messageOf(thrown) })
    }
  }

  /** No new claims; resolves when the moves under way have ended. Leases go on being renewed. */
  async drain(): Promise<void> {
    this.#draining = true
    await Promise.all(this.#table.entries().map((entry) => entry.lane.idle()))
    await Promise.all(this.#settling)
  }

  /** No more renewals: what is still held expires by itself. */
  async stop(): Promise<void> {
    this.#draining = true
    await this.#keeper.stop()
    await this.drain()
  }

  /** Returns what takes the listener away again. */
  onEvent(listener: (event: ClaimEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  track(keys: readonly TaskKey[]): void {
    for (const key of keys) this.#table.entry(key)
  }

  view(key: TaskKey): ClaimView {
    const lease = this.#table.find(key)?.lease ?? this.#table.unknown(key)
    const view = claimView(lease, this.#components.clock.monotonicMs(), this.#witnesses(lease))
    const { fault } = this.#ended
    return fault !== undefined && view.state === 'free' && view.claimable ? { ...view, claimable: false, notClaimableBecause: fault } : view
  }

  /** Claims held or delivered by this session and renewed in time. */
  mine(): readonly Claim[] {
    return this.#table.entries().flatMap((entry) => entry.lease.holding?.standing === 'good' && entry.claim !== undefined ? [entry.claim] : [])
  }

  /** Tips that nobody may claim over until a person has looked: for `doctor`. */
  quarantined(): readonly { readonly key: TaskKey; readonly ref: RefName; readonly oid: Oid; readonly reason: string }[] {
    return this.#table.entries().flatMap(({ lease: { key, ref, seen } }) => seen.kind === 'quarantined' ? [{ key, ref, oid: seen.oid, reason: seen.reason }] : [])
  }

  /** One read of all tips; the chains of those that changed; then gives back what landed after it was given up. */
  async refresh(): Promise<void> {
    const { store, logger, clock } = this.#components
    await this.settle()
    await this.#giveBackOld()
    this.stats.refreshes += 1
    const before = this.#table.entries().map((entry) => ({ entry, version: entry.version }))
    const askedMs = clock.monotonicMs()
    const tips = await store.tips(this.#names.prefix)
    // Most have not moved: they need no turn of their own.
    const news = before.filter(({ entry }) => this.#table.find(entry.lease.key) === entry && isNews(entry.lease, tips.get(entry.lease.ref)))
    for (let from = 0; from < news.length; from += READS_AT_ONCE) {
      await Promise.all(news.slice(from, from + READS_AT_ONCE).map(async ({ entry, version }) => {
        // Whoever is moving it, or has moved it since, knows more than this read.
        const leave = entry.version === version ? entry.lane.tryEnter() : undefined
        if (leave === undefined) return
        try {
          await this.#remote.observe(entry, tips.get(entry.lease.ref) ?? null, { awaited: false })
        } catch (thrown) {
          // Seen as it was until the next read; a compare-and-swap on what is out of date is refused.
          if (!isUnavailable(thrown)) throw thrown
          logger.debug('a claim could not be read', { ref: entry.lease.ref })
        } finally {
          leave()
        }
      }))
    }
    for (const entry of this.#table.entries()) {
      const { holding } = entry.lease
      if (holding !== undefined && holding.standing !== 'good') await this.#moves.giveBack(entry)
    }
    const fault = await this.#ended.look(tips, askedMs)
    if (fault !== undefined) logger.warn('the list of ended claims cannot be trusted: no new claim is made', { ref: this.#names.ended, reason: fault })
  }

  /** First claim, re-claim, takeover of what expired, or of delivered work whose provider part is left (`claim.takenDelivered`). */
  async acquire(key: TaskKey): Promise<Result<Claim>> {
    return await this.#whenOpen() ?? this.#moves.acquire(this.#table.entry(key))
  }

  /** What this node parked, held again. */
  async resume(key: TaskKey): Promise<Result<Claim>> {
    return await this.#whenOpen() ?? this.#moves.resume(this.#table.entry(key))
  }

  /**
   * The claim ref and the refs alongside move in one atomic push, or nothing does. `result`: plain JSON, at most 4 KiB.
   * `delivered` also when an earlier unclear try of this claim was: `claim.result` says what is delivered.
   */
  async deliver(claim: Claim, delivery: { readonly result: unknown; readonly alongside: readonly RefUpdate[] }): Promise<DeliverAnswer> {
    const result = boundedResult(delivery.result)
    const landing = await this.#moves.withMine(claim, 'delivered', { move: { kind: 'deliver', result }, alongside: delivery.alongside })
    switch (landing.kind) {
      case 'landed': return { kind: 'delivered' }
      case 'moved': return { kind: 'superseded' }
      case 'not planned': return { kind: 'refused', reason: landing.reason }
      case 'refused': case 'in-the-way': case 'unclear': return landing
    }
  }

  /** False when another has it now. */
  finish(claim: Claim): Promise<boolean> { return this.#moves.letGo(claim, 'done', { kind: 'finish' }) }

  /**
   * True also when the last attempt made it `escalated` (see the view), and of delivered work, which is only left to be
   * finished by anyone when the lease has run out. False when another has it now.
   */
  async release(claim: Claim, why: { readonly reason: string; readonly countsAsAttempt: boolean; readonly retryAfterMs?: number | undefined }): Promise<boolean> {
    if (claim.state === 'delivered') return this.#moves.leave(claim)
    return this.#moves.letGo(claim, 'released', { kind: 'release', ...why })
  }

  /** Until a person resumes or resets it; with `retryAfterMs` anyone may take it up after that. */
  park(claim: Claim, why: { readonly reason: string; readonly retryAfterMs?: number | undefined }): Promise<boolean> {
    return this.#moves.letGo(claim, 'parked', { kind: 'park', ...why })
  }

  escalate(claim: Claim, why: { readonly reason: string }): Promise<boolean> {
    return this.#moves.letGo(claim, 'escalated', { kind: 'escalate', ...why })
  }

  /** One claim, now: what precedes a write to the provider. False when it is not this session's any more. */
  async renew(claim: Claim): Promise<boolean> {
    const landing = await this.#moves.withMine(claim, undefined, { move: { kind: 'renew' } })
    if (landing.kind === 'landed') this.stats.renewals += 1
    return isDone(landing)
  }

  renewAll(): Promise<void> { return this.#keeper.renewAll() }

  /** What became of the intents of an earlier process; once per process, repeated until the remote has answered. */
  settle(): Promise<readonly SettledIntent[]> {
    this.#settled ??= settleIntents(this.#components.intents, this.#components.store, this.#names).catch((thrown: unknown) => {
      this.#settled = undefined
      throw thrown
    })
    return this.#settled
  }

  /** Claims of earlier sessions of this node, all tasks of the repository included: taken over (next epoch), given back, or left. */
  async adopt(decide: (view: ClaimView, key: TaskKey) => 'take over' | 'release' | 'leave'): Promise<readonly AdoptedClaim[]> {
    await this.settle()
    await watchOwnClaims(this.#table, this.#components.store, { names: this.#names, self: this.#self, openRecord: this.#components.openRecord ?? openRecord })
    await this.refresh()
    return this.#housekeeping.adopt(({ lease: { key } }) => decide(this.view(key), key))
  }

  /** A person starts the task afresh, from parked, escalated or released; with `rework` also from delivered and done. */
  retry(key: TaskKey, options: { readonly reason?: string; readonly rework?: boolean } = {}): Promise<Result<undefined>> {
    const { reason = 'a person asked to try again', rework = false } = options
    return this.#housekeeping.retry(this.#table.entry(key), { reason, rework })
  }

  /** Deletes the refs of closed tasks that ended long ago; their last epochs go to the list of ended claims. */
  async prune(options: { readonly closedKeys: readonly TaskKey[]; readonly olderThanMs: number }): Promise<readonly TaskKey[]> {
    this.track(options.closedKeys)
    await this.refresh()
    const pruned = await this.#housekeeping.prune(options.closedKeys.flatMap((key) => this.#table.find(key) ?? []), options.olderThanMs)
    if (pruned.length > 0) this.#emit({ kind: 'claims_pruned', keys: pruned })
    return pruned
  }

  /** A person's act: removes a quarantined tip, so that the task can be claimed again, after its last valid epoch. */
  clear(key: TaskKey): Promise<Result<undefined>> { return this.#housekeeping.clear(this.#table.entry(key)) }

  /** After a start: held claims of the last run are released, delivered ones left to be finished. Until it has happened once. */
  async #giveBackOld(): Promise<void> {
    if (!this.#unadopted) return
    this.#unadopted = false
    try {
      await this.adopt((view) => view.state === 'held' ? 'release' : 'leave')
    } catch (thrown) {
      this.#unadopted = true
      throw thrown
    }
  }

  /** Undefined when claims may be taken: not draining, and the last run's intents settled. */
  async #whenOpen(): Promise<Result<Claim> | undefined> {
    if (this.#draining) return fail('this node takes no new claims')
    try {
      await this.settle()
      return undefined
    } catch (thrown) {
      if (isUnavailable(thrown)) return fail(messageOf(thrown))
      throw thrown
    }
  }

  #witnesses(lease: Lease): Witnesses {
    const { seen } = lease
    if (seen.kind !== 'tip' || !isLeased(seen.record.state) || seen.record.node === this.#self.node) return NOBODY
    return this.#components.holderUnreachable(seen.record.node)
  }

  #settle(oid: Oid, outcome: IntentOutcome): void {
    const done = this.#components.intents.settled(oid, outcome).catch((thrown: unknown) => {
      // The move stands whatever the log says of it; an intent left open is settled at the next start.
      this.#components.logger.warn('an intent could not be settled', { error: messageOf(thrown) })
    }).finally(() => { this.#settling.delete(done) })
    this.#settling.add(done)
  }

  #emit(event: ClaimEvent): void {
    if (event.kind === 'claim_superseded') this.stats.superseded += 1
    if (event.kind === 'claim_unrenewed') this.stats.unrenewed += 1
    if (event.kind === 'tip_quarantined') this.#components.logger.warn('a claim ref is quarantined', { ref: event.ref, oid: event.oid })
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (thrown) {
        // Observers change no outcome.
        this.#components.logger.warn('a listener failed', { event: event.kind, error: messageOf(thrown) })
      }
    }
  }
}

/** Whether a read of the ref tells the machine anything. */
const isNews = ({ seen, pending }: Lease, tip: Oid | undefined): boolean => {
  switch (seen.kind) {
    case 'unread': return true
    case 'absent': return tip !== undefined || pending !== undefined
    case 'tip': return tip !== seen.oid
    case 'quarantined': return tip !== seen.oid || seen.passing
  }
}

const NOBODY: Witnesses = { witnesses: 0, others: 0 }

const boundedResult = (result: unknown): Json => {
  const text = canonicalJson(result)
  const bytes = Buffer.byteLength(text)
  if (bytes > RESULT_BYTES_MAX) throw new ChorusError('LIMIT_EXCEEDED', `a result of at most ${RESULT_BYTES_MAX} bytes expected, got ${bytes}`)
  return JSON.parse(text) as Json
}
