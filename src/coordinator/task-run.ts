import { ChorusError, isOid, messageOf, refName, unreachable } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import type { AgentRunner, Clock, Logger, RefUpdate, Task } from '../ports/mod.ts'
import type { CoordinatorEvent } from './events.ts'
import { begin, step } from './life.ts'
import type { Ending, LifeEffect, LifeInput, LifeState } from './life.ts'
import type { AgentIdentity, AttemptOutcome, AuditRecord, DeliveredResult, HeldClaim, RepositoryWork, Tell, VerifiedOutcome } from './needs.ts'

export interface TaskRunParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly identity: AgentIdentity
  readonly repository: RepositoryWork
  readonly runner: AgentRunner
  readonly tell: Tell
  readonly record: AuditRecord
  readonly emit: (event: CoordinatorEvent) => void
  /** Called once with how it ended. */
  readonly ended: (run: TaskRun, how: Ending) => void
}

/** Feeds one task's life with what the ports answer and carries its effects out, one at a time, in order. */
export class TaskRun {
  readonly task: Task
  readonly score: number
  readonly startedAtMs: number
  readonly #parts: TaskRunParts
  readonly #stop = new AbortController()
  #state: LifeState = begin()
  #claim: HeldClaim | undefined
  #verified: VerifiedOutcome | undefined
  #delivered: DeliveredResult | undefined
  #attempt: AbortController | undefined
  #attemptDone: Promise<void> = Promise.resolve()
  #claimedAtMs = 0
  #disarm: (() => void) | undefined
  readonly #done = Promise.withResolvers<Ending>()

  constructor(task: Task, score: number, parts: TaskRunParts) {
    this.task = task
    this.score = score
    this.#parts = parts
    this.startedAtMs = parts.clock.monotonicMs()
  }

  get phase(): LifeState['at'] { return this.#state.at }
  /** From the claim on it takes one of the node's slots; waiting for its courtesy delay it does too, so that a node never overcommits. */
  get claim(): HeldClaim | undefined { return this.#claim }
  get claimedAtMs(): number { return this.#claimedAtMs }
  /** Resolves with how it ended; never rejects. */
  get done(): Promise<Ending> { return this.#done.promise }

  /** Starts after the courtesy delay. */
  start(courtesyMs: number): void {
    this.#disarm = this.#parts.clock.arm(courtesyMs, () => { this.input({ kind: 'due' }) })
  }

  seenElsewhere(): void { this.input({ kind: 'seen-elsewhere' }) }
  drain(): void { this.input({ kind: 'drain' }) }

  input(input: LifeInput): void {
    const before = this.#state
    const { state, effects } = step(before, input)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: LifeEffect): void {
    // Each branch is its own promise; what fails unexpectedly lets the task go rather than leave it hanging.
    const work = this.#effect(effect)
    work.catch((thrown: unknown) => {
      this.#parts.logger.error('a step of a task failed unexpectedly', { key: this.task.key, effect: effect.kind, error: messageOf(thrown) })
      if (effect.kind === 'let-go') this.input({ kind: 'let-go' })
      else if (effect.kind === 'complete') this.input({ kind: 'provider-failed', reason: messageOf(thrown) })
      else if (effect.kind === 'finish') this.input({ kind: 'superseded', reason: messageOf(thrown) })
      else if (effect.kind === 'acquire') this.input({ kind: 'claim-lost', reason: messageOf(thrown) })
      else this.input({ kind: 'attempt-unavailable', reason: messageOf(thrown) })
    })
  }

  async #effect(effect: LifeEffect): Promise<void> {
    switch (effect.kind) {
      case 'acquire': return this.#acquire()
      case 'tell-claimed': return this.#tellClaimed()
      case 'attempt': return this.#runAttempt()
      case 'stop-attempt': { this.#attempt?.abort(new Error('the attempt was stopped')); return }
      case 'read-task': return this.#whileHeld(() => this.#readTask())
      case 'recheck': return this.#recheck(effect.onto)
      case 'deliver': return this.#whileHeld(() => this.#deliver())
      case 'complete': return this.#complete(effect.afterMs)
      case 'finish': return this.#whileHeld(() => this.#finish())
      case 'let-go': return this.#letGo(effect.how, effect.countsAsAttempt)
      case 'end': return this.#end(effect.how)
      default: return unreachable(effect)
    }
  }

  async #acquire(): Promise<void> {
    const { claims } = this.#parts.repository
    const won = await claims.acquire(this.task.key)
    if (!won.ok) return this.input({ kind: 'claim-lost', reason: won.reason })
    this.#claim = won.value
    this.#claimedAtMs = this.#parts.clock.wallMs()
    const superseded = (): void => { this.input({ kind: 'superseded', reason: String(won.value.signal.reason ?? 'the claim was lost') }) }
    if (won.value.signal.aborted) return superseded()
    won.value.signal.addEventListener('abort', superseded, { once: true })
    const { takenDelivered } = won.value
    if (takenDelivered) this.#delivered = readDelivered(claims.view(this.task.key).result)
    this.input({ kind: 'claim-won', deliveredBefore: takenDelivered })
  }

  async #tellClaimed(): Promise<void> {
    const { tell, record, emit, repository } = this.#parts
    const claim = this.#held()
    emit({ kind: 'task_claimed', key: this.task.key, title: this.task.title, epoch: claim.epoch, score: this.score })
    await record('task_claimed', {
      task_key: this.task.key, task_number: this.task.number, repository: this.task.repository, title: this.task.title,
      required_role: this.task.requiredRole ?? '', priority: this.task.priority, epoch: claim.epoch, claim_oid: claim.oid, score: this.score,
    })
    await tell.claimed(this.task, claim)
    await repository.provider.report(this.task, { kind: 'claimed' }).catch((thrown: unknown) => this.#couldNotReport(thrown))
  }

  async #runAttempt(): Promise<void> {
    const { repository, identity, runner, tell, emit } = this.#parts
    const claim = this.#held()
    await this.#dropVerified()
    const { tip } = await this.#whileHeld(() => repository.sources.refresh())
    if (tip === undefined) return this.input({ kind: 'attempt-unavailable', reason: 'the repository has no commit' })
    emit({ kind: 'task_started', key: this.task.key, attempt: claim.attempt })
    await tell.progress(this.task, claim, 'started')
    const task = await repository.provider.get(this.task.number) ?? this.task
    this.#task = task
    await this.#exclusively(async (signal) => {
      const outcome = await repository.attempts.attempt({
        task, base: tip, claim: { epoch: claim.epoch, oid: claim.oid, node: identity.node, logAddress: identity.logAddress },
        role: identity.role, agentId: identity.agentId, runner, signal,
        onProgress: (text) => { emit({ kind: 'task_progressed', key: this.task.key, text }) },
      })
      await this.#judge(outcome)
    })
  }

