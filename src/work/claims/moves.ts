import { BoundedMap, ChorusError, fail, messageOf, ok } from '../../core/mod.ts'
import type { Result, TaskKey } from '../../core/mod.ts'
import type { Clock, Logger, RefUpdate } from '../../ports/mod.ts'
import { isUnavailable, unavailable } from './availability.ts'
import type { EndedList } from './ended.ts'
import type { ClaimEvent } from './events.ts'
import { claimable } from './judgement.ts'
import { isLeased } from './lease.ts'
import type { Lease, Self, Witnesses } from './lease.ts'
import type { Move } from './move.ts'
import type { ClaimRemote, Landing } from './remote.ts'
import type { ClaimState } from './record.ts'
import type { ClaimTimes } from './settings.ts'
import type { ClaimStats } from './stats.ts'
import type { Claim, ClaimEntry, ClaimTable } from './table.ts'
import { isSameOwner } from './transition.ts'

export interface MovesParts {
  readonly table: ClaimTable
  readonly remote: ClaimRemote
  readonly ended: EndedList
  readonly times: ClaimTimes
  readonly self: Self
  readonly clock: Clock
  readonly logger: Logger
  readonly stats: ClaimStats
  readonly emit: (event: ClaimEvent) => void
  readonly witnesses: (lease: Lease) => Witnesses
}

const COMPLAINTS_MAX = 1_000

/** Taking a claim, moving on what is held, and letting go: each inside the task's lane, lost answers of earlier tries first. */
export class ClaimMoves {
  readonly #parts: MovesParts
  /** What was last said of a task that cannot be claimed: a remote that refuses would fill the log otherwise. */
  readonly #complaints = new BoundedMap<TaskKey, string>(COMPLAINTS_MAX)

