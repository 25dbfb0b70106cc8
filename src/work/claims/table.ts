import { ChorusError } from '../../core/mod.ts'
import type { Epoch, Json, Oid, RefName, TaskKey } from '../../core/mod.ts'
import type { Clock } from '../../ports/mod.ts'
import type { ClaimEvent } from './events.ts'
import type { IntentOutcome } from './intents.ts'
import { Lane } from './lane.ts'
import type { ClaimNames } from './leaf.ts'
import { newLease } from './lease.ts'
import type { Lease, Self } from './lease.ts'
import type { ClaimRecord } from './record.ts'
import { stepLease } from './machine.ts'
import type { LeaseEffect, LeaseInput } from './machine.ts'
import type { ClaimTimes } from './settings.ts'

/** A claim of this session, alive until it is let go, superseded or unrenewed. */
export interface Claim {
  readonly key: TaskKey
  readonly ref: RefName
  readonly epoch: Epoch
  readonly attempt: number
  /** The tip now: it changes with every renewal. */
  readonly oid: Oid
  /** `delivered`: only the provider part is left to do, of `result`. */
  readonly state: 'held' | 'delivered'
  readonly result: Json | undefined
  /** Another delivered it: this claim can only finish. */
  readonly takenDelivered: boolean
  /** Aborted with the reason `superseded` or `unrenewed`: stop the work and all provider writes. */
  readonly signal: AbortSignal
}

export interface ClaimEntry {
  lease: Lease
  /** Grows with everything that is learned: tells a read that it is out of date. */
  version: number
  claim: LiveClaim | undefined
  readonly lane: Lane
}

export interface TableParts {
  readonly self: Self
  readonly times: ClaimTimes
  readonly names: ClaimNames
  readonly clock: Clock
  readonly emit: (event: ClaimEvent) => void
  readonly settle: (oid: Oid, outcome: IntentOutcome) => void
}

const ENTRIES_MAX = 10_000

/** The lease machines of all tasks that are watched; carries out the effects that need no remote. */
export class ClaimTable {
  readonly #parts: TableParts
  readonly #entries = new Map<TaskKey, ClaimEntry>()

  constructor(parts: TableParts) { this.#parts = parts }

  entries(): readonly ClaimEntry[] { return [...this.#entries.values()] }

  find(key: TaskKey): ClaimEntry | undefined { return this.#entries.get(key) }

  entry(key: TaskKey): ClaimEntry {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    this.#makeRoom()
    const entry: ClaimEntry = { lease: this.unknown(key), version: 0, claim: undefined, lane: new Lane() }
    this.#entries.set(key, entry)
    return entry
  }

  unknown(key: TaskKey): Lease {
    const { self, times, names } = this.#parts
    return newLease(key, names.claim(key), { self, times })
  }

  /** Steps the machine. Effects that need the remote (write, refuse, renew, yield) are the caller's. */
  apply(entry: ClaimEntry, input: LeaseInput): readonly LeaseEffect[] {
    const { state, effects } = stepLease(entry.lease, input, this.#parts.clock.monotonicMs())
    entry.lease = state
    if (input.kind !== 'want' && input.kind !== 'tick') entry.version += 1
    for (const effect of effects) if (effect.kind === 'abort') entry.claim?.abort(effect.reason)
    this.#follow(entry)
    for (const effect of effects) {
      if (effect.kind === 'emit') this.#parts.emit(effect.event)
      else if (effect.kind === 'settle') this.#parts.settle(effect.oid, effect.outcome)
    }
    return effects
  }

  #follow(entry: ClaimEntry): void {
    const { seen, holding } = entry.lease
    if (holding === undefined || holding.standing === 'late' || seen.kind !== 'tip') {
      entry.claim = undefined
      return
    }
    if (entry.claim?.epoch === seen.record.epoch) entry.claim.follow(seen)
    else entry.claim = new LiveClaim(entry.lease.ref, seen)
  }

  #makeRoom(): void {
    if (this.#entries.size < ENTRIES_MAX) return
    const idle = this.entries().find((entry) => entry.lease.holding === undefined && entry.lease.pending === undefined && !entry.lane.busy)
    if (idle === undefined) throw new ChorusError('LIMIT_EXCEEDED', `at most ${ENTRIES_MAX} claims are watched at once`)
    this.#entries.delete(idle.lease.key)
  }
}

/** The `Claim` that callers hold; it follows the tip while the claim is theirs and keeps the last one after. */
export class LiveClaim implements Claim {
  readonly ref: RefName
  readonly takenDelivered: boolean
  readonly #abort = new AbortController()
  #oid: Oid
  #record: ClaimRecord

  constructor(ref: RefName, tip: { readonly oid: Oid; readonly record: ClaimRecord }) {
    this.ref = ref
    this.takenDelivered = tip.record.state === 'delivered'
    this.#oid = tip.oid
    this.#record = tip.record
  }

  get signal(): AbortSignal { return this.#abort.signal }
  get oid(): Oid { return this.#oid }
  get key(): TaskKey { return this.#record.key }
  get epoch(): Epoch { return this.#record.epoch }
  get attempt(): number { return this.#record.attempt }
  get state(): 'held' | 'delivered' { return this.#record.state === 'delivered' ? 'delivered' : 'held' }
  get result(): Json | undefined { return this.#record.result }

  follow(tip: { readonly oid: Oid; readonly record: ClaimRecord }): void {
    this.#oid = tip.oid
    this.#record = tip.record
  }

  abort(reason: 'superseded' | 'unrenewed'): void { this.#abort.abort(reason) }
}
