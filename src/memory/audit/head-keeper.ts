import { isoTime } from '../../core/mod.ts'
import type { Clock, LogStore, Signer } from '../../ports/mod.ts'
import { formatSignedHead, signHead } from './head.ts'
import type { SignedHead } from './head.ts'

/** A small file replaced as a whole; `write` resolves when it survives power loss. */
export interface HeadFile {
  write(text: string): Promise<void>
  read(): Promise<string | undefined>
}

export interface LogEnd {
  readonly length: number
  /** Hash of the last entry. */
  readonly last: string
}

/** Keeps the signed head behind the log by one write at a time: entries that come meanwhile share the next one. */
export class HeadKeeper {
  readonly #parts: { readonly store: LogStore; readonly head: HeadFile; readonly signer: Signer; readonly clock: Clock }
  #end: LogEnd | undefined
  #current: SignedHead | undefined
  #pump: Promise<void> | undefined

  constructor(parts: { readonly store: LogStore; readonly head: HeadFile; readonly signer: Signer; readonly clock: Clock }) {
    this.#parts = parts
  }

  /** The last durable one; undefined before start. */
  get current(): SignedHead | undefined { return this.#current }

  async start(known: SignedHead | undefined, end: LogEnd): Promise<void> {
    this.#end = end
    if (known?.length === end.length) this.#current = known
    else await this.#sign()
  }

  /** Resolves when a head that holds these entries is durable. Ends come in the log's order. */
  async cover(end: LogEnd): Promise<void> {
    this.#end = end
    while ((this.#current?.length ?? 0) < end.length) {
      this.#pump ??= this.#sign().finally(() => { this.#pump = undefined })
      await this.#pump
    }
  }

  async #sign(): Promise<void> {
    const { store, signer, clock, head } = this.#parts
    if (this.#end === undefined) return
    const { length, last } = this.#end
    const treeHash = Buffer.from(await store.treeHash(length)).toString('hex')
    const signed = signHead(signer, { key: Buffer.from(store.key).toString('hex'), length, last, treeHash, at: isoTime(clock.wallMs()) })
    await head.write(formatSignedHead(signed))
    this.#current = signed
  }
}