  constructor(parts: MovesParts) { this.#parts = parts }

  acquire(entry: ClaimEntry): Promise<Result<Claim>> {
    const { remote, ended, clock, witnesses } = this.#parts
    return this.#take(entry, async () => {
      if (entry.lease.seen.kind === 'unread') await remote.read(entry)
      const judged = claimable(entry.lease, clock.monotonicMs(), witnesses(entry.lease))
      // Before the lease has ended: only if the remote answers now, and the tip is where it was.
      if (judged.yes && judged.taken === 'unreachable') await remote.read(entry)
      // What was added since the last look is found after the push, before any work: no second exchange for it here.
      if (judged.yes && judged.taken === 'first' && !ended.isKnown) await ended.read()
      return { kind: 'acquire', endedEpoch: ended.epochOf(entry.lease.key), unreachable: witnesses(entry.lease) }
    })
  }

  resume(entry: ClaimEntry): Promise<Result<Claim>> {
    return this.#take(entry, async () => {
      await this.#parts.remote.read(entry)
      return { kind: 'resume' }
    })
  }

  /** A move of a claim that the caller holds; `moved` when it does not any more. `state`: what the move makes of it, if anything. */
  withMine(claim: Claim, state: ClaimState | undefined, want: { readonly move: Move; readonly alongside?: readonly RefUpdate[] }): Promise<Landing> {
    const { table, remote } = this.#parts
    const entry = table.find(claim.key)
    if (entry === undefined) return Promise.resolve({ kind: 'moved' })
    return entry.lane.run(async () => {
      await remote.resolve(entry)
      // An earlier try did it, and its answer was lost. (What another had delivered is no such try.)
      const mayStand = state !== undefined && !(state === 'delivered' && claim.takenDelivered)
      if (mayStand && this.#stands(entry, claim, state)) return { kind: 'landed' }
      if (entry.claim !== claim) return { kind: 'moved' }
      const landing = await remote.land(entry, want.move, want.alongside)
      return landing.kind === 'moved' && mayStand && this.#stands(entry, claim, state) ? { kind: 'landed' } : landing
    })
  }

  /** As `withMine`, for callers that let go: true when it happened, false when another has it. */
  async letGo(claim: Claim, state: ClaimState, move: Move): Promise<boolean> {
    const entry = this.#parts.table.find(claim.key)
    try {
      const landing = await this.withMine(claim, state, { move })
      if (landing.kind === 'landed' || landing.kind === 'moved') return landing.kind === 'landed'
      throw landing.kind === 'not planned' ? new ChorusError('INTERNAL', `a claim cannot be ${state}: ${landing.reason}`) : unavailable(failureOf(landing))
    } catch (thrown) {
      // The caller lets go whatever the answer: it is not renewed any more, and given back at the next refresh.
      if (move.kind !== 'finish' && entry?.claim === claim) this.#parts.table.apply(entry, { kind: 'disowned' })
      throw thrown
    }
  }

  /** Not renewed any more from now on: the lease runs out. */
  async leave(claim: Claim): Promise<boolean> {
    const { table } = this.#parts
    const entry = table.find(claim.key)
    return await entry?.lane.run(() => {
      const mine = entry.claim === claim
      if (mine) table.apply(entry, { kind: 'disowned' })
      return Promise.resolve(mine)
    }) ?? false
  }

  /** Ends what landed after it was given up, could not be let go when it was asked, or was not renewed in time: others need not wait for the lease. */
  async giveBack(entry: ClaimEntry): Promise<void> {
    await entry.lane.run(async () => {
      const { holding, pending, seen } = entry.lease
      if (holding === undefined || holding.standing === 'good') return
      // Delivered work is not given back: its lease runs out, and anyone finishes it.
      if (pending === undefined && seen.kind === 'tip' && seen.record.state === 'delivered') return
      const waits = pending !== undefined && !isLeased(pending.record.state)
      const landing = waits ? await this.#parts.remote.again(entry) : await this.#parts.remote.land(entry, GIVEN_BACK)
      if (!isDone(landing)) this.#parts.logger.debug('a claim is given back later', { ref: entry.lease.ref, reason: failureOf(landing) })
    })
  }

  async #take(entry: ClaimEntry, moveFor: () => Promise<Move>): Promise<Result<Claim>> {
    const { remote, stats, emit } = this.#parts
    try {
      return await entry.lane.run(async () => {
        if (isGood(entry)) return fail('this node holds it already')
        await remote.resolve(entry)
        // What an earlier try had won without knowing it.
        if (isGood(entry)) return await this.#confirmed(entry)
        const move = await moveFor()
        const landing = await remote.land(entry, move)
        if (landing.kind !== 'not planned') stats.acquirePushes += 1
        if (isDone(landing)) return await this.#confirmed(entry)
        if (landing.kind === 'refused' || landing.kind === 'unclear') this.#complain(entry, landing.reason)
        if (landing.kind === 'moved') emit({ kind: 'claim_lost', key: entry.lease.key, reason: 'another was faster' })
        return fail(failureOf(landing))
      })
    } catch (thrown) {
      if (isUnavailable(thrown) || (thrown instanceof ChorusError && thrown.code === 'REPOSITORY_INVALID')) return fail(messageOf(thrown))
      throw thrown
    }
  }

  /** Not outrun, but kept from it: by the rights or the rules of the remote, say. A person has to know. */
  #complain({ lease: { key, ref } }: ClaimEntry, reason: string): void {
    if (this.#complaints.get(key) === reason) return
    this.#complaints.set(key, reason)
    this.#parts.logger.warn('a task cannot be claimed', { ref, reason })
  }

  /** Whoever made the ref looks once more whether an ended chain of the task has come further, before working, unless it has just looked. */
  async #confirmed(entry: ClaimEntry): Promise<Result<Claim>> {
    const { table, remote, ended, stats, times, clock } = this.#parts
    const { seen, key, ref } = entry.lease
    const vouched = (): boolean => ended.vouches(ref, clock.monotonicMs() - times.freshMs)
    if (isGood(entry) && seen.kind === 'tip' && seen.record.parent === null && !vouched()) {
      try {
        await ended.read()
        const endedEpoch = ended.epochOf(key)
        const landing: Landing = endedEpoch < seen.record.epoch ? { kind: 'landed' } : await remote.land(entry, { kind: 'continue', endedEpoch })
        if (landing.kind !== 'landed' && landing.kind !== 'moved') throw unavailable(failureOf(landing))
      } catch (thrown) {
        table.apply(entry, { kind: 'disowned' })
        throw thrown
      }
    }
    if (entry.claim === undefined || !isGood(entry)) return fail(lostBecause(entry))
    stats.acquireWins += 1
    return ok(entry.claim)
  }

  #stands(entry: ClaimEntry, claim: Claim, state: ClaimState): boolean {
    const { seen } = entry.lease
    return seen.kind === 'tip' && seen.record.state === state && seen.record.epoch === claim.epoch && isSameOwner(seen.record, this.#parts.self)
  }
}

const GIVEN_BACK: Move = { kind: 'release', reason: 'given back: whoever asked for it had let go', countsAsAttempt: false }

export const isDone = (landing: Landing): boolean => landing.kind === 'landed'

export const failureOf = (landing: Landing): string => {
  switch (landing.kind) {
    case 'landed': return ''
    case 'moved': return 'another holds it'
    case 'in-the-way': return `changes in the way: ${landing.paths.slice(0, 5).join(', ')}`
    case 'not planned': case 'refused': case 'unclear': return landing.reason
  }
}

const isGood = (entry: ClaimEntry): boolean => entry.lease.holding?.standing === 'good'

/** Of a move that landed and left nothing to hold: the epochs were used up, or another was there at once. */
const lostBecause = (entry: ClaimEntry): string => {
  const { seen } = entry.lease
  return seen.kind === 'tip' && seen.record.state === 'escalated' ? `it waits for a person: ${seen.record.reason ?? 'escalated'}` : 'it was lost again at once'
}
