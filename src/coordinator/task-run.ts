import { ChorusError, messageOf, refName, unreachable } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import type { AgentRunner, Clock, Logger, Task, TaskResult } from '../ports/mod.ts'
import { deliver, mergeTarget, readDelivered, resultForAnother, resultOf, tooBusy } from './delivery.ts'
import type { CoordinatorEvent } from './events.ts'
import { begin, step } from './life.ts'
import type { Ending, LifeEffect, LifeInput, LifeState } from './life.ts'
import type { AgentIdentity, AttemptOutcome, AuditRecord, DeliveredResult, HeldClaim, MergeTurn, RepositoryWork, Tell } from './needs.ts'
import { within } from './patience.ts'
import { Perseverance } from './perseverance.ts'
import { Telling } from './telling.ts'
import type { CoordinatorTimes } from './times.ts'
import { Workshop } from './workshop.ts'

export interface TaskRunParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly identity: AgentIdentity
  readonly repository: RepositoryWork
  readonly runner: AgentRunner
  readonly tell: Tell
  readonly record: AuditRecord
  readonly emit: (event: CoordinatorEvent) => void
  readonly times: CoordinatorTimes
  /** A task is tried this often before a person is asked. */
  readonly attemptsMax: number
  /** Called once with how it ended. */
  readonly ended: (run: TaskRun, how: Ending) => void
}

/** Of `attemptsMax`, the default (architecture, the way of a task). */
export const ATTEMPTS_MAX = 3
/** One question to the provider. */
const ASK_MS_MAX = 60_000

/**
 * Feeds one task's life with what the ports answer and carries its effects out, those of one step in order. Whatever it
 * waits for, losing the claim ends it; a drain ends every pause and retry.
 */
export class TaskRun {
  readonly score: number
  readonly #parts: TaskRunParts
  readonly #telling: Telling
  readonly #perseverance: Perseverance
  readonly #workshop: Workshop
  readonly #turn: MergeTurn
  readonly #done = Promise.withResolvers<Ending>()
  /** As last read: its text is what the agent was told. */
  #task: Task
  #state: LifeState
  #claim: HeldClaim | undefined
  #delivered: DeliveredResult | undefined
  #result: TaskResult | undefined
  #deliveryTried = false
  /** Into which it would be merged. */
  #branch = ''
  #claimedAtMs = 0
  #claimedMs = 0
  #disarm: (() => void) | undefined

  constructor(task: Task, score: number, parts: TaskRunParts) {
    this.#task = task
    this.score = score
    this.#parts = parts
    const about = { clock: parts.clock, logger: parts.logger.child({ key: task.key }) }
    this.#telling = new Telling({ ...parts, ...about, provider: parts.repository.provider })
    this.#perseverance = new Perseverance({ ...about, waitMsMax: parts.times.waitMsMax })
    this.#state = begin(parts.times.providerBackoffMs)
    this.#workshop = new Workshop(about)
    this.#turn = parts.repository.turns.of(task.key)
  }

