import { assert, ChorusError, commitBytes, commitParts, fail, gitObjectId, oid as asOid, ok } from '../core/mod.ts'
import type { NodeId, Oid, RefName, Result } from '../core/mod.ts'
import type { PushAnswer, RefDraft, RefRecord, RefStore, RefUpdate } from '../ports/mod.ts'
import { MemoryRemote } from '../testing/memory-ref-store.ts'
import { recordOpener } from '../work/claims/mod.ts'
import type { ClaimRecord, RecordOpener } from '../work/claims/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { Happening, PushedRef } from './events.ts'
import type { SimProcess } from './process.ts'
import { verifySimulated } from './signatures.ts'

/** How a git remote behaves; shares of all requests. As recorded from real git: src/testing/ref-store-compliance.ts. */
export interface RemoteProfile {
  readonly latency: Latency
  /** Nothing arrives; the client hears nothing until its own deadline. */
  readonly requestLost: number
  /** It is done; the client hears nothing until its own deadline. */
  readonly answerLost: number
  /** The client gives up, and later it is done after all. */
  readonly landsLate: number
  /** Refused for no reason of the claims: a hook, a lock, a full disk over there. */
  readonly refused: number
  readonly slow: number
  readonly slowMs: number
  readonly deadlineMs: number
}

export type Objects = Map<Oid, { readonly type: 'commit' | 'blob'; readonly body: Uint8Array }>

interface RemoteParts {
  readonly profile: () => RemoteProfile
  readonly emit: (happening: Happening) => void
  /** Whether packets of the node get there and back now. */
  readonly reaches: (node: NodeId) => boolean
  /** Names under which claim refs live. */
  readonly claimsPrefix: string
  readonly now: () => number
  /** A push leaves, whatever becomes of it. */
  readonly sent: (updates: readonly RefUpdate[], recordOf: (update: RefUpdate) => ClaimRecord | undefined) => void
}

const openRecord = recordOpener(verifySimulated)
const OPENED_MAX = 50_000
const GATHER_MS = 15

/** The one repository of a world, as its server has it. */
export class SimRemote {
  readonly repository = new MemoryRemote()
  readonly parts: RemoteParts
  readonly #records = new Map<Oid, Result<RefRecord>>()
  readonly #opened = new Map<string, ReturnType<RecordOpener>>()
  readonly #listings = new Map<string, ReadonlyMap<RefName, Oid>>()

  constructor(parts: RemoteParts) { this.parts = parts }

  /** Every node reads the same records; what they say depends on the text alone. */
  readonly open: RecordOpener = (message) => {
    const known = this.#opened.get(message)
    if (known !== undefined) return known
    if (this.#opened.size >= OPENED_MAX) this.#opened.clear()
    const opened = openRecord(message)
    this.#opened.set(message, opened)
    return opened
  }

  tips(prefix: string): ReadonlyMap<RefName, Oid> {
    const known = this.#listings.get(prefix)
    if (known !== undefined) return known
    const listed = new Map([...this.repository.refs].filter(([ref]) => ref.startsWith(prefix)).sort(([a], [b]) => a < b ? -1 : 1))
    this.#listings.set(prefix, listed)
    return listed
  }

  record(id: Oid, own?: Objects): Result<RefRecord> {
    const known = this.#records.get(id)
    if (known !== undefined) return known
    const object = this.repository.objects.get(id) ?? own?.get(id)
    if (object === undefined) return fail(`object ${id} is not there`)
    const commit = object.type === 'commit' ? commitParts(object.body) : undefined
    const record: Result<RefRecord> = commit === undefined ? fail(`${id} is not a commit`) : ok({ oid: id, parent: (commit.parents[0] ?? null) as Oid | null, message: commit.message })
    this.#records.set(id, record)
    return record
  }

  claimAt(id: Oid | null): ClaimRecord | undefined {
    const record = id === null ? undefined : this.record(id)
    const opened = record?.ok === true ? this.open(record.value.message) : undefined
    return opened?.ok === true ? opened.value.record : undefined
  }

  apply(updates: readonly RefUpdate[], by: { readonly node: NodeId; readonly life: string; readonly objects: Objects; readonly atomic: boolean; readonly sentMs: number }): ReadonlyMap<RefName, PushAnswer> {
    const before = new Map(updates.map(({ ref }) => [ref, this.repository.refs.get(ref) ?? null]))
    const answers = this.repository.apply(updates, by.objects, by.atomic)
    this.#listings.clear()
    const pushed = updates.map(({ ref, from, to }): PushedRef => {
      const answer = answers.get(ref)
      const claim = ref.startsWith(this.parts.claimsPrefix)
      return {
        ref, from, to, accepted: answer?.kind === 'accepted',
        ...answer?.kind === 'refused' ? { reason: answer.reason } : {},
        ...claim ? { record: this.recordPushed(to, by.objects), before: this.claimAt(before.get(ref) ?? null) } : {},
      }
    })
    this.parts.emit({ kind: 'push', node: by.node, life: by.life, atomic: by.atomic, updates: pushed, sentMs: Math.round(by.sentMs * 1_000) / 1_000 })
    return answers
  }

  /** A person's or a stranger's push: past all rules. */
  force(ref: RefName, body: Uint8Array): Oid {
    this.#listings.clear()
    return this.repository.plant(ref, 'commit', body)
  }

  /** Also of a push that was refused, whose objects never arrived. */
  recordPushed(to: Oid | null, objects: Objects): ClaimRecord | undefined {
    const body = to === null ? undefined : objects.get(to)?.body
    const commit = body === undefined ? undefined : commitParts(body)
    const opened = commit === undefined ? undefined : this.open(commit.message)
    return opened?.ok === true ? opened.value.record : this.claimAt(to)
  }
}

/** One process's way to the remote. Objects are the machine's: they survive the process. */
export class SimRefStore implements RefStore {
  readonly #remote: SimRemote
  readonly #process: SimProcess
  readonly #node: NodeId
  readonly #chance: Chance
  readonly objects: Objects
  readonly #onWay: (underWay: number) => void
  #underWay = 0
  #gathered: { readonly untilMs: number; readonly answer: Promise<void> } | undefined

