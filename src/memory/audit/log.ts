import { assert, ChorusError, isoTime, messageOf } from '../../core/mod.ts'
import type { Epoch, Oid, SessionId, TaskKey } from '../../core/mod.ts'
import type { Clock, LogStore, Signer } from '../../ports/mod.ts'
import type { Redacted } from '../redaction/mod.ts'
import { BEFORE_REDACTION, boundedData } from './bounded-data.ts'
import type { EntryFacts } from './bounded-data.ts'
import { entryHash, FIRST_PREV } from './entries.ts'
import type { Entry } from './entries.ts'
import { dataProblem, isEntryType } from './entry-types.ts'
import type { EntryData, EntryType } from './entry-types.ts'
import { HeadKeeper } from './head-keeper.ts'
import type { HeadFile } from './head-keeper.ts'
import type { SignedHead } from './head.ts'
import { sealEntry } from './seal.ts'
import { AuditState } from './state.ts'
import type { Intent, PerformanceHistory } from './state.ts'
import { headSignatureHolds } from './head.ts'
import type { HeadCheck } from './head.ts'
import { readEntries, takeUp } from './take-up.ts'

export interface EntryRedactor {
  redact(value: EntryFacts, options: { readonly where: string }): Promise<Redacted<EntryFacts>>
}

/** What is durable before a push, and how the push ended. */
export interface IntentLog {
  append(intent: { readonly key: TaskKey; readonly ref: string; readonly oid: Oid; readonly state: string; readonly epoch: Epoch }): Promise<void>
  unsettled(): Promise<readonly Intent[]>
  settled(oid: Oid, outcome: 'happened' | 'did-not-happen' | 'unknown'): Promise<void>
}

export interface AuditLogParts {
  readonly store: LogStore
  readonly head: HeadFile
  readonly signer: Signer
  readonly clock: Clock
  readonly redactor: EntryRedactor
  readonly session: SessionId
  /** Default: `headSignatureHolds`. */
  readonly headHolds?: HeadCheck | undefined
}

const IN_FLIGHT_MAX = 256

/**
 * This node's log: what happened, signed and chained. `append` resolves when entry and signed head survive power
 * loss. Many may append at once; they share the disk's writes. When the disk fails, every later append rejects
 * with LOG_UNAVAILABLE: a node that cannot log does not act. The store belongs to whoever opened it.
 */
export class AuditLog {
  readonly #parts: AuditLogParts
  readonly #state = new AuditState()
  readonly #head: HeadKeeper
  #next = { index: 0, prev: FIRST_PREV }
  #durable = { length: 0, last: FIRST_PREV }
  #inFlight = 0
  #failure: ChorusError | undefined
  readonly #broken = Promise.withResolvers<ChorusError>()
  #started: Promise<void> | undefined

  constructor(parts: AuditLogParts) {
    this.#parts = parts
    this.#head = new HeadKeeper(parts)
  }

  /** Compares the log with its signed head and reads it once. LOG_CORRUPT or STATE_INVALID when this node did not write it. */
  start(): Promise<void> {
    this.#started ??= this.#takeUp()
    return this.#started
  }

