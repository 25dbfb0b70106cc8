import { ChorusError, messageOf } from '../core/mod.ts'
import type { Clock, Logger, Task, TaskEvent, TaskProvider, TaskResult } from '../ports/mod.ts'
import type { CoordinatorEvent } from './events.ts'
import type { Ending } from './life.ts'
import type { AuditRecord, DeliveredResult, HeldClaim, Tell } from './needs.ts'
import { within } from './patience.ts'

export interface TellingParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly provider: TaskProvider
  readonly tell: Tell
  readonly record: AuditRecord
  readonly emit: (event: CoordinatorEvent) => void
}

/** A provider that takes longer for a label or a comment is not told any more of this task. */
const REPORT_MS_MAX = 10_000

/**
 * What is said of one task on this node, always in this order: the log, the watchers, the swarm, the provider. The log is
 * waited for; the rest is best effort, goes out in the order of the calls, and holds nothing up.
 */
export class Telling {
  readonly #parts: TellingParts
  #reports: Promise<void> = Promise.resolve()
  #silent = false

  constructor(parts: TellingParts) { this.#parts = parts }

  /** Rejects when it could not be logged; then nobody is told. */
  async claimed(task: Task, claim: HeldClaim, score: number): Promise<void> {
    await this.#parts.record('task_claimed', {
      task_key: task.key, task_number: task.number, repository: task.repository, title: task.title,
      required_role: task.requiredRole ?? '', priority: task.priority, epoch: claim.epoch, claim_oid: claim.oid, score,
    })
    this.#parts.emit({ kind: 'task_claimed', key: task.key, title: task.title, epoch: claim.epoch, score })
    this.#say(() => this.#parts.tell.claimed(task, claim))
    if (!claim.takenDelivered) this.report(task, { kind: 'claimed' })
  }

  started(task: Task, claim: HeldClaim): void {
    this.#parts.emit({ kind: 'task_started', key: task.key, attempt: claim.attempt })
    this.#say(() => this.#parts.tell.progress(task, claim, 'started'))
  }

  /** Rejects when it could not be logged. */
  async delivered(task: Task, claim: HeldClaim, delivered: DeliveredResult): Promise<void> {
    const { commit, branch, mode, evidence } = delivered
    await this.#parts.record('task_delivered', { task_key: task.key, epoch: claim.epoch, commit, branch, mode, evidence, claim_oid: claim.oid })
    this.#parts.emit({ kind: 'task_delivered', key: task.key, mode, commit })
  }

  /** Never rejects: an end that cannot be logged is an end all the same, and the others must know of it. */
  async ended(task: Task, claim: HeldClaim, end: { readonly how: Ending; readonly seconds: number; readonly delivered: DeliveredResult | undefined; readonly result: TaskResult | undefined }): Promise<void> {
    const { tell, emit } = this.#parts
    const { how, seconds, delivered, result } = end
    if (how.kind === 'outrun') return
    const about = { task_key: task.key, task_number: task.number, repository: task.repository, epoch: claim.epoch, task_type: task.type }
    if (how.kind === 'completed') {
      await this.#logEnd('task_completed', { ...about, duration: seconds, results: { ...delivered, metadata: result?.metadata ?? null } })
      emit({ kind: 'task_completed', key: task.key, seconds })
      this.#say(() => tell.progress(task, claim, 'completed'))
      if (delivered !== undefined) this.#say(() => tell.complete(task, claim, delivered, seconds))
      return
    }
    await this.#logEnd(`task_${how.kind}`, { ...about, reason: how.reason, attempt: claim.attempt })
    emit({ kind: `task_${how.kind}`, key: task.key, reason: how.reason })
    this.#say(() => tell.progress(task, claim, how.kind, how.reason))
  }

  /** Best effort by contract: the claim ref is the truth. */
  report(task: Task, event: TaskEvent): void {
    const { clock, provider } = this.#parts
    const late = (): Error => new ChorusError('PROVIDER_FAILED', `${provider.name} took longer than ${REPORT_MS_MAX / 1_000} s to take a report`)
    this.#reports = this.#reports.then(async () => {
      if (this.#silent) return
      await within(provider.report(task, event), { clock, ms: REPORT_MS_MAX, late: () => { this.#silent = true; return late() } })
    }).catch((thrown: unknown) => { this.#parts.logger.warn('the provider could not be told', { key: task.key, event: event.kind, error: messageOf(thrown) }) })
  }

  /** The claim is lost: what still waits to be reported is not. */
  silence(): void { this.#silent = true }

  /** Resolves when the provider was told, or did not listen for REPORT_MS_MAX. */
  reported(): Promise<void> { return this.#reports }

  async #logEnd(type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#parts.record(type, data)
    } catch (thrown) {
      this.#parts.logger.error('the end of a task could not be logged', { type, error: messageOf(thrown) })
    }
  }

  #say(message: () => Promise<void>): void {
    message().catch((thrown: unknown) => { this.#parts.logger.warn('the swarm could not be told', { error: messageOf(thrown) }) })
  }
}
