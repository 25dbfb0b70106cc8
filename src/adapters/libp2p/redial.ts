/**
 * When to try an unreachable peer again. libp2p tells of a peer once and never dials it again by itself, so that after
 * a healed cut nobody calls (measured): somebody has to keep the list. Pure; times are milliseconds of one clock.
 */
export class RedialPlan {
  readonly #intervalMs: number
  readonly #failures = new Map<string, { readonly count: number; readonly sinceMs: number; readonly nextMs: number }>()
  readonly #dialling = new Set<string>()

  constructor(options: { readonly intervalMs: number }) {
    this.#intervalMs = options.intervalMs
  }

  /** Which of the unconnected candidates to dial now: those whose turn it is, least tried first, DIALS_MAX at a time. */
  due(candidates: readonly string[], nowMs: number): readonly string[] {
    this.#forgetOthers(candidates)
    return candidates
      .filter((candidate) => !this.#dialling.has(candidate) && (this.#failures.get(candidate)?.nextMs ?? -Infinity) <= nowMs)
      .sort((a, b) => (this.#failures.get(a)?.count ?? 0) - (this.#failures.get(b)?.count ?? 0))
      .slice(0, Math.max(0, DIALS_MAX - this.#dialling.size))
  }

  dialled(candidate: string): void { this.#dialling.add(candidate) }

  succeeded(candidate: string): void {
    this.#dialling.delete(candidate)
    this.#failures.delete(candidate)
  }

  /** Waits longer after each failure, up to WAIT_MS_MAX. True = it has failed for so long that it may be forgotten. */
  failed(candidate: string, nowMs: number): boolean {
    this.#dialling.delete(candidate)
    const before = this.#failures.get(candidate)
    const count = (before?.count ?? 0) + 1
    const sinceMs = before?.sinceMs ?? nowMs
    this.#failures.set(candidate, { count, sinceMs, nextMs: nowMs + Math.min(WAIT_MS_MAX, this.#intervalMs * (count - 1)) })
    return nowMs - sinceMs >= FORGET_AFTER_MS
  }

  /** What is no candidate any more is connected or unknown: it starts afresh next time. */
  #forgetOthers(candidates: readonly string[]): void {
    const known = new Set(candidates)
    for (const candidate of this.#failures.keys()) if (!known.has(candidate)) this.#failures.delete(candidate)
  }
}

const DIALS_MAX = 16
const WAIT_MS_MAX = 10_000
const FORGET_AFTER_MS = 60 * 60_000
