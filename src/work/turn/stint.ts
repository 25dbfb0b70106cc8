import { ChorusError, messageOf } from '../../core/mod.ts'
import type { Oid, RefName } from '../../core/mod.ts'
import type { Clock, Entropy, Logger, RefStore, Signer } from '../../ports/mod.ts'
import { begin, FRONT_MS_MAX, step } from './machine.ts'
import type { Sight, TurnEffect, TurnInput, TurnState } from './machine.ts'
import { openTurn, sealTurn } from './record.ts'
import type { Ticket } from './record.ts'
import type { TurnTimes } from './settings.ts'

/** How a wait ended. `passed`: there was none, nobody else merges. `without`: it is of no use, or was ended. */
export type LinedUp = 'passed' | 'mine' | 'without'

/** What the stints of one repository share. */
export interface StintParts {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly times: TurnTimes
  readonly mark: string
  /** Tickets of this process. */
  readonly own: Set<string>
  /** Told of every push: why it was refused where nobody else had moved the ref, or that it was not. */
  readonly pushed: (refusal: string | undefined) => void
}

/** Questions or pushes in a row that came to nothing. */
const FAILURES_MAX = 4
/** Who leaves is pushed aside by who joins, so many times; then its time runs out by itself. */
const LEAVE_TRIES_MAX = 5
/** Who is further back looks less often, up to so many times the pause. */
const AHEAD_MAX = 5
const BEAT_TRIES_MAX = 3

/** One ticket's way through the line: I/O around the machine. Everything here may fail without harm. */
export class Stint {
  readonly branch: string
  readonly #ref: RefName
  readonly #parts: StintParts
  readonly #over = new AbortController()
  #state: TurnState
  #known: Exclude<Sight, { kind: 'nobody' }> | undefined
  /** Something was pushed that may have put it in line. */
  #mayBeIn = false
  #frontSinceMs: number | undefined
  #lining: Promise<unknown> = Promise.resolve()
  #beating: Promise<unknown> = Promise.resolve()
  #disarm: (() => void) | undefined

  constructor(about: { readonly branch: string; readonly ref: RefName; readonly ticket: Ticket }, parts: StintParts) {
    this.branch = about.branch
    this.#ref = about.ref
    this.#parts = parts
    this.#state = begin(about.ticket)
  }

