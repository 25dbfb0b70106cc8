import type { Readable } from 'node:stream'
import type { SandboxEnd, SandboxProcess } from '../../ports/mod.ts'

export interface Collected {
  readonly end: SandboxEnd
  readonly stdout: string
  readonly stderr: string
}

/** Gives a program no input, reads what it prints and waits until all its processes are gone. */
export const collect = async (process: SandboxProcess, outputBytesMax: number): Promise<Collected> => {
  // A program that ends before it read its (empty) input breaks the pipe: no news.
  process.stdin.on('error', () => undefined)
  process.stdin.end()
  const [stdout, stderr, end] = await Promise.all([readAll(process.stdout, outputBytesMax), readAll(process.stderr, outputBytesMax), process.ended])
  return { end, stdout, stderr }
}

/** What comes after the limit is read and dropped, so that the program does not block on a full pipe. */
const readAll = (stream: Readable, bytesMax: number): Promise<string> => new Promise((resolve) => {
  const chunks: Buffer[] = []
  let bytes = 0
  const finish = (): void => resolve(Buffer.concat(chunks).toString('utf8'))
  stream.on('data', (chunk: Buffer | string) => {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes < bytesMax) chunks.push(buffer.subarray(0, bytesMax - bytes))
    bytes += buffer.byteLength
  })
  stream.once('end', finish)
  stream.once('close', finish)
  // A pipe that breaks has no more to say; how the program ended is told by `ended`.
  stream.once('error', finish)
})
