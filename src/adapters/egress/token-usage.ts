/** Tokens that one answer of a model reports, whatever API it speaks. */
export interface TokenUsage { input: number; output: number; isReported: boolean }

const TEXT_BYTES_MAX = 4 * 2 ** 20

/**
 * Reads an answer as it streams by: lines of JSON (Ollama) or server-sent events, by the answer's content type, else one
 * JSON document. Reports are cumulative within an answer, so the highest counts.
 */
export class UsageReader {
  readonly #isLines: boolean
  readonly #usage: TokenUsage = { input: 0, output: 0, isReported: false }
  #text = ''
  #bytes = 0

  constructor(contentType: string | undefined) { this.#isLines = /event-stream|ndjson|jsonl/i.test(contentType ?? '') }

  accept(chunk: Buffer): void {
    this.#bytes += chunk.byteLength
    // Counts and names are ASCII; latin1 never splits a character.
    this.#text += chunk.toString('latin1')
    if (this.#isLines) {
      const lines = this.#text.split('\n')
      this.#text = lines.pop() ?? ''
      for (const line of lines) this.#line(line)
    }
    // Nothing honest is that long: what it reports is lost, and it is charged by its length.
    if (this.#text.length > TEXT_BYTES_MAX) this.#text = ''
  }

  /** What was read; an answer that reports nothing is charged by its length, so that silence is no way round a cap. */
  end(): TokenUsage {
    this.#line(this.#text)
    if (!this.#usage.isReported) this.#usage.output = Math.ceil(this.#bytes / BYTES_PER_TOKEN)
    return { ...this.#usage }
  }

  #line(line: string): void {
    const body = line.startsWith('data:') ? line.slice(5) : line
    if (!body.trimStart().startsWith('{')) return
    try {
      this.#look(JSON.parse(body))
    } catch {
      // No JSON: nothing to count.
    }
  }

  /** OpenAI chat and responses, Anthropic messages, Ollama. */
  #look(value: unknown): void {
    const top = record(value)
    for (const usage of [record(top['usage']), record(record(top['response'])['usage']), record(record(top['message'])['usage'])]) {
      this.#take(sum(usage['input_tokens'], usage['cache_creation_input_tokens'], usage['cache_read_input_tokens']) ?? count(usage['prompt_tokens']), count(usage['output_tokens']) ?? count(usage['completion_tokens']))
    }
    this.#take(count(top['prompt_eval_count']), count(top['eval_count']))
  }

  #take(input: number | undefined, output: number | undefined): void {
    if (input === undefined && output === undefined) return
    this.#usage.isReported = true
    this.#usage.input = Math.max(this.#usage.input, input ?? 0)
    this.#usage.output = Math.max(this.#usage.output, output ?? 0)
  }
}

/** A rule of thumb for texts whose tokens nobody counted. */
export const BYTES_PER_TOKEN = 4

const record = (value: unknown): Record<string, unknown> => typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
const count = (value: unknown): number | undefined => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
const sum = (...values: readonly unknown[]): number | undefined => {
  const counts = values.map(count).filter((value) => value !== undefined)
  return counts.length === 0 ? undefined : counts.reduce((total, value) => total + value, 0)
}
