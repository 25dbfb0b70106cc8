import { describe, expect, it } from 'vitest'
import { UsageReader } from './token-usage.ts'

const EVENTS = 'text/event-stream; charset=utf-8'
const events = (...values: readonly unknown[]): string => `${values.map((value) => `event: x\ndata: ${JSON.stringify(value)}\n\n`).join('')}data: [DONE]\n\n`

/** In pieces of every size, so that no border matters. */
const read = (contentType: string, text: string, pieceBytes: number): { input: number; output: number; isReported: boolean } => {
  const reader = new UsageReader(contentType)
  for (let at = 0; at < text.length; at += pieceBytes) reader.accept(Buffer.from(text.slice(at, at + pieceBytes)))
  return reader.end()
}

describe('UsageReader', () => {
  it.each([
    ['a chat answer', 'application/json', JSON.stringify({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } }, null, 2), 11, 7],
    ['a streamed chat answer', EVENTS, events({ choices: [{}], usage: null }, { choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } }), 11, 7],
    ['a streamed response', EVENTS, events({ type: 'response.created', response: { usage: null } }, { type: 'response.completed', response: { usage: { input_tokens: 5, output_tokens: 6 } } }), 5, 6],
    ['a message', 'application/json', JSON.stringify({ usage: { input_tokens: 4, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, output_tokens: 9 } }), 124, 9],
    ['a streamed message', EVENTS, events({ type: 'message_start', message: { usage: { input_tokens: 30, output_tokens: 1 } } }, { type: 'message_delta', usage: { output_tokens: 12 } }, { type: 'message_delta', usage: { output_tokens: 15 } }), 30, 15],
    ['Ollama lines', 'application/x-ndjson', `${JSON.stringify({ message: {}, done: false })}\n${JSON.stringify({ done: true, prompt_eval_count: 26, eval_count: 298 })}\n`, 26, 298],
  ])('reads %s', (_name, contentType, text, input, output) => {
    for (const pieceBytes of [1, 7, 64, 100_000]) expect(read(contentType, text, pieceBytes)).toEqual({ input, output, isReported: true })
  })

  it('charges an answer that reports nothing, or nonsense, by its length', () => {
    expect(read(EVENTS, events({ text: 'x'.repeat(400) }), 50)).toMatchObject({ isReported: false, output: expect.any(Number) })
    expect(read(EVENTS, events({ text: 'x'.repeat(400) }), 50).output).toBeGreaterThan(100)
    expect(read('application/json', '{"usage":{"prompt_tokens":-5,"completion_tokens":"no"}}', 10)).toEqual({ input: 0, output: 14, isReported: false })
    expect(read('application/json', '{{{{', 10)).toEqual({ input: 0, output: 1, isReported: false })
  })
})
