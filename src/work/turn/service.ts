import type { TaskKey } from '../../core/mod.ts'
import type { Clock, Entropy, Logger, RefStore, Signer } from '../../ports/mod.ts'
import { claimNames, CLAIMS_ROOT, leafOf } from '../claims/mod.ts'
import type { ClaimNames } from '../claims/mod.ts'
import { openTurn } from './record.ts'
import type { TurnOpener } from './record.ts'
import { turnTimes } from './settings.ts'
import type { TurnTimes } from './settings.ts'
import { Stint } from './stint.ts'
import type { LinedUp, StintParts } from './stint.ts'

export interface MergeTurnsComponents {
  readonly store: RefStore
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  /** Default: `openTurn`. */
  readonly openTurn?: TurnOpener | undefined
}

export interface MergeTurnsInit {
  /** As of the claims. */
  readonly namespace?: string | undefined
  readonly leaseMs: number
}

/** In a row, with nobody else at the ref: from then on it is left alone for a while. */
const REFUSALS_MAX = 3

/** Whose turn it is to merge, repository by repository. Advice: nothing that is safe rests on it (docs/protocol.md §3.7). */
export class MergeTurns {
  readonly #components: MergeTurnsComponents
  readonly #names: ClaimNames
  readonly #times: TurnTimes
  readonly #own = new Set<string>()
  #refusals = 0
  #refusedUntilMs = -Infinity

  constructor(components: MergeTurnsComponents, { namespace = CLAIMS_ROOT, leaseMs }: MergeTurnsInit) {
    this.#components = components
    this.#names = claimNames(namespace)
    this.#times = turnTimes(leaseMs)
  }

  /** For one task on this node. No I/O. */
  of(key: TaskKey): MergeTurn { return new MergeTurn((branch) => this.#stint(key, branch)) }

  #stint(key: TaskKey, branch: string): Stint | undefined {
    const { clock, entropy } = this.#components
    if (clock.monotonicMs() < this.#refusedUntilMs) return undefined
    const turn = entropy.uuid()
    this.#own.add(turn)
    return new Stint({ branch, ref: this.#names.turn(branch), turn, leaf: leafOf(key) }, this.#parts())
  }

  #parts(): StintParts {
    return { ...this.#components, openTurn: this.#components.openTurn ?? openTurn, times: this.#times, mark: this.#names.mark, own: this.#own, pushed: this.#pushed }
  }

  readonly #pushed = (refusal: string | undefined): void => {
    const { clock, logger } = this.#components
    this.#refusals = refusal === undefined ? 0 : this.#refusals + 1
    if (this.#refusals < REFUSALS_MAX) return
    this.#refusals = 0
    this.#refusedUntilMs = clock.monotonicMs() + this.#times.refusedMs
    logger.warn('the remote takes no merge turns: nodes race for the branch', { namespace: this.#names.prefix, reason: refusal?.slice(0, 200) })
  }
}

/** One task's part in it; used again after `leave`. */
export class MergeTurn {
  readonly #open: (branch: string) => Stint | undefined
  #stint: Stint | undefined
  #leaving: Promise<unknown> = Promise.resolve()

  constructor(open: (branch: string) => Stint | undefined) { this.#open = open }

  /**
   * Waits while it is another's turn to merge into the branch, for an hour at most. `needed`: asks for a turn even where
   * nobody has one. Never rejects; at once when the turn is this task's already.
   */
  async lineUp(branch: string, { needed }: { readonly needed: boolean }): Promise<LinedUp> {
    if (this.#stint !== undefined && this.#stint.branch !== branch) void this.leave()
    this.#stint ??= this.#open(branch)
    return await this.#stint?.lineUp(needed) ?? 'without'
  }

  /** It is this task's turn, as far as is known. */
  get holds(): boolean { return this.#stint?.holds === true }

  /** Ends a wait at once, and gives the turn back, best effort. Resolves when nothing is under way. Never rejects. */
  async leave(): Promise<void> {
    const stint = this.#stint
    this.#stint = undefined
    if (stint !== undefined) this.#leaving = Promise.all([this.#leaving, stint.leave()])
    await this.#leaving
  }
}