  get task(): Task { return this.#task }
  get phase(): LifeState['at'] { return this.#state.at }
  /** From the claim on it takes one of the node's slots; waiting for its courtesy delay it does too, so that a node never overcommits. */
  get claim(): HeldClaim | undefined { return this.#claim }
  /** Wall clock; 0 before the claim. */
  get claimedAtMs(): number { return this.#claimedAtMs }
  /** Resolves with how it ended; never rejects. */
  get done(): Promise<Ending> { return this.#done.promise }

  /** Starts after the courtesy delay. */
  start(courtesyMs: number): void {
    this.#disarm = this.#parts.clock.arm(courtesyMs, () => { this.input({ kind: 'due' }) })
  }

  seenElsewhere(): void { this.input({ kind: 'seen-elsewhere' }) }

  drain(): void {
    this.input({ kind: 'drain' })
    this.#perseverance.hurry()
  }

  input(input: LifeInput): void {
    const { state, effects } = step(this.#state, input)
    this.#state = state
    void this.#carryOutAll(effects)
  }

  async #carryOutAll(effects: readonly LifeEffect[]): Promise<void> {
    for (const effect of effects) await this.#carryOut(effect)
  }

  /** Never rejects: what fails unexpectedly lets the task go rather than leave it hanging. */
  async #carryOut(effect: LifeEffect): Promise<void> {
    try {
      await this.#effect(effect)
    } catch (thrown) {
      const data = { key: this.#task.key, effect: effect.kind, error: messageOf(thrown) }
      // Of a task that has ended meanwhile, it was only waiting that was cut short.
      if (this.#state.at === 'ended') this.#parts.logger.debug('a step of a task that has ended was cut short', data)
      else if (thrown instanceof ChorusError && thrown.retryable) this.#parts.logger.warn('a step of a task failed', data)
      else this.#parts.logger.error('a step of a task failed unexpectedly', data)
      this.input(inputOfFailure(effect, messageOf(thrown)))
    }
  }

  async #effect(effect: LifeEffect): Promise<void> {
    switch (effect.kind) {
      case 'acquire': return this.#acquire()
      case 'tell-claimed': return this.#telling.claimed(this.#task, this.#held(), this.score)
      case 'attempt': return this.#runAttempt()
      case 'stop-attempt': return this.#workshop.stop()
      case 'read-task': return this.#readTask(effect.forReview)
      case 'recheck': return this.#recheck(effect.onto)
      case 'deliver': return this.#whileHeld(() => this.#deliver(effect.forReview))
      case 'complete': return this.#complete(effect.afterMs)
      case 'finish': return this.#whileHeld(() => this.#finish())
      case 'let-go': return this.#letGo(effect.how, effect.countsAsAttempt)
      case 'end': return this.#end(effect.how)
      default: return unreachable(effect)
    }
  }

  async #acquire(): Promise<void> {
    const { repository, clock } = this.#parts
    const won = await repository.claims.acquire(this.#task.key)
    if (!won.ok) return this.input({ kind: 'claim-lost', reason: won.reason })
    const claim = won.value
    this.#claim = claim
    this.#claimedAtMs = clock.wallMs()
    this.#claimedMs = clock.monotonicMs()
    const lost = (): void => { this.input({ kind: 'superseded', reason: String(claim.signal.reason ?? 'the claim was lost') }) }
    if (claim.signal.aborted) return lost()
    claim.signal.addEventListener('abort', lost, { once: true, signal: this.#perseverance.over })
    if (claim.takenDelivered) this.#delivered = readDelivered(repository.claims.view(this.#task.key).result)
    this.input({ kind: 'claim-won', deliveredBefore: claim.takenDelivered })
  }

  async #runAttempt(): Promise<void> {
    const { repository, identity, runner, emit } = this.#parts
    if (this.#state.at !== 'working') return
    const claim = this.#held()
    await this.#workshop.clear()
    // Together: a provider that reads its tasks from the repository then needs no look of its own.
    const [{ tip }, task] = await Promise.all([this.#whileHeld(() => repository.sources.refresh()), this.#whileHeld(() => this.#askProvider())])
    if (tip === undefined) return this.input({ kind: 'attempt-unavailable', reason: 'the repository has no commit' })
    if (this.phase !== 'working') return
    // Closed since it was listed: no agent is started for it.
    if (isGone(task)) return this.input({ kind: 'task-read', verdict: 'gone' })
    this.#task = task
    this.#telling.started(task, claim)
    await this.#workshop.run(async (signal) => {
      const outcome = await repository.attempts.attempt({
        task, base: tip, claim: { epoch: claim.epoch, oid: claim.oid, node: identity.node, logAddress: identity.logAddress },
        role: identity.role, agentId: identity.agentId, runner, signal,
        onProgress: (text) => { emit({ kind: 'task_progressed', key: task.key, text }) },
      })
      await this.#judge(outcome)
    }, () => this.phase === 'working')
  }

  async #judge(outcome: AttemptOutcome): Promise<void> {
    const { record, emit } = this.#parts
    const claim = this.#held()
    // Kept first of all, so that its work trees go whatever happens next.
    if (outcome.kind === 'verified') this.#workshop.keep(outcome)
    if (outcome.kind === 'verified' || outcome.kind === 'failed' || outcome.kind === 'parked') {
      await record('execution', { ...outcome.facts, task_key: this.#task.key, epoch: claim.epoch, outcome: outcome.kind })
    }
    switch (outcome.kind) {
      case 'verified':
        emit({ kind: 'task_verified', key: this.#task.key, evidence: outcome.evidence, commit: outcome.commit })
        return this.input({ kind: 'verified' })
      case 'failed': return this.input({ kind: 'attempt-failed', reason: outcome.reason, last: claim.attempt + 1 >= this.#parts.attemptsMax })
      case 'parked': return this.input({ kind: 'attempt-parked', reason: `${outcome.reason}${await this.#keepPatch(outcome.commit)}` })
      case 'unavailable': return this.input({ kind: 'attempt-unavailable', reason: outcome.reason })
      // Whoever stopped it has fed its own input already.
      case 'cancelled': return
      default: return unreachable(outcome)
    }
  }

  /** The patch of a parked attempt on a branch of its own, named by the epoch, so that nothing of another holder is touched. */
  async #keepPatch(commit: Oid | undefined): Promise<string> {
    if (commit === undefined || this.#held().signal.aborted) return ''
    const branch = `chorus/${this.#task.number}-parked-e${this.#held().epoch}`
    try {
      return await this.#parts.repository.keepPatch(refName(`refs/heads/${branch}`), commit) ? `. The patch is on ${branch}` : ''
    } catch (thrown) {
      this.#parts.logger.warn('a patch could not be kept', { key: this.#task.key, error: messageOf(thrown) })
      return ''
    }
  }

  /** What waits for its turn to merge waits before this: nothing that was read long ago is relied on. */
  async #readTask(forReview: boolean): Promise<void> {
    const moved = forReview ? undefined : await this.#turnToMerge()
    if (this.phase !== 'reading') return
    if (moved !== undefined) return this.input({ kind: 'branch-moved', moved })
    const now = await this.#whileHeld(() => this.#askProvider())
    this.input({ kind: 'task-read', verdict: isGone(now) ? 'gone' : now.contentHash === this.#task.contentHash ? 'same' : 'changed' })
  }

  /** Waits while another merges. Where the branch stands then, if it is not where the change was checked. */
  async #turnToMerge(): Promise<Oid | undefined> {
    const { repository } = this.#parts
    const { verified } = this.#workshop
    if (this.#turn.holds) return undefined
    const target = verified === undefined ? undefined : await this.#whileHeld(() => mergeTarget(repository, verified))
    if (verified === undefined || target === undefined || this.phase !== 'reading') return undefined
    this.#branch = target.branch
    // The recheck asks for a turn itself.
    if (target.tip !== verified.base) return target.tip
    if (await this.#turn.lineUp(target.branch, { needed: false }) === 'passed' || this.phase !== 'reading') return undefined
    const { tip } = await this.#whileHeld(() => repository.sources.refresh())
    return tip === verified.base ? undefined : tip
  }

  async #recheck(onto: Oid): Promise<void> {
    const { verified } = this.#workshop
    if (verified === undefined) return this.input({ kind: 'attempt-unavailable', reason: 'nothing to check again' })
    this.#deliveryTried = false
    const { sources } = this.#parts.repository
    // It has lost one race: it is checked again when the branch stands still.
    await this.#turn.lineUp(this.#branch, { needed: true })
    if (this.phase !== 'rechecking') return
    const { tip = onto } = await this.#whileHeld(() => sources.refresh())
    await this.#workshop.run(async (signal) => {
      const again = await verified.again(tip, { signal })
      if (again.kind === 'cancelled') return
      if (again.kind === 'conflict') {
        void this.#turn.leave()
        return this.input({ kind: 'conflict', reason: again.reason })
      }
      await this.#judge(again)
    }, () => this.phase === 'rechecking')
  }

  async #deliver(forReview: boolean): Promise<void> {
    const { verified } = this.#workshop
    if (this.#state.at !== 'delivering' || verified === undefined) return
    const claim = this.#held()
    const task = this.#task
    const answer = await deliver({ repository: this.#parts.repository, claim, task, verified, forReview, triedBefore: this.#deliveryTried })
    switch (answer.kind) {
      case 'delivered':
        void this.#turn.leave()
        this.#delivered = answer.delivered
        this.#result = resultOf(verified, answer.delivered, forReview ? tooBusy(this.#branch, answer.delivered) : undefined)
        await this.#telling.delivered(task, claim, answer.delivered)
        return this.input({ kind: 'delivered' })
      case 'superseded': return this.input({ kind: 'superseded', reason: 'another node holds the claim: the delivery was refused whole' })
      case 'in-the-way': return this.input({ kind: 'delivery-in-the-way', reason: `${answer.reason}${await this.#keepPatch(verified.commit)}` })
      case 'refused': return this.input({ kind: 'delivery-refused', reason: answer.reason, moved: answer.moved })
      case 'unclear':
        this.#deliveryTried = true
        throw new ChorusError('REMOTE_UNAVAILABLE', `it is not known whether the delivery arrived: ${answer.reason}`)
      default: return unreachable(answer)
    }
  }

  async #complete(afterMs: number): Promise<void> {
    const { clock, repository: { claims, provider } } = this.#parts
    if (afterMs > 0) await this.#perseverance.pause(afterMs)
    if (this.#state.at !== 'completing') return
    try {
      // The first try follows the push that delivered or took over; a later one could come from a holder that was replaced.
      if (afterMs > 0 && !await claims.renew(this.#held())) return this.input({ kind: 'superseded', reason: 'another node finishes it' })
      const result = this.#result ?? resultForAnother(this.#delivered)
      await within(provider.complete(this.#task, result), { clock, ms: ASK_MS_MAX, signal: this.#perseverance.over, late: () => tooSlow(provider.name) })
    } catch (thrown) {
      if (this.phase !== 'completing') return
      this.#parts.logger.warn('the provider does not confirm yet', { key: this.#task.key, error: messageOf(thrown) })
      return this.input({ kind: 'provider-failed', reason: messageOf(thrown) })
    }
    this.input({ kind: 'provider-confirmed' })
  }

  async #finish(): Promise<void> {
    const finished = await this.#parts.repository.claims.finish(this.#held())
    this.input(finished ? { kind: 'finished' } : { kind: 'superseded', reason: 'another node finished it' })
  }

  async #letGo(how: Ending, countsAsAttempt: boolean): Promise<void> {
    const { claims } = this.#parts.repository
    const claim = this.#held()
    void this.#turn.leave()
    await this.#workshop.idle()
    const reason = 'reason' in how ? how.reason.slice(0, 500) : ''
    const mine = how.kind === 'parked' ? await claims.park(claim, { reason })
      : how.kind === 'escalated' ? await claims.escalate(claim, { reason })
        : await claims.release(claim, { reason, countsAsAttempt })
    if (!mine) return this.input({ kind: 'superseded', reason: 'another node holds the claim' })
    // What is delivered stays as the provider knows it, until somebody finishes it.
    const reportable = this.#delivered === undefined && !claim.takenDelivered && (how.kind === 'failed' || how.kind === 'released' || how.kind === 'parked' || how.kind === 'escalated')
    if (reportable) this.#telling.report(this.#task, { kind: how.kind, reason })
    this.input({ kind: 'let-go' })
  }

  async #end(how: Ending): Promise<void> {
    this.#disarm?.()
    this.#perseverance.end()
    if (how.kind === 'lost') this.#telling.silence()
    const left = this.#turn.leave()
    await this.#workshop.idle()
    await this.#workshop.clear()
    if (this.#claim !== undefined) {
      await this.#leaveNothing(this.#claim)
      const seconds = Math.round((this.#parts.clock.monotonicMs() - this.#claimedMs) / 100) / 10
      await this.#telling.ended(this.#task, this.#claim, { how, seconds, delivered: this.#delivered, result: this.#result })
      await this.#telling.reported()
    }
    await left
    this.#parts.ended(this, how)
    this.#done.resolve(how)
  }

  /** A claim that could not be let go as it should would be renewed for ever with nobody at work. */
  async #leaveNothing(claim: HeldClaim): Promise<void> {
    const { claims } = this.#parts.repository
    try {
      if (claims.view(this.#task.key).mine) await claims.release(claim, { reason: 'the work on it ended', countsAsAttempt: false })
    } catch (thrown) {
      this.#parts.logger.error('a claim could not be given back', { key: this.#task.key, error: messageOf(thrown) })
    }
  }

  /** A remote that is away for a while costs waiting, not the work: tried again until it answers or the claim is lost. */
  #whileHeld<T>(work: () => Promise<T>): Promise<T> {
    return this.#perseverance.untilAnswered(work, () => this.#state.at !== 'ended' && this.#state.at !== 'letting-go')
  }

  #askProvider(): Promise<Task | undefined> {
    const { clock, repository: { provider } } = this.#parts
    return within(provider.get(this.#task.number), { clock, ms: ASK_MS_MAX, signal: this.#perseverance.over, late: () => tooSlow(provider.name) })
  }

  #held(): HeldClaim {
    if (this.#claim === undefined) throw new Error('no claim is held')
    return this.#claim
  }
}

const isGone = (task: Task | undefined): task is undefined => task === undefined || task.state === 'closed'

const tooSlow = (provider: string): ChorusError => new ChorusError('PROVIDER_FAILED', `${provider} did not answer within ${ASK_MS_MAX / 1_000} s`)

const inputOfFailure = (effect: LifeEffect, reason: string): LifeInput => {
  switch (effect.kind) {
    case 'let-go': return { kind: 'let-go' }
    case 'complete': return { kind: 'provider-failed', reason }
    case 'finish': return { kind: 'superseded', reason }
    case 'acquire': return { kind: 'claim-lost', reason }
    default: return { kind: 'attempt-unavailable', reason }
  }
}
