import type { Redactor } from './redactor.ts'
import { openPrivateKey } from './private-keys.ts'

/** Held back at the end of what is known, for a secret whose name stands before it. */
const CONTEXT_CHARACTERS = 1_024
/** Searched when this much is new; smaller pieces wait, so that a stream of single characters is not searched for each. */
const STEP_CHARACTERS = 4_096
/** A run without white space that is longer goes out in pieces of this length, each searched with what follows it. */
const HELD_CHARACTERS_MAX = 64 * 1024

/**
 * Redacts output as it comes, a secret across any number of chunks included: gives out only whole lines or words that lie
 * well before the end, and holds the rest. Not for concurrent use: await each call. A denying rule redacts here, since
 * what was given out before cannot be taken back; `denied` tells the owner to stop.
 */
export class StreamRedactor {
  readonly #redactor: Redactor
  readonly #where: string
  #held = ''
  #searched = 0
  #denied = false

  constructor(redactor: Redactor, options: { readonly where: string }) {
    this.#redactor = redactor
    this.#where = options.where
  }

  get denied(): boolean { return this.#denied }

  /** What may be given out now; often nothing. */
  async push(chunk: string): Promise<string> {
    this.#held += chunk
    if (this.#held.length - this.#searched < STEP_CHARACTERS) return ''
    return this.#release(safeCut(this.#held))
  }

  /** The rest. The stream may go on afterwards as a new one. */
  end(): Promise<string> { return this.#release(this.#held.length) }

  async #release(cut: number): Promise<string> {
    const held = this.#held
    const findings = await this.#redactor.inspect(held)
    let end = cut
    // A secret that lies across the cut stays in whole.
    for (const finding of findings) if (finding.start < end && finding.end > end) end = finding.start
    // Unless that would hold more than the limit: then it goes in whole.
    if (cut < held.length && held.length - end > HELD_CHARACTERS_MAX) {
      end = cut
      for (const finding of findings) if (finding.start < end && finding.end > end) end = finding.end
    }
    const inside = findings.filter((finding) => finding.end <= end)
    this.#denied ||= inside.some((finding) => finding.action === 'deny')
    this.#held = held.slice(end)
    this.#searched = this.#held.length
    return this.#redactor.apply(held.slice(0, end), inside, { where: this.#where })
  }
}

/** A place between two lines or words, far enough from the end and before any private key that is still coming in. */
const safeCut = (text: string): number => {
  const end = Math.min(text.length - CONTEXT_CHARACTERS, openPrivateKey(text) ?? text.length)
  if (end <= 0) return 0
  const line = text.lastIndexOf('\n', end - 1)
  if (line >= 0) return line + 1
  const word = text.lastIndexOf(' ', end - 1)
  if (word >= 0) return word + 1
  return text.length > HELD_CHARACTERS_MAX ? end : 0
}
