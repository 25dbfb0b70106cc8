import type { Epoch, Oid, RefName, TaskKey } from '../../core/mod.ts'
import type { Entry } from './entries.ts'
import { dataProblem } from './entry-types.ts'
import type { ClaimState } from './entry-types.ts'

/** A push that was about to be made. */
export interface Intent {
  readonly key: TaskKey
  readonly ref: RefName
  readonly oid: Oid
  readonly state: ClaimState
  readonly epoch: Epoch
}

export interface Tally { readonly done: number; readonly failed: number }
export interface PerformanceHistory {
  readonly overall: Tally
  /** By task type (`bug_fix`, `testing`, …). */
  readonly byType: Readonly<Record<string, Tally>>
}

/** What the log says now, gathered entry by entry; rebuilt at start by feeding it the whole log. No I/O. */
export class AuditState {
  readonly #unsettled = new Map<string, Intent>()
  readonly #types = new Map<string, { done: number; failed: number }>()
  readonly #byTask = new Map<string, number[]>()
  #overall = { done: 0, failed: 0 }

  apply(entry: Entry): void {
    const key = taskKeyOf(entry)
    if (key !== undefined) {
      const indices = this.#byTask.get(key)
      if (indices === undefined) this.#byTask.set(key, [entry.index])
      else indices.push(entry.index)
    }
    switch (entry.type) {
      case 'claim_intent': return this.#intent(entry)
      case 'intent_settled': { this.#unsettled.delete(String(entry.data.oid)); return }
      case 'task_completed': return this.#count(entry, 'done')
      case 'task_failed': return this.#count(entry, 'failed')
      default: return
    }
  }

  /** Places of the entries about a task, oldest first. As long as the log itself, at 8 bytes an entry. */
  indicesOf(key: TaskKey): readonly number[] { return this.#byTask.get(key) ?? [] }

  unsettled(): readonly Intent[] { return [...this.#unsettled.values()] }

  history(): PerformanceHistory {
    return {
      overall: { ...this.#overall },
      byType: Object.fromEntries([...this.#types].map(([type, tally]) => [type, { ...tally }])),
    }
  }

  #intent(entry: Entry): void {
    const data: Readonly<Record<string, unknown>> = entry.data
    // An entry that does not fit was written by another version; the claim refs still tell the truth about it.
    if (dataProblem('claim_intent', data) !== undefined) return
    const { key, ref, oid, state, epoch } = data
    this.#unsettled.set(String(oid), { key: key as TaskKey, ref: ref as RefName, oid: oid as Oid, state: state as ClaimState, epoch: epoch as Epoch })
  }

  #count(entry: Entry, outcome: 'done' | 'failed'): void {
    this.#overall[outcome] += 1
    const type = (entry.data as Record<string, unknown>).task_type
    if (typeof type !== 'string') return
    const known = this.#types.get(type)
    // The types are a handful; a log that names hundreds is not ours, and the overall numbers suffice.
    if (known === undefined && this.#types.size >= TYPES_MAX) return
    const tally = known ?? { done: 0, failed: 0 }
    tally[outcome] += 1
    this.#types.set(type, tally)
  }
}

const TYPES_MAX = 64

/** The task that an entry is about. */
export const taskKeyOf = (entry: Entry): string | undefined => {
  const { task_key: about, key } = entry.data as Record<string, unknown>
  const found = entry.type === 'claim_intent' ? key : about
  return typeof found === 'string' ? found : undefined
}