  /** The task as last read: its text is what the agent was told. */
  #task: Task | undefined

  async #judge(outcome: AttemptOutcome): Promise<void> {
    const { record, emit } = this.#parts
    const claim = this.#held()
    if (outcome.kind === 'verified' || outcome.kind === 'failed' || outcome.kind === 'parked') {
      await record('execution', { task_key: this.task.key, epoch: claim.epoch, outcome: outcome.kind, ...outcome.facts })
    }
    switch (outcome.kind) {
      case 'verified':
        this.#verified = outcome
        emit({ kind: 'task_verified', key: this.task.key, evidence: outcome.evidence, commit: outcome.commit })
        return this.input({ kind: 'verified', result: outcome.result })
      case 'failed': return this.input({ kind: 'attempt-failed', reason: outcome.reason, last: claim.attempt + 1 >= ATTEMPTS_MAX })
      case 'parked': return this.input({ kind: 'attempt-parked', reason: `${outcome.reason}${await this.#keepPatch(outcome.commit)}` })
      case 'unavailable': return this.input({ kind: 'attempt-unavailable', reason: outcome.reason })
      // Whoever stopped it has fed its own input already.
      case 'cancelled': return
      default: return unreachable(outcome)
    }
  }

  /** The patch of a parked attempt on a branch of its own, named by the epoch, so that nothing of another holder is touched. */
  async #keepPatch(commit: Oid | undefined): Promise<string> {
    if (commit === undefined) return ''
    const branch = `chorus/${this.task.number}-parked-e${this.#held().epoch}`
    try {
      return await this.#parts.repository.keepPatch(refName(`refs/heads/${branch}`), commit) ? `. The patch is on ${branch}` : ''
    } catch (thrown) {
      this.#parts.logger.warn('a patch could not be kept', { key: this.task.key, error: messageOf(thrown) })
      return ''
    }
  }

  async #readTask(): Promise<void> {
    const { provider, sources } = this.#parts.repository
    await sources.refresh()
    const now = await provider.get(this.task.number)
    const told = this.#task ?? this.task
    const verdict = now === undefined || now.state === 'closed' ? 'gone' : now.contentHash === told.contentHash ? 'same' : 'changed'
    this.input({ kind: 'task-read', verdict })
  }

  async #recheck(onto: Oid): Promise<void> {
    const verified = this.#verified
    if (verified === undefined) return this.input({ kind: 'attempt-unavailable', reason: 'nothing to check again' })
    await this.#exclusively(async (signal) => {
      const again = await verified.again(onto, { signal })
      if (again.kind === 'cancelled') return
      if (again.kind === 'conflict') return this.input({ kind: 'conflict', reason: again.reason })
      await this.#judge(again)
    })
  }

  async #deliver(): Promise<void> {
    const { repository, emit, record } = this.#parts
    const claim = this.#held()
    const verified = this.#verified
    if (verified === undefined) return this.input({ kind: 'delivery-refused', reason: 'nothing verified to deliver', moved: undefined })
    const { branch, tip } = await repository.sources.refresh()
    const merging = this.#mayMerge(verified)
    if (merging && tip !== verified.base && tip !== undefined) return this.input({ kind: 'delivery-refused', reason: `${branch} moved`, moved: tip })
    const target = merging ? branch : `chorus/${this.task.number}`
    const ref = refName(`refs/heads/${target}`)
    const update: RefUpdate = { ref, from: merging ? verified.base : await repository.branchTip(ref), to: verified.commit }
    const result: DeliveredResult = { commit: verified.commit, branch: target, mode: merging ? 'merge' : 'branch', evidence: verified.evidence, title: this.task.title }
    const answer = await repository.claims.deliver(claim, { result, alongside: [update] })
    switch (answer.kind) {
      case 'delivered':
        this.#delivered = result
        emit({ kind: 'task_delivered', key: this.task.key, mode: result.mode, commit: result.commit })
        await record('task_delivered', { task_key: this.task.key, epoch: claim.epoch, commit: result.commit, branch: target, mode: result.mode, evidence: result.evidence, claim_oid: claim.oid })
        return this.input({ kind: 'delivered' })
      case 'superseded': return this.input({ kind: 'superseded', reason: 'another node holds the claim: the delivery was refused whole' })
      case 'in-the-way': return this.input({ kind: 'delivery-in-the-way', reason: inTheWay(answer.paths, verified.commit) })
      case 'refused': case 'unclear': {
        const now = await repository.sources.refresh()
        const moved = merging && now.tip !== undefined && now.tip !== verified.base ? now.tip : undefined
        return this.input({ kind: 'delivery-refused', reason: answer.reason, moved })
      }
      default: return unreachable(answer)
    }
  }

  #mayMerge(verified: VerifiedOutcome): boolean {
    const { policy } = this.#parts.repository
    return policy.delivery === 'merge' && !policy.approveFirst && policy.mergeOn.includes(verified.evidence)
  }

  async #complete(afterMs: number): Promise<void> {
    const { clock, repository } = this.#parts
    if (afterMs > 0) await clock.delay(afterMs, { signal: this.#stop.signal })
    const result = this.#verified?.result ?? finishedForAnother(this.#delivered)
    try {
      await repository.provider.complete(this.task, result)
    } catch (thrown) {
      return this.input({ kind: 'provider-failed', reason: messageOf(thrown) })
    }
    this.input({ kind: 'provider-confirmed' })
  }

  async #finish(): Promise<void> {
    const finished = await this.#parts.repository.claims.finish(this.#held())
    this.input(finished ? { kind: 'finished' } : { kind: 'superseded', reason: 'another node finished it' })
  }

  async #letGo(how: Ending, countsAsAttempt: boolean): Promise<void> {
    const { claims, provider } = this.#parts.repository
    const claim = this.#held()
    await this.#attemptDone
    const reason = 'reason' in how ? how.reason.slice(0, 500) : ''
    if (how.kind === 'parked') await claims.park(claim, { reason })
    else if (how.kind === 'escalated') await claims.escalate(claim, { reason })
    else await claims.release(claim, { reason, countsAsAttempt })
    if (how.kind === 'failed' || how.kind === 'released' || how.kind === 'parked' || how.kind === 'escalated') {
      await provider.report(this.task, { kind: how.kind, reason }).catch((thrown: unknown) => this.#couldNotReport(thrown))
    }
    this.input({ kind: 'let-go' })
  }

  async #end(how: Ending): Promise<void> {
    this.#disarm?.()
    this.#stop.abort(new Error('the task ended'))
    await this.#attemptDone
    await this.#dropVerified()
    try {
      await this.#tellEnding(how)
    } finally {
      this.#parts.ended(this, how)
      this.#done.resolve(how)
    }
  }

  async #tellEnding(how: Ending): Promise<void> {
    const { record, tell, emit, clock } = this.#parts
    const claim = this.#claim
    if (claim === undefined || how.kind === 'outrun') return
    const about = { task_key: this.task.key, task_number: this.task.number, repository: this.task.repository, epoch: claim.epoch }
    const seconds = Math.round((clock.wallMs() - this.#claimedAtMs) / 100) / 10
    if (how.kind === 'completed') {
      await record('task_completed', { ...about, task_type: this.task.type, duration: seconds, results: { ...this.#delivered, metadata: how.result?.metadata ?? null } })
      emit({ kind: 'task_completed', key: this.task.key, seconds })
      await tell.progress(this.task, claim, 'completed')
      if (this.#delivered !== undefined) await tell.complete(this.task, claim, this.#delivered, seconds)
      return
    }
    emit({ kind: `task_${how.kind}`, key: this.task.key, reason: how.reason })
    await record(`task_${how.kind}`, { ...about, task_type: this.task.type, reason: how.reason, attempt: claim.attempt })
    await tell.progress(this.task, claim, how.kind, how.reason)
  }

  /** One attempt at a time; whoever ends the task waits until its processes are gone. */
  async #exclusively(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await this.#attemptDone
    const attempt = new AbortController()
    this.#attempt = attempt
    const done = Promise.withResolvers<undefined>()
    this.#attemptDone = done.promise
    try {
      if (this.#state.at === 'working' || this.#state.at === 'rechecking') await work(attempt.signal)
    } finally {
      done.resolve(undefined)
    }
  }

  /** A remote that is away for a while costs waiting, not the work: tried again until it answers or the claim is lost. */
  async #whileHeld<T>(work: () => Promise<T>): Promise<T> {
    for (let delayMs = 1_000; ; delayMs = Math.min(delayMs * 2, 15_000)) {
      try {
        return await work()
      } catch (thrown) {
        if (!(thrown instanceof ChorusError) || !thrown.retryable || this.#state.at === 'ended' || this.#state.at === 'letting-go') throw thrown
        this.#parts.logger.warn('waiting for the repository', { key: this.task.key, code: thrown.code, delayMs })
        await this.#parts.clock.delay(delayMs, { signal: this.#stop.signal })
      }
    }
  }

  async #dropVerified(): Promise<void> {
    const verified = this.#verified
    this.#verified = undefined
    await verified?.dispose()
  }

  #held(): HeldClaim {
    if (this.#claim === undefined) throw new Error('no claim is held')
    return this.#claim
  }

  #couldNotReport(thrown: unknown): void {
    // Best effort by contract: the claim ref is the truth.
    this.#parts.logger.warn('the provider could not be told', { key: this.task.key, error: messageOf(thrown) })
  }
}

/** A task is tried this often before a person is asked (architecture, the way of a task). */
export const ATTEMPTS_MAX = 3

const inTheWay = (paths: readonly string[], commit: Oid): string =>
  `your changes in ${paths.slice(0, 5).join(', ')} are in the way: commit or stash them, then \`chorus task retry\`, or \`git merge ${commit.slice(0, 12)}\``

const readDelivered = (value: unknown): DeliveredResult | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const { commit, branch, mode, evidence, title } = value as Record<string, unknown>
  if (typeof commit !== 'string' || !isOid(commit) || typeof branch !== 'string' || (mode !== 'merge' && mode !== 'branch')) return undefined
  const level = evidence === 'proved' || evidence === 'reproduced' ? evidence : 'unproven'
  return { commit, branch, mode, evidence: level, title: typeof title === 'string' ? title : '' }
}

/** The node that worked died after its delivery: what it used is unknown here, what it delivered is in the record. */
const finishedForAnother = (delivered: DeliveredResult | undefined): Parameters<RepositoryWork['provider']['complete']>[1] => ({
  success: true,
  message: 'delivered by a node that ended before it could say so',
  metadata: {
    execution_type: 'command', duration: 0, commands_executed: 0, files_generated: [],
    resource_usage: { wall_ms: 0, cpu_ms: 0, memory_bytes_peak: 0, processes_peak: 0, source: 'sampled' },
    artifacts: { commit: delivered?.commit ?? '', branch: delivered?.branch ?? '', evidence: delivered?.evidence ?? 'unproven' },
    tokens: null, cost: null,
  },
})
