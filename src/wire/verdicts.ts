import type { Verdict } from '../ports/mod.ts'

/**
 * Every way a message can be judged (docs/protocol.md §1.5). `reject` is held against the peer that passed it on, so
 * it is only for what every honest node sees the same way, whatever its clock, load and history; all else is `ignore`.
 */
export const JUDGEMENTS = {
  delivered: 'accept',
  /** Addressed to other roles: passed on, not dispatched here. */
  'not-for-me': 'accept',

  'version-unknown': 'ignore',
  'type-unknown': 'ignore',
  'author-refused': 'ignore',
  'hop-limit': 'ignore',
  expired: 'ignore',
  'from-the-future': 'ignore',
  replayed: 'ignore',
  'rate-limited': 'ignore',
  'window-full': 'ignore',

  'too-large': 'reject',
  'not-json': 'reject',
  'envelope-invalid': 'reject',
  'topic-mismatch': 'reject',
  'author-mismatch': 'reject',
  'lifetime-invalid': 'reject',
  'signature-invalid': 'reject',
  'data-invalid': 'reject',
} as const satisfies Record<string, Verdict>

export type JudgementReason = keyof typeof JUDGEMENTS

/** How often each reason was given since the start: a bounded set of labels, for metrics. */
export class JudgementCounts {
  readonly #counts = new Map<JudgementReason, number>()

  add(reason: JudgementReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  of(reason: JudgementReason): number { return this.#counts.get(reason) ?? 0 }

  /** Every reason, zeros included. */
  snapshot(): Readonly<Record<JudgementReason, number>> {
    const all = {} as Record<JudgementReason, number>
    for (const reason of Object.keys(JUDGEMENTS) as JudgementReason[]) all[reason] = this.of(reason)
    return all
  }
}
