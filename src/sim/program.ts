import { EventEmitter } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Oid } from '../core/mod.ts'
import type { SandboxEnd, SandboxProcess, SandboxSpec } from '../ports/mod.ts'
import type { SimSandboxOptions } from './sandbox.ts'

/** What a program does, if nobody ends it. */
export interface Plan {
  readonly kind: 'agent' | 'check'
  readonly number: string | undefined
  readonly commit: Oid | undefined
  readonly forMs: number | undefined
  readonly outcome: 'exited' | 'out-of-memory' | 'disk-full'
  readonly droppedBytes: number
  /** As its last act. */
  readonly work: () => { readonly code: number; readonly stdout: string; readonly stderr: string }
}

export interface ProgramParts extends Pick<SimSandboxOptions, 'process' | 'chance' | 'node' | 'profile' | 'emit' | 'programs'> {
  readonly name: string
  readonly open: Set<string>
  readonly plan: Plan
}

/** One run of a program, as the machine and as its node see it. */
export class Program implements SandboxProcess {
  readonly stdin = NO_INPUT
  readonly #stdout = new Output()
  readonly #stderr = new Output()
  readonly #parts: ProgramParts
  readonly #spec: SandboxSpec
  readonly #startedMs: number
  readonly #ended = Promise.withResolvers<SandboxEnd>()
  readonly #disarm: () => void
  /** Why it was told to end, once it was. */
  #told: 'timeout' | 'killed' | undefined
  /** As the machine sees it; the process may hear of it later. */
  #gone = false

  constructor(spec: SandboxSpec, parts: ProgramParts) {
    this.#spec = spec
    this.#parts = parts
    const { process, plan, programs, open, name } = parts
    programs.add(name)
    open.add(name)
    this.#startedMs = process.monotonicMs()
    // The node's own timer ends what takes too long: while it is stopped, nobody does.
    this.#disarm = process.arm(spec.limits.timeoutMs, () => { this.#tell('timeout') })
    spec.signal?.addEventListener('abort', this.#aborted, { once: true })
    if (plan.forMs !== undefined) this.#endIn(plan.forMs, () => ({ outcome: plan.outcome, ...plan.work() }))
  }

  get stdout(): Readable { return this.#stdout as unknown as Readable }
  get stderr(): Readable { return this.#stderr as unknown as Readable }
  get ended(): Promise<SandboxEnd> { return this.#ended.promise }

  kill(): Promise<SandboxEnd> {
    this.#tell('killed')
    return this.#ended.promise
  }

  readonly #aborted = (): void => { this.#tell('killed') }

  #tell(why: 'timeout' | 'killed'): void {
    if (this.#told !== undefined || this.#gone) return
    this.#told = why
    const { chance, profile } = this.#parts
    this.#endIn(Math.min(this.#spec.limits.graceMs, chance.delayMs(profile().kill)))
  }

  /** It ends then, whoever still listens. */
  #endIn(afterMs: number, last?: () => Ended): void {
    const { process, name, programs, open, node, emit, plan } = this.#parts
    let ended: Ended | undefined
    const heard = process.answer(afterMs, () => {
      if (this.#gone) return
      this.#gone = true
      programs.delete(name)
      open.delete(name)
      if (!process.alive) return
      // Who ends politely when told to was still told to.
      ended = this.#told === undefined && last !== undefined ? last() : { outcome: this.#told ?? 'killed', code: null, stdout: '', stderr: '' }
      if (plan.kind === 'check') {
        emit({ kind: 'ran', node, life: process.life, what: 'check', number: plan.number, commit: plan.commit, green: ended.outcome === 'exited' ? ended.code === 0 : undefined })
      }
    })
    void heard.then(() => { if (ended !== undefined) this.#hear(ended) })
  }

  #hear({ outcome, code, stdout, stderr }: Ended): void {
    const { process, plan, chance } = this.#parts
    this.#disarm()
    this.#spec.signal?.removeEventListener('abort', this.#aborted)
    this.#stdout.finish(stdout)
    this.#stderr.finish(stderr)
    const wallMs = process.monotonicMs() - this.#startedMs
    this.#ended.resolve({
      outcome, code: outcome === 'exited' ? code : null, outputBytesDropped: plan.droppedBytes,
      usage: { wallMs, cpuMs: wallMs / 2, memoryBytesPeak: 1_000_000 + chance.integer(100_000_000), processesPeak: 2, source: 'exact' },
    })
  }
}

interface Ended {
  readonly outcome: SandboxEnd['outcome']
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** As much of a readable stream as is used here, for a hundredth of its cost: all it has comes at its end. */
class Output extends EventEmitter {
  #text: string | undefined
  #asked = false

  finish(text: string): void {
    this.#text = text
    this.#deliver()
  }

  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    super.on(event, listener as (...args: unknown[]) => void)
    if (event === 'data') {
      this.#asked = true
      // Whoever listens for the data goes on to listen for the end.
      queueMicrotask(() => { this.#deliver() })
    }
    return this
  }

  resume(): this {
    this.#asked = true
    queueMicrotask(() => { this.#deliver() })
    return this
  }

  async* [Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const read = Promise.withResolvers<string>()
    let text = ''
    this.once('end', () => { read.resolve(text) })
    this.on('data', (chunk: Buffer) => { text += chunk.toString('utf8') })
    yield Buffer.from(await read.promise)
  }

  #deliver(): void {
    if (this.#text === undefined || !this.#asked) return
    const text = this.#text
    this.#text = undefined
    if (text !== '') this.emit('data', Buffer.from(text))
    this.emit('end')
    this.emit('close')
  }
}

/** Takes anything and keeps nothing. */
const NO_INPUT = {
  on: () => NO_INPUT, once: () => NO_INPUT, off: () => NO_INPUT, removeListener: () => NO_INPUT,
  write: () => true, end: () => NO_INPUT, destroy: () => NO_INPUT,
} as unknown as Writable
