import { ChorusError, messageOf } from '../../core/mod.ts'
import type { Oid, RefName } from '../../core/mod.ts'
import type { Clock, Entropy, Logger, RefStore, Signer } from '../../ports/mod.ts'
import { begin, step, TURN_MS_MAX } from './machine.ts'
import type { Sight, TurnState } from './machine.ts'
import { sealTurn } from './record.ts'
import type { TurnOpener } from './record.ts'
import type { TurnTimes } from './settings.ts'

/** How a wait ended. `passed`: there was none. `without`: it is of no use, or was ended. */
export type LinedUp = 'passed' | 'mine' | 'without'

/** What the stints of one repository share. */
export interface StintParts {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly times: TurnTimes
  readonly openTurn: TurnOpener
  readonly mark: string
  /** Turns of this process. */
  readonly own: Set<string>
  /** Told of every push: why it was refused where nobody else had moved the ref, or that it was not. */
  readonly pushed: (refusal: string | undefined) => void
}

/** Questions or pushes in a row that came to nothing. */
const FAILURES_MAX = 4
const GIVE_BACK_TRIES_MAX = 2

/** One task's wait for the turn, and the turn: I/O around the machine. Everything here may fail without harm. */
export class Stint {
  readonly branch: string
  readonly #ref: RefName
  readonly #leaf: string
  readonly #parts: StintParts
  readonly #over = new AbortController()
  #state: TurnState
  #known: Exclude<Sight, { kind: 'nobody' }> | undefined
  /** Where the ref stands if it is this one's; the last that was pushed, if nobody said that it did not move. */
  #mine: Oid | undefined
  #sinceMs: number | undefined
  #lining: Promise<unknown> = Promise.resolve()
  #beating: Promise<unknown> = Promise.resolve()
  #disarm: (() => void) | undefined

  constructor(about: { readonly branch: string; readonly ref: RefName; readonly turn: string; readonly leaf: string }, parts: StintParts) {
    this.branch = about.branch
    this.#ref = about.ref
    this.#leaf = about.leaf
    this.#parts = parts
    this.#state = begin({ node: parts.signer.node, turn: about.turn, lengthMs: parts.times.lengthMs })
  }

