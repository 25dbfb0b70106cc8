import { createHash } from 'node:crypto'
import type { Checker, Truth, Violation } from './checker.ts'
import type { Happening, Stamped } from './events.ts'

const VIOLATIONS_MAX = 20

/** Everything that happens, in order: digested, shown to each checker, and kept when somebody wants to read it. */
export class Trace {
  readonly violations: Violation[] = []
  readonly kept: Stamped[] = []
  readonly #hash = createHash('sha256')
  readonly #checkers: readonly Checker[]
  readonly #keep: boolean
  readonly #truth: () => Truth
  readonly #counts: (happening: Happening) => void
  #length = 0

  constructor(options: { readonly checkers: readonly Checker[]; readonly keep: boolean; readonly truth: () => Truth; readonly counts: (happening: Happening) => void }) {
    this.#checkers = options.checkers
    this.#keep = options.keep
    this.#truth = options.truth
    this.#counts = options.counts
  }

  get length(): number { return this.#length }

  readonly add = (happening: Happening): void => {
    const truth = this.#truth()
    const stamped: Stamped = { ...happening, atMs: Math.round(truth.nowMs * 1_000) / 1_000 }
    this.#length += 1
    this.#hash.update(JSON.stringify(stamped)).update('\n')
    if (this.#keep) this.kept.push(stamped)
    this.#counts(happening)
    for (const checker of this.#checkers) this.#report(checker, checker.see(stamped, truth), stamped.atMs)
  }

  /** After the end; the digest of the whole. */
  finish(): string {
    const truth = this.#truth()
    for (const checker of this.#checkers) this.#report(checker, checker.finish?.(truth) ?? [], truth.nowMs)
    return this.#hash.digest('hex').slice(0, 16)
  }

  #report(checker: Checker, broken: readonly string[], atMs: number): void {
    for (const what of broken) if (this.violations.length < VIOLATIONS_MAX) this.violations.push({ checker: checker.name, atMs, what })
  }
}