  get length(): number { return this.#durable.length }

  /** Resolves with the reason when the disk fails, else never: from then on the node cannot act, and somebody has to know. */
  get broken(): Promise<ChorusError> { return this.#broken.promise }

  /** Typed entries. Resolves with the index of the entry that was written. */
  append<T extends EntryType>(type: T, data: EntryData[T]): Promise<number> {
    return this.#append(type, data)
  }

  /** The same for callers that hold plain data: an unknown type or a missing field is INPUT_INVALID. */
  async record(type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    if (!isEntryType(type)) throw new ChorusError('INPUT_INVALID', `a type of log entry expected, got ${JSON.stringify(type.slice(0, 40))}`)
    await this.#append(type, data)
  }

  /** Durable entries `from` (0) up to and without `to` (the length now), in order. */
  entries(from = 0, to: number = this.length): AsyncIterable<Entry> {
    return readEntries(this.#parts.store, Math.max(0, from), Math.min(to, this.length))
  }

  /** All entries about a task, oldest first. */
  async find(key: TaskKey): Promise<readonly Entry[]> {
    const found: Entry[] = []
    for (const index of this.#state.indicesOf(key)) {
      for await (const entry of this.entries(index, index + 1)) found.push(entry)
    }
    return found
  }

  /** The last durable signed head; undefined before start. */
  head(): SignedHead | undefined { return this.#head.current }
  history(): PerformanceHistory { return this.#state.history() }

  intents(): IntentLog {
    return {
      append: async (intent) => { await this.#append('claim_intent', intent) },
      unsettled: () => Promise.resolve(this.#state.unsettled()),
      settled: async (oid, outcome) => { await this.#append('intent_settled', { oid, outcome }) },
    }
  }

  async #append(type: EntryType, raw: Readonly<Record<string, unknown>>): Promise<number> {
    if (this.#head.current === undefined) throw new ChorusError('LOG_UNAVAILABLE', 'the audit log was not started')
    if (this.#failure !== undefined) throw this.#failure
    const problem = dataProblem(type, raw)
    if (problem !== undefined) throw new ChorusError('INPUT_INVALID', `log entry refused: ${problem}`)
    if (this.#inFlight >= IN_FLIGHT_MAX) throw new ChorusError('LIMIT_EXCEEDED', `at most ${IN_FLIGHT_MAX} entries may wait for the log`)
    this.#inFlight += 1
    try {
      const clean = await this.#clean(type, raw)
      return await this.#write(clean.type, clean.data)
    } finally {
      this.#inFlight -= 1
    }
  }

  /** Redaction comes before everything else that happens to an entry; what is refused leaves a trace without content. */
  async #clean(type: EntryType, raw: Readonly<Record<string, unknown>>): Promise<{ readonly type: EntryType; readonly data: EntryFacts }> {
    const redacted = await this.#parts.redactor.redact(boundedData(raw, BEFORE_REDACTION), { where: `log:${type}` })
    if (redacted.kind === 'passed') return { type, data: redacted.value }
    // A push whose intent is not in the log, exactly, must not be made.
    if (type === 'claim_intent' || type === 'intent_settled') {
      throw new ChorusError('SECRET_DENIED',
        `a ${type} entry holds what looks like a secret (${redacted.rules.join(', ')}); rename the repository or task that is named like one`)
    }
    if (redacted.kind === 'redacted' && dataProblem(type, redacted.value) === undefined) return { type, data: redacted.value }
    return { type: 'system_error', data: { error: 'an entry was refused because it held a secret', refused_type: type, rules: redacted.rules } }
  }

  async #write(type: EntryType, data: EntryFacts): Promise<number> {
    // No await between taking the place in the chain and handing the bytes to the store, which keeps the order of calls.
    if (this.#failure !== undefined) throw this.#failure
    const { index } = this.#next
    const { signer, clock, session } = this.#parts
    const { entry, bytes } = sealEntry(signer, { ...this.#next, at: isoTime(clock.wallMs()), session, type, data })
    const last = entryHash(bytes)
    this.#next = { index: index + 1, prev: last }
    try {
      const stored = await this.#parts.store.append(bytes)
      assert(stored === index, `log index ${index} expected, got ${stored}: something else writes to this log`)
      this.#durable = { length: index + 1, last }
      this.#state.apply(entry)
      await this.#head.cover(this.#durable)
    } catch (error) {
      this.#failure ??= unavailable(error)
      this.#broken.resolve(this.#failure)
      throw this.#failure
    }
    return index
  }

  async #takeUp(): Promise<void> {
    const { store, signer, head, headHolds = headSignatureHolds } = this.#parts
    const headText = await head.read()
    const { length, last, head: known } = await takeUp({ store, node: signer.node, headText, headHolds, each: (entry) => { this.#state.apply(entry) } })
    this.#next = { index: length, prev: last }
    this.#durable = { length, last }
    await this.#head.start(known, this.#durable)
  }
}

const unavailable = (error: unknown): ChorusError =>
  error instanceof ChorusError && error.code === 'LOG_UNAVAILABLE' ? error
    : new ChorusError('LOG_UNAVAILABLE', `the audit log could not be written: ${messageOf(error)}`, { cause: error })
