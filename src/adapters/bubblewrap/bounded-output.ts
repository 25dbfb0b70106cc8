import { Readable } from 'node:stream'

/**
 * The first `bytesMax` bytes of a stream, kept for whoever reads them, whenever; the rest is counted and dropped.
 * The source is always drained, so that a reader who is slow (or gone) never stops a task.
 */
export class BoundedOutput extends Readable {
  readonly #bytesMax: number
  #kept = 0
  #dropped = 0

  constructor(bytesMax: number) {
    // One buffer of the whole allowance: `accept` pushes without asking for back-pressure.
    super({ highWaterMark: bytesMax + 1 })
    this.#bytesMax = bytesMax
  }

  get bytesDropped(): number { return this.#dropped }

  accept(chunk: Buffer): void {
    if (this.destroyed) return
    const room = this.#bytesMax - this.#kept
    const part = chunk.byteLength <= room ? chunk : chunk.subarray(0, room)
    this.#kept += part.byteLength
    this.#dropped += chunk.byteLength - part.byteLength
    if (part.byteLength > 0) this.push(part)
  }

  end(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null)
  }

  override _read(): void {
    // Data comes by `accept`.
  }
}
