import { assert, canonicalJson, ChorusError, fail, isNodeId, isOid, ok, parseTaskKey, verify } from '../../core/mod.ts'
import type { NodeId, Oid, RefName, Result, TaskKey } from '../../core/mod.ts'
import type { RefStore, Signer } from '../../ports/mod.ts'
import { isUnavailable } from './availability.ts'
import type { ClaimNames } from './leaf.ts'
import { parseObject } from './record.ts'

/** One commit of the list of ended claims: tasks whose refs were pruned, with their last epochs (docs/protocol.md §3.6). */
export interface EndedRecord {
  readonly version: 1
  readonly node: NodeId
  readonly entries: readonly (readonly [TaskKey, number])[]
  readonly nonce: string
  readonly parent: Oid | null
  readonly atSeconds: number
}

export const ENDED_ENTRIES_MAX = 32
/** Leaves room for subject, node and signature in a message of 16 KiB. */
export const ENDED_BYTES_MAX = 14 * 1024
const COMMITS_MAX = 5_000
const DOMAIN = 'chorus-ended/v1\n'

export const sealEnded = (record: EndedRecord, signer: Signer, mark = ''): string => {
  assert(record.entries.length > 0 && record.entries.length <= ENDED_ENTRIES_MAX, `1 to ${ENDED_ENTRIES_MAX} claims end at once`)
  const signature = signer.sign(DOMAIN + canonicalJson(record))
  return `chorus-ended: ${record.entries.length} by ${record.node}${mark}\n\n${canonicalJson({ ...record, signature })}`
}

export const openEnded = (message: string): Result<EndedRecord> => {
  const end = message.indexOf('\n\n')
  if (end < 0 || !message.startsWith('chorus-ended: ')) return fail('the message is no list of ended claims')
  const value = parseObject(message.slice(end + 2))
  if (!value.ok) return value
  const { version, node, entries, nonce, parent, atSeconds, signature, ...rest } = value.value
  if (version !== 1 || typeof node !== 'string' || !isNodeId(node) || Object.keys(rest).length > 0) return fail('the list has missing or unknown fields')
  if (typeof nonce !== 'string' || !Number.isSafeInteger(atSeconds) || typeof signature !== 'string') return fail('the list has fields of another type')
  if (parent !== null && !(typeof parent === 'string' && isOid(parent))) return fail('the list names no parent')
  if (!Array.isArray(entries) || entries.length > ENDED_ENTRIES_MAX || !entries.every(isEntry)) return fail('the list has entries of another form')
  const record: EndedRecord = { version, node, entries, nonce, parent, atSeconds: atSeconds as number }
  return verify(node, DOMAIN + canonicalJson(record), signature) ? ok(record) : fail('the signature does not fit the node that it names')
}

const isEntry = (entry: unknown): entry is readonly [TaskKey, number] =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && parseTaskKey(entry[0]) !== undefined
  && Number.isSafeInteger(entry[1]) && (entry[1] as number) >= 1 && (entry[1] as number) < 1_000_000

/** What this node knows of the list; reads only what was added since. */
export class EndedList {
  readonly #store: RefStore
  readonly #names: ClaimNames
  readonly #epochs = new Map<TaskKey, number>()
  #tip: Oid | null = null
  #isKnown = false
  #listing: { readonly tips: ReadonlyMap<RefName, Oid>; readonly askedMs: number } | undefined
  #looked: { readonly tip: Oid | null; readonly fault: string } | undefined

  constructor(store: RefStore, names: ClaimNames) {
    this.#store = store
    this.#names = names
  }

  /** As last read. */
  get tip(): Oid | null { return this.#tip }

  /** The last look succeeded: all that was in the list then is known here. */
  get isKnown(): boolean { return this.#isKnown }

  /** It has moved, by this node's own push: the next who wants to know it reads it. */
  forget(): void {
    this.#isKnown = false
    this.#listing = undefined
  }

  /**
   * A listing that was asked for at `sinceMs` or later showed no such ref, and the list beside it was read: no chain of the ref
   * has ended since that is not in it, because refs are deleted only when they have stood for longer (docs/protocol.md §3.6).
   */
  vouches(ref: RefName, sinceMs: number): boolean {
    return this.#listing !== undefined && this.#listing.askedMs >= sinceMs && !this.#listing.tips.has(ref)
  }

  /** Last epoch of an ended chain of the task; 0 when there is none. */
  epochOf(key: TaskKey): number { return this.#epochs.get(key) ?? 0 }

  /** Why, when last looked at, it let nobody make a claim. */
  get fault(): string | undefined { return this.#looked?.fault }

  /**
   * A look in passing, at a listing of all refs, which keeps the fault rather than reject: else its tasks would just never be taken.
   * Returns one that is new. `askedMs`: before the listing was asked for.
   */
  async look(tips: ReadonlyMap<RefName, Oid>, askedMs: number): Promise<string | undefined> {
    const tip = tips.get(this.#names.ended) ?? null
    this.#listing = undefined
    if (this.#looked?.tip === tip) return undefined
    try {
      await this.follow(tip)
      this.#looked = undefined
      this.#listing = { tips, askedMs }
    } catch (thrown) {
      // What could not be fetched now is read before a claim is made.
      if (isUnavailable(thrown)) return undefined
      if (!(thrown instanceof ChorusError) || thrown.code !== 'REPOSITORY_INVALID') throw thrown
      this.#looked = { tip, fault: thrown.message }
    }
    return this.fault
  }

  async read(): Promise<void> {
    await this.follow((await this.#store.tips(this.#names.ended)).get(this.#names.ended) ?? null)
  }

  /**
   * Reads up to the tip that was seen. An entry that cannot be read may hide an epoch, so this rejects with
   * REPOSITORY_INVALID, and nobody creates a claim until a person has mended the list.
   */
  async follow(tip: Oid | null): Promise<void> {
    this.#isKnown = false
    await this.#follow(tip)
    this.#isKnown = true
  }

  async #follow(tip: Oid | null): Promise<void> {
    if (tip === this.#tip) return
    if (tip === null) { this.#tip = null; return }
    const history = await this.#store.history(this.#names.ended, tip, { limit: COMMITS_MAX, until: this.#tip ?? undefined })
    if (!history.ok) throw this.#invalid(history.reason)
    const oldest = history.value.at(-1)
    if (oldest !== undefined && oldest.parent !== null && oldest.parent !== this.#tip) throw this.#invalid(`it has more than ${COMMITS_MAX} entries`)
    for (const commit of history.value) {
      const record = openEnded(commit.message)
      if (!record.ok) throw this.#invalid(record.reason)
      if (record.value.parent !== commit.parent) throw this.#invalid('an entry names another parent than its commit')
      for (const [key, epoch] of record.value.entries) this.#epochs.set(key, Math.max(epoch, this.epochOf(key)))
    }
    this.#tip = tip
  }

  #invalid(reason: string): ChorusError {
    return new ChorusError('REPOSITORY_INVALID', `the list of ended claims at ${this.#names.ended} cannot be trusted: ${reason}; no new claim is made until it is mended`)
  }
}
