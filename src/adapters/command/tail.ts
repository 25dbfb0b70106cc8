import type { Readable } from 'node:stream'

/** The last part of what a stream says: `text()` at any time, at most `charactersMax`. Reads to the end, so that the writer is never held up. */
export interface Tail {
  text(): string
  readonly done: Promise<void>
}

export const tailOf = (stream: Readable, charactersMax: number, onText?: (text: string) => void): Tail => {
  const decoder = new TextDecoder()
  let held = ''
  const done = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Uint8Array | string) => {
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
      held = (held + text).slice(-charactersMax)
      onText?.(text)
    })
    stream.once('close', resolve)
    stream.once('end', resolve)
    // A broken pipe is how a killed program ends; its outcome is told by the sandbox.
    stream.once('error', () => resolve())
  })
  return { text: () => held, done }
}
