import { assert, ChorusError, COMMIT_MESSAGE_BYTES_MAX, commitBytes, commitParts, fail, gitObjectId, ok, oid as asOid } from '../core/mod.ts'
import type { Oid, RefName, Result } from '../core/mod.ts'
import type { PushAnswer, RefDraft, RefRecord, RefStore, RefUpdate } from '../ports/mod.ts'

interface StoredObject {
  readonly type: 'commit' | 'blob'
  readonly body: Uint8Array
}

/** The remote that several `MemoryRefStore`s share: refs and objects, with git's rules. */
export class MemoryRemote {
  readonly refs = new Map<RefName, Oid>()
  readonly objects = new Map<Oid, StoredObject>()
  #stores = 0

  /** A store of one node on this remote. */
  open(name = `store-${++this.#stores}`): MemoryRefStore { return new MemoryRefStore(this, name) }

  /** Puts any object at a ref, past all rules, as a hostile or broken client would. `ref` null only stores it. */
  plant(ref: RefName | null, type: 'commit' | 'blob', body: Uint8Array | string): Oid {
    const bytes = typeof body === 'string' ? new Uint8Array(Buffer.from(body)) : body
    const id = asOid(gitObjectId(type, bytes))
    this.objects.set(id, { type, body: bytes })
    if (ref !== null) this.refs.set(ref, id)
    return id
  }

  /** Applies what a push asks, in one step. */
  apply(updates: readonly RefUpdate[], objects: ReadonlyMap<Oid, StoredObject>, atomic: boolean): Map<RefName, PushAnswer> {
    const answers = new Map<RefName, PushAnswer>()
    for (const update of updates) answers.set(update.ref, this.#judge(update))
    const whole = [...answers.values()].every((answer) => answer.kind === 'accepted')
    for (const update of updates) {
      if (answers.get(update.ref)?.kind !== 'accepted') continue
      if (atomic && !whole) answers.set(update.ref, { kind: 'refused', reason: 'atomic push failed' })
      else if (update.to === null) this.refs.delete(update.ref)
      else {
        this.#receive(update.to, objects)
        this.refs.set(update.ref, update.to)
      }
    }
    return answers
  }

  #judge(update: RefUpdate): PushAnswer {
    const now = this.refs.get(update.ref) ?? null
    if (now === update.to) return { kind: 'refused', reason: 'up to date' }
    if (now !== update.from) return { kind: 'refused', reason: 'stale info' }
    return { kind: 'accepted' }
  }

  #receive(id: Oid, objects: ReadonlyMap<Oid, StoredObject>): void {
    for (let next: string | undefined = id; next !== undefined && !this.objects.has(next as Oid);) {
      const object: StoredObject | undefined = objects.get(next as Oid)
      assert(object !== undefined, `a pushed object is known locally: ${next}`)
      this.objects.set(next as Oid, object)
      next = commitParts(object.body)?.parents[0]
    }
  }
}

/**
 * What goes wrong with the next call of an operation:
 * `refuse` nothing moves, and it is said so; `request-lost` nothing moves, no answer; `answer-lost` it is done, no
 * answer; `lands-late` no answer now, it is done when the fault is released; `slow` waits until released, then as usual.
 */
export type FaultKind = 'refuse' | 'request-lost' | 'answer-lost' | 'lands-late' | 'slow'
export type StoreOperation = 'tips' | 'history' | 'push'

export interface Fault {
  /** True once a call met it. */
  readonly used: boolean
  release(): void
}

interface ScriptedFault {
  readonly operation: StoreOperation
  readonly kind: FaultKind
  readonly gate: PromiseWithResolvers<void>
  used: boolean
}

/** In-memory `RefStore` with scripted faults; everything else as git does it (testing/ref-store-compliance.ts). */
export class MemoryRefStore implements RefStore {
  readonly name: string
  /** The remote does not answer this store at all. */
  gone = false
  /** Every call that reached this store, in order: for tests on order and number. */
  readonly calls: { readonly operation: StoreOperation | 'create'; readonly detail: readonly string[] }[] = []
  /** Called before a push leaves, to look at the world at that moment. */
  beforePush: ((updates: readonly RefUpdate[]) => void) | undefined
  /** Work tree paths that are in the way of a move of the ref. */
  readonly inTheWay = new Map<RefName, readonly string[]>()
  readonly #remote: MemoryRemote
  readonly #objects = new Map<Oid, StoredObject>()
  readonly #faults: ScriptedFault[] = []

  constructor(remote: MemoryRemote, name: string) {
    this.#remote = remote
    this.name = name
  }

  /** The next call of the operation that no earlier fault takes meets this one. */
  fault(operation: StoreOperation, kind: FaultKind): Fault {
    const fault: ScriptedFault = { operation, kind, gate: Promise.withResolvers<void>(), used: false }
    this.#faults.push(fault)
    return { get used() { return fault.used }, release: () => { fault.gate.resolve() } }
  }