  constructor(parts: {
    readonly remote: SimRemote; readonly process: SimProcess; readonly node: NodeId; readonly chance: Chance; readonly objects: Objects
    /** Told with each request how many wait for an answer now. */
    readonly onWay: (underWay: number) => void
  }) {
    this.#onWay = parts.onWay
    this.#remote = parts.remote
    this.#process = parts.process
    this.#node = parts.node
    this.#chance = parts.chance
    this.objects = parts.objects
  }

  /** Requests that were not answered yet. */
  get underWay(): number { return this.#underWay }

  tips(prefix: string): Promise<ReadonlyMap<RefName, Oid>> {
    return this.#read(() => this.#remote.tips(prefix))
  }

  /** Those that are asked for within a moment are one request, as with the git adapter. */
  history(_ref: RefName, tip: Oid, { limit, until }: { readonly limit: number; readonly until?: Oid | undefined }): Promise<Result<readonly RefRecord[]>> {
    const nowMs = this.#remote.parts.now()
    if (this.#gathered === undefined || this.#gathered.untilMs <= nowMs) this.#gathered = { untilMs: nowMs + GATHER_MS, answer: this.#read(() => undefined) }
    return this.#gathered.answer.then(() => {
      const records: RefRecord[] = []
      for (let id: Oid | null = tip; id !== null && id !== until && records.length < limit;) {
        const record = this.#remote.record(id, this.objects)
        if (!record.ok) return record
        records.push(record.value)
        id = record.value.parent
      }
      return ok(records)
    })
  }

  create(draft: RefDraft): Promise<Oid> {
    try {
      return Promise.resolve(this.put(commitBytes(draft)))
    } catch (thrown) {
      return Promise.reject(new ChorusError('INPUT_INVALID', 'the commit cannot be made as drafted', { cause: thrown }))
    }
  }

  /** Into the local object store. */
  put(body: Uint8Array): Oid {
    const id = asOid(gitObjectId('commit', body))
    this.objects.set(id, { type: 'commit', body })
    return id
  }

  async push(updates: readonly RefUpdate[], { atomic }: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>> {
    if (updates.length === 0) return new Map()
    assert(new Set(updates.map((update) => update.ref)).size === updates.length, 'a push names each ref once')
    for (const { to } of updates) assert(to === null || this.objects.has(to) || this.#remote.repository.objects.has(to), `a pushed object is known locally: ${to}`)
    const { profile: profileNow, sent, now } = this.#remote.parts
    const profile = profileNow()
    sent(updates, ({ to }) => this.#remote.recordPushed(to, this.objects))
    const unclear = (): ReadonlyMap<RefName, PushAnswer> => new Map(updates.map(({ ref }) => [ref, { kind: 'unclear', reason: 'the connection was lost' }]))
    const by = { node: this.#node, life: this.#process.life, objects: this.objects, atomic, sentMs: now() }
    const chance = this.#chance
    const fate = chance.fraction()
    const { requestLost, answerLost, landsLate, refused } = profile
    const there = this.#delayMs(profile)
    const silent = (work: () => void, afterMs: number): Promise<ReadonlyMap<RefName, PushAnswer>> => {
      // It reaches the server, or not; the client waits for its own deadline either way.
      void this.#process.answer(afterMs, work)
      return this.#process.answer(profile.deadlineMs, unclear)
    }
    this.#begun()
    try {
      if (!this.#reaches() || fate < requestLost) return await silent(() => undefined, there)
      if (fate < requestLost + answerLost) return await silent(() => { if (this.#reaches()) this.#remote.apply(updates, by) }, there)
      if (fate < requestLost + answerLost + landsLate) {
        return await silent(() => { if (this.#reaches()) this.#remote.apply(updates, by) }, profile.deadlineMs * chance.between(0.5, 3))
      }
      if (fate < requestLost + answerLost + landsLate + refused) {
        return await this.#process.answer(there, () => new Map(updates.map(({ ref }) => [ref, { kind: 'refused', reason: 'failed to update ref' }])))
      }
      const arrived = await this.#process.answer(there, () => this.#reaches() ? this.#remote.apply(updates, by) : undefined)
      return arrived ?? await this.#process.answer(Math.max(0, profile.deadlineMs - there), unclear)
    } finally {
      this.#underWay -= 1
    }
  }

  async #read<T>(work: () => T): Promise<T> {
    const profile = this.#remote.parts.profile()
    const lost = !this.#reaches() || this.#chance.happens(profile.requestLost + profile.answerLost)
    this.#begun()
    try {
      const late = (): never => { throw new ChorusError('REMOTE_UNAVAILABLE', 'the remote does not answer') }
      if (lost) return await this.#process.answer<T>(profile.deadlineMs, late)
      const delayMs = this.#delayMs(profile)
      // What is read is what was there when the request arrived; the answer takes as long again.
      return await this.#process.answer(delayMs, () => this.#reaches() ? work() : late())
    } finally {
      this.#underWay -= 1
    }
  }

  #begun(): void {
    this.#underWay += 1
    this.#onWay(this.#underWay)
  }

  #delayMs(profile: RemoteProfile): number {
    return this.#chance.delayMs(profile.latency) + (this.#chance.happens(profile.slow) ? this.#chance.between(0, profile.slowMs) : 0)
  }

  #reaches(): boolean { return this.#remote.parts.reaches(this.#node) }
}