  get holds(): boolean { return this.#sinceMs !== undefined }

  /** Never rejects. */
  lineUp(needed: boolean): Promise<LinedUp> {
    if (this.holds) return Promise.resolve('passed')
    const lining = this.#lineUp(needed)
    this.#lining = lining
    return lining
  }

  /** Ends a wait at once; resolves when nothing of it is under way. Never rejects. */
  async leave(): Promise<void> {
    this.#over.abort(new Error('the turn was given back'))
    this.#disarm?.()
    await Promise.all([this.#lining, this.#beating])
    const { own, logger } = this.#parts
    try {
      for (let tries = 0; tries < GIVE_BACK_TRIES_MAX && this.#mine !== undefined; tries += 1) {
        if (await this.#push(this.#mine, null) === 'done') break
        this.#mine = undefined
        await this.#look()
      }
    } catch (thrown) {
      // Its time runs out by itself.
      logger.debug('a turn could not be given back', { branch: this.branch, error: messageOf(thrown) })
    } finally {
      own.delete(this.#state.self.turn)
    }
  }

  async #lineUp(needed: boolean): Promise<LinedUp> {
    const { clock, times, logger, own } = this.#parts
    const untilMs = clock.monotonicMs() + times.waitMsMax
    for (let failures = 0; !this.#over.signal.aborted && failures < FAILURES_MAX && clock.monotonicMs() < untilMs;) {
      try {
        const sight = await this.#look()
        const { state, effect } = step(this.#state, { sight, needed, own }, clock.monotonicMs())
        this.#state = state
        if (effect.kind === 'pass') return 'passed'
        if (effect.kind === 'mine') return this.#hold()
        if (effect.kind === 'wait') {
          failures = 0
          await this.#pause(times.lookMs * effect.part)
          continue
        }
        if (this.#over.signal.aborted) break
        const answer = await this.#push(effect.from, effect.kind === 'clear' ? null : await this.#record(effect.from))
        if (answer === 'done' && effect.kind === 'take') return this.#hold()
        if (answer === 'failed') failures += 1
        if (answer !== 'done') await this.#pause(times.lookMs / 2)
      } catch (thrown) {
        if (this.#over.signal.aborted) break
        logger.debug('it could not be seen whose turn it is', { branch: this.branch, error: messageOf(thrown) })
        if (!(thrown instanceof ChorusError) || !thrown.retryable) break
        failures += 1
        await this.#pause(times.lookMs * failures)
      }
    }
    return 'without'
  }

  #hold(): 'mine' {
    this.#sinceMs = this.#parts.clock.monotonicMs()
    this.#armBeat()
    return 'mine'
  }

  #armBeat(): void {
    const { clock, times } = this.#parts
    if (!this.#over.signal.aborted) this.#disarm = clock.arm(times.beatMs, () => { this.#beating = this.#beat() })
  }

  /** Says that it is still at work. A beat that fails is followed by the next; one that finds it taken over is the last. */
  async #beat(): Promise<void> {
    const { clock, logger } = this.#parts
    try {
      const sight = await this.#look()
      if (sight.kind === 'turn' && sight.turn === this.#state.self.turn) {
        if (!this.#over.signal.aborted) await this.#push(sight.tip, await this.#record(sight.tip))
      } else this.#sinceMs = undefined
    } catch (thrown) {
      logger.debug('a beat of a turn was not heard', { branch: this.branch, error: messageOf(thrown) })
    }
    if (this.#sinceMs !== undefined && clock.monotonicMs() - this.#sinceMs >= TURN_MS_MAX) this.#sinceMs = undefined
    if (this.#sinceMs !== undefined) this.#armBeat()
  }

  /** What the ref shows now. Rejects when the remote does not answer. */
  async #look(): Promise<Sight> {
    const { store } = this.#parts
    const tip = (await store.tips(this.#ref)).get(this.#ref)
    if (tip === undefined) return { kind: 'nobody' }
    if (this.#known?.tip !== tip) this.#known = await this.#read(tip)
    if (this.#known.kind === 'turn' && this.#known.turn === this.#state.self.turn) this.#mine = tip
    return this.#known
  }

  async #read(tip: Oid): Promise<Exclude<Sight, { kind: 'nobody' }>> {
    const history = await this.#parts.store.history(this.#ref, tip, { limit: 1 })
    const [commit] = history.ok ? history.value : []
    const opened = commit === undefined ? undefined : this.#parts.openTurn(commit.message, { branch: this.branch, parent: commit.parent })
    if (opened?.ok !== true) return { kind: 'junk', tip }
    const { node, turn, lengthMs } = opened.value
    return { kind: 'turn', tip, node, turn, lengthMs }
  }

  /** One push. `moved`: another was faster. */
  async #push(from: Oid | null, to: Oid | null): Promise<'done' | 'moved' | 'failed'> {
    const { store, pushed } = this.#parts
    const before = this.#mine
    if (to !== null) this.#mine = to
    const answer = (await store.push([{ ref: this.#ref, from, to }], { atomic: false })).get(this.#ref)
    if (answer?.kind === 'accepted') {
      pushed(undefined)
      if (to !== null) this.#known = { kind: 'turn', tip: to, ...this.#state.self }
      return 'done'
    }
    if (answer?.kind !== 'refused') return 'failed'
    this.#mine = before
    if (((await store.tips(this.#ref)).get(this.#ref) ?? null) !== from) return 'moved'
    pushed(answer.reason)
    return 'failed'
  }

  #record(parent: Oid | null): Promise<Oid> {
    const { store, signer, entropy, clock, mark } = this.#parts
    const { node, turn, lengthMs } = this.#state.self
    const atSeconds = Math.floor(clock.wallMs() / 1_000)
    const message = sealTurn({ version: 1, branch: this.branch, node, turn, leaf: this.#leaf, lengthMs, nonce: entropy.uuid(), parent, atSeconds }, signer, mark)
    return store.create({ parent, atSeconds, message })
  }

  async #pause(ms: number): Promise<void> {
    const { clock, entropy } = this.#parts
    await clock.delay(Math.ceil(ms * (0.5 + entropy.fraction() / 2)), { signal: this.#over.signal }).catch(() => {
      // Only the signal rejects it; the loop looks at that.
    })
  }
}