  /** Faults that no call met: a test that scripted them has not tested what it says. */
  get faultsLeft(): readonly string[] { return this.#faults.map((fault) => `${fault.operation}: ${fault.kind}`) }

  pushes(): number { return this.calls.filter((call) => call.operation === 'push').length }

  async tips(prefix: string): Promise<ReadonlyMap<RefName, Oid>> {
    await this.#readFaults('tips', [prefix])
    return new Map([...this.#remote.refs].filter(([ref]) => ref.startsWith(prefix)).sort(([a], [b]) => a < b ? -1 : 1))
  }

  async history(ref: RefName, tip: Oid, options: { readonly limit: number; readonly until?: Oid | undefined }): Promise<Result<readonly RefRecord[]>> {
    await this.#readFaults('history', [ref, tip])
    const records: RefRecord[] = []
    for (let id: Oid | null = tip; id !== null && id !== options.until && records.length < options.limit;) {
      const record = this.#record(id)
      if (!record.ok) return record
      records.push(record.value)
      id = record.value.parent
    }
    return ok(records)
  }

  create(draft: RefDraft): Promise<Oid> {
    this.calls.push({ operation: 'create', detail: [] })
    try {
      const body = commitBytes(draft)
      const id = asOid(gitObjectId('commit', body))
      this.#objects.set(id, { type: 'commit', body })
      return Promise.resolve(id)
    } catch (thrown) {
      return Promise.reject(new ChorusError('INPUT_INVALID', 'the commit cannot be made as drafted', { cause: thrown }))
    }
  }

  async push(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>> {
    assert(new Set(updates.map((update) => update.ref)).size === updates.length, 'a push names each ref once')
    for (const { to } of updates) assert(to === null || this.#objects.has(to) || this.#remote.objects.has(to), `a pushed object is known locally: ${to}`)
    this.calls.push({ operation: 'push', detail: updates.map((update) => `${update.ref} ${update.to}`) })
    this.beforePush?.(updates)
    const unclear = (): Map<RefName, PushAnswer> => new Map(updates.map(({ ref }) => [ref, { kind: 'unclear', reason: 'the connection was lost' }]))
    const apply = (): Map<RefName, PushAnswer> => this.#applyUnlessInTheWay(updates, options.atomic)
    const fault = this.#takeFault('push')
    if (this.gone) return unclear()
    switch (fault?.kind) {
      case undefined: return apply()
      case 'refuse': return new Map(updates.map(({ ref }) => [ref, { kind: 'refused', reason: 'scripted: failed to update ref' }]))
      case 'request-lost': return unclear()
      case 'answer-lost': apply(); return unclear()
      case 'lands-late': void fault.gate.promise.then(apply); return unclear()
      case 'slow': await fault.gate.promise; return this.gone ? unclear() : apply()
    }
  }

  #applyUnlessInTheWay(updates: readonly RefUpdate[], atomic: boolean): Map<RefName, PushAnswer> {
    const blocked = updates.filter(({ ref }) => this.inTheWay.has(ref))
    if (blocked.length > 0 && atomic) {
      return new Map(updates.map(({ ref }) => [ref, blockedAnswer(this.inTheWay.get(ref))]))
    }
    const answers = this.#remote.apply(updates.filter((update) => !blocked.includes(update)), this.#objects, atomic)
    for (const { ref } of blocked) answers.set(ref, blockedAnswer(this.inTheWay.get(ref)))
    return answers
  }

  #record(id: Oid): Result<RefRecord> {
    const object = this.#remote.objects.get(id) ?? this.#objects.get(id)
    if (object === undefined) return fail(`object ${id} is not there`)
    const commit = object.type === 'commit' ? commitParts(object.body) : undefined
    if (commit === undefined) return fail(`${id} is not a commit`)
    if (commit.parents.length > 1) return fail(`${id} has ${commit.parents.length} parents`)
    if (Buffer.byteLength(commit.message) > COMMIT_MESSAGE_BYTES_MAX) return fail(`the message of ${id} is over ${COMMIT_MESSAGE_BYTES_MAX} bytes`)
    return ok({ oid: id, parent: (commit.parents[0] ?? null) as Oid | null, message: commit.message })
  }

  async #readFaults(operation: 'tips' | 'history', detail: readonly string[]): Promise<void> {
    this.calls.push({ operation, detail })
    const fault = this.#takeFault(operation)
    if (fault?.kind === 'slow') await fault.gate.promise
    if (this.gone || (fault !== undefined && fault.kind !== 'slow')) throw new ChorusError('REMOTE_UNAVAILABLE', 'the remote does not answer')
  }

  #takeFault(operation: StoreOperation): ScriptedFault | undefined {
    const index = this.#faults.findIndex((fault) => fault.operation === operation)
    if (index < 0) return undefined
    const [fault] = this.#faults.splice(index, 1)
    if (fault !== undefined) fault.used = true
    return fault
  }
}

const blockedAnswer = (paths: readonly string[] | undefined): PushAnswer =>
  paths === undefined ? { kind: 'refused', reason: 'atomic push failed' } : { kind: 'in-the-way', paths }
