import { fail, ok } from '../../core/mod.ts'
import type { Result, TaskKey } from '../../core/mod.ts'
import type { Logger } from '../../ports/mod.ts'
import type { AdoptedClaim } from './contract.ts'
import { isLeased } from './lease.ts'
import type { Self } from './lease.ts'
import { failureOf, isDone } from './moves.ts'
import { endClaims, inBatches, prunable } from './pruning.ts'
import type { PruneParts } from './pruning.ts'
import type { ClaimEntry, ClaimTable } from './table.ts'
import { isSameOwner } from './transition.ts'

export interface HousekeepingParts extends PruneParts {
  readonly table: ClaimTable
  readonly self: Self
  readonly logger: Logger
}

/** What is not work: claims of earlier sessions, a person's resets, pruning. Callers have refreshed before. */
export class ClaimHousekeeping {
  readonly #parts: HousekeepingParts

  constructor(parts: HousekeepingParts) { this.#parts = parts }

  async adopt(decide: (entry: ClaimEntry) => 'take over' | 'release' | 'leave'): Promise<readonly AdoptedClaim[]> {
    const { table, self, remote } = this.#parts
    const adopted: AdoptedClaim[] = []
    for (const entry of table.entries()) {
      const { seen, key } = entry.lease
      if (seen.kind !== 'tip' || seen.record.node !== self.node || isSameOwner(seen.record, self) || !isLeased(seen.record.state)) continue
      const decision = decide(entry)
      if (decision === 'leave') { adopted.push({ key, outcome: 'left', claim: undefined }); continue }
      const as = decision === 'take over' ? 'taken over' : 'released'
      const landing = await entry.lane.run(() => remote.land(entry, { kind: 'adopt', as }))
      adopted.push({ key, outcome: isDone(landing) ? as : 'lost', claim: entry.claim })
    }
    return adopted
  }

  retry(entry: ClaimEntry, options: { readonly reason: string; readonly rework: boolean }): Promise<Result<undefined>> {
    const { remote } = this.#parts
    return entry.lane.run(async () => {
      await remote.read(entry)
      const landing = await remote.land(entry, { kind: 'reset', ...options })
      return isDone(landing) ? ok(undefined) : fail(failureOf(landing))
    })
  }

  async prune(closed: readonly ClaimEntry[], olderThanMs: number): Promise<readonly TaskKey[]> {
    const { clock, logger, times: { watchMs } } = this.#parts
    const pruned: TaskKey[] = []
    for (const batch of inBatches(prunable(closed, { olderThanMs, watchMs, wallMs: clock.wallMs(), nowMs: clock.monotonicMs() }))) {
      const ended = await this.#inLanes(batch, (free) => endClaims(free, this.#parts))
      if (ended.ok) pruned.push(...ended.value)
      else logger.info('claims were not pruned this time', { reason: ended.reason, claims: batch.length })
    }
    return pruned
  }

  clear(entry: ClaimEntry): Promise<Result<undefined>> {
    const { clock, times } = this.#parts
    return entry.lane.run(async () => {
      await this.#parts.remote.read(entry)
      const { seen } = entry.lease
      if (seen.kind !== 'quarantined') return fail('it is not quarantined')
      const stoodMs = clock.monotonicMs() - seen.sinceMs
      // A claim of somebody who saw no ref a moment ago must find this one.
      if (stoodMs < times.freshMs) return fail(`this node has seen it for ${Math.floor(stoodMs / 1_000)} s: it can be cleared after ${times.freshMs / 1_000} s`)
      const ended = await endClaims([entry], this.#parts)
      return ended.ok ? ok(undefined) : ended
    })
  }

  /** With the lanes of those that nobody moves now; the others stay for another time. */
  async #inLanes<T>(entries: readonly ClaimEntry[], work: (free: readonly ClaimEntry[]) => Promise<Result<T>>): Promise<Result<T>> {
    const leaving = new Map<ClaimEntry, () => void>()
    for (const entry of entries) {
      const leave = entry.lane.tryEnter()
      if (leave !== undefined) leaving.set(entry, leave)
    }
    try {
      return leaving.size === 0 ? fail('they are moving') : await work([...leaving.keys()])
    } finally {
      for (const leave of leaving.values()) leave()
    }
  }
}
