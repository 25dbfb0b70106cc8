import type { TaskKey } from '../core/mod.ts'
import type { Happening } from './events.ts'
import type { SimRemote } from './remote.ts'
import type { RefUpdate } from '../ports/mod.ts'

/** What a world adds up as it runs; everything else is read off at the end. */
export class Counts {
  /** Pushes that left to acquire a claim or to take one over, and those that won. */
  acquirePushes = 0
  acquireWins = 0
  kills = 0
  /** Results that were delivered, by task. */
  readonly results = new Map<TaskKey, Set<string>>()
  readonly #claims = new Map<TaskKey, number>()
  readonly #faults = new Map<string, number>()

  readonly see = (happening: Happening): void => {
    if (happening.kind === 'process' && happening.what === 'killed') this.kills += 1
    if (happening.kind === 'fault') this.#fault(happening.what)
    if (happening.kind === 'process' && ['killed', 'paused', 'broke', 'refused'].includes(happening.what)) this.#fault(happening.what)
    if (happening.kind === 'foul') this.#fault(`${happening.foul} message`)
    if (happening.kind === 'person') this.#fault(`a person ${happening.what}`)
    if (happening.kind !== 'push') return
    for (const { accepted, record, before } of happening.updates) {
      if (!accepted || record === undefined) continue
      if (record.state === 'delivered') this.results.set(record.key, (this.results.get(record.key) ?? new Set()).add(JSON.stringify(record.result)))
      if (!opensEpoch(record, before)) continue
      this.acquireWins += 1
      if (record.state === 'held') this.#claims.set(record.key, (this.#claims.get(record.key) ?? 0) + 1)
    }
  }

  readonly sent = (updates: readonly RefUpdate[], remote: SimRemote, recordOf: (update: RefUpdate) => ReturnType<SimRemote['claimAt']>): void => {
    for (const update of updates) {
      const record = recordOf(update)
      if (record !== undefined && opensEpoch(record, remote.claimAt(update.from))) this.acquirePushes += 1
    }
  }

  get faults(): Readonly<Record<string, number>> { return Object.fromEntries([...this.#faults].sort()) }
  get claimedTasks(): number { return this.#claims.size }
  /** Claims that were won to work a task once more. */
  get reworks(): number { return [...this.#claims.values()].reduce((sum, times) => sum + times - 1, 0) }

  #fault(what: string): void { this.#faults.set(what, (this.#faults.get(what) ?? 0) + 1) }
}

/** The first record of an owner: won against others, not a renewal, and not what a node gives back of its own. */
const opensEpoch = (record: NonNullable<ReturnType<SimRemote['claimAt']>>, before: ReturnType<SimRemote['claimAt']>): boolean =>
  (record.state === 'held' || record.state === 'delivered') && record.epoch > (before?.epoch ?? 0)