  /** Never rejects. */
  lineUp(needed: boolean): Promise<LinedUp> {
    if (this.#frontSinceMs !== undefined) return Promise.resolve('passed')
    const lining = this.#lineUp(needed)
    this.#lining = lining
    return lining
  }

  /** Ends a wait at once; resolves when nothing of it is under way. Never rejects. */
  async leave(): Promise<void> {
    this.#over.abort(new Error('it left the line'))
    this.#disarm?.()
    await Promise.all([this.#lining, this.#beating])
    const { own, logger } = this.#parts
    try {
      if (this.#mayBeIn) await this.#tryToLeave()
    } catch (thrown) {
      // Its time runs out by itself.
      logger.debug('the line before a branch could not be left', { branch: this.branch, error: messageOf(thrown) })
    } finally {
      own.delete(this.#state.ticket.id)
    }
  }

  async #lineUp(needed: boolean): Promise<LinedUp> {
    const { clock, times, logger, own } = this.#parts
    const untilMs = clock.monotonicMs() + times.waitMsMax
    for (let failures = 0; !this.#over.signal.aborted && failures < FAILURES_MAX && clock.monotonicMs() < untilMs;) {
      try {
        const effect = this.#step({ kind: 'look', sight: await this.#look(), needed, own })
        switch (effect.kind) {
          case 'pass': return 'passed'
          case 'mine': this.#hold(); return 'mine'
          case 'wait': failures = 0; await this.#pause(times.lookMs * Math.min(effect.ahead, AHEAD_MAX)); break
          default: {
            const answer = await this.#carryOut(effect)
            if (answer === 'failed') failures += 1
            if (answer !== 'done') await this.#pause(times.lookMs)
          }
        }
      } catch (thrown) {
        if (this.#over.signal.aborted) break
        logger.debug('the line before a branch could not be seen', { branch: this.branch, error: messageOf(thrown) })
        if (!(thrown instanceof ChorusError) || !thrown.retryable) break
        failures += 1
        await this.#pause(times.lookMs * failures)
      }
    }
    return 'without'
  }

  #hold(): void {
    this.#frontSinceMs = this.#parts.clock.monotonicMs()
    this.#beating = this.#beat()
  }

  #armBeat(): void {
    const { clock, times } = this.#parts
    this.#disarm = clock.arm(times.beatMs, () => { this.#beating = this.#beat() })
  }

  /** Says that it is at work. A beat that fails is followed by the next; one that finds it passed over is the last. */
  async #beat(): Promise<void> {
    const { clock, logger } = this.#parts
    try {
      for (let tries = 0; tries < BEAT_TRIES_MAX && !this.#over.signal.aborted; tries += 1) {
        const effect = this.#step({ kind: 'beat', sight: await this.#look() })
        if (effect.kind === 'out') this.#frontSinceMs = undefined
        if (effect.kind === 'out' || await this.#carryOut(effect) !== 'moved') break
      }
    } catch (thrown) {
      logger.debug('a beat of a turn was not heard', { branch: this.branch, error: messageOf(thrown) })
    }
    if (this.#frontSinceMs !== undefined && clock.monotonicMs() - this.#frontSinceMs >= FRONT_MS_MAX) this.#frontSinceMs = undefined
    if (this.#frontSinceMs !== undefined && !this.#over.signal.aborted) this.#armBeat()
  }

  async #tryToLeave(): Promise<void> {
    const { times, clock, entropy } = this.#parts
    for (let tries = 0; tries < LEAVE_TRIES_MAX; tries += 1) {
      const effect = this.#step({ kind: 'leave', sight: await this.#look() })
      if (effect.kind === 'out' || await this.#carryOut(effect) === 'done') return
      await clock.delay(entropy.integer(Math.max(1, times.lookMs)))
    }
  }

  #step(input: TurnInput): TurnEffect {
    const { state, effect } = step(this.#state, input, this.#parts.clock.monotonicMs())
    this.#state = state
    return effect
  }

  /** What the ref shows now. Rejects when the remote does not answer. */
  async #look(): Promise<Sight> {
    const { store } = this.#parts
    const tip = (await store.tips(this.#ref)).get(this.#ref)
    if (tip === undefined) return { kind: 'nobody' }
    if (this.#known?.tip !== tip) this.#known = await this.#read(tip)
    return this.#known
  }

  async #read(tip: Oid): Promise<Exclude<Sight, { kind: 'nobody' }>> {
    const history = await this.#parts.store.history(this.#ref, tip, { limit: 1 })
    const [commit] = history.ok ? history.value : []
    const turn = commit === undefined ? undefined : openTurn(commit.message, { branch: this.branch, parent: commit.parent })
    return turn?.ok === true ? { kind: 'line', tip, line: turn.value.line } : { kind: 'junk', tip }
  }

  /** One push. `moved`: another was faster. */
  async #carryOut(effect: TurnEffect): Promise<'done' | 'moved' | 'failed'> {
    if (effect.kind !== 'write' && effect.kind !== 'clear') return 'done'
    const { store, pushed } = this.#parts
    const { from } = effect
    const to = effect.kind === 'clear' ? null : await this.#create(from, effect.line)
    if (effect.kind === 'write') this.#mayBeIn = true
    const answer = (await store.push([{ ref: this.#ref, from, to }], { atomic: false })).get(this.#ref)
    if (answer?.kind === 'accepted') {
      pushed(undefined)
      if (effect.kind === 'write' && to !== null) this.#known = { kind: 'line', tip: to, line: effect.line }
      return 'done'
    }
    if (answer?.kind !== 'refused') return 'failed'
    if (((await store.tips(this.#ref)).get(this.#ref) ?? null) !== from) return 'moved'
    pushed(answer.reason)
    return 'failed'
  }

  #create(parent: Oid | null, line: readonly Ticket[]): Promise<Oid> {
    const { store, signer, entropy, clock, mark } = this.#parts
    const atSeconds = Math.floor(clock.wallMs() / 1_000)
    const message = sealTurn({ version: 1, branch: this.branch, line, node: signer.node, nonce: entropy.uuid(), parent, atSeconds }, signer, mark)
    return store.create({ parent, atSeconds, message })
  }

  async #pause(ms: number): Promise<void> {
    const { clock, entropy } = this.#parts
    await clock.delay(Math.ceil(ms * (0.75 + entropy.fraction() / 2)), { signal: this.#over.signal }).catch(() => {
      // Only the signal rejects it; the loop looks at that.
    })
  }
}
