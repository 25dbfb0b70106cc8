import { getEventListeners } from 'node:events'
import { messageOf, refName } from '../core/mod.ts'
import type { NodeId, Oid, RefName, SessionId, TaskKey } from '../core/mod.ts'
import { Coordinator } from '../coordinator/mod.ts'
import type { CoordinatorEvent, DeliveryPolicy, HeldClaim, Members, MemberView, RepositoryWork, Tell } from '../coordinator/mod.ts'
import { AuditLog } from '../memory/audit/mod.ts'
import type { Entry } from '../memory/audit/mod.ts'
import { listenForTasks, makeTell } from '../node/announcements.ts'
import { intentsOf } from '../node/intents.ts'
import type { Logger, SourceTree } from '../ports/mod.ts'
import { statusOf } from '../swarm/membership/mod.ts'
import { Post } from '../wire/mod.ts'
import { Claims } from '../work/claims/mod.ts'
import type { ClaimSettings } from '../work/claims/mod.ts'
import { MergeTurns } from '../work/turn/mod.ts'
import { MATCHING_DEFAULTS } from '../work/matching/mod.ts'
import type { MatchingSettings } from '../work/matching/mod.ts'
import { ScriptedAttempts, ScriptedProvider } from './coordinator-doubles.ts'
import type { TaskBoard } from './coordinator-doubles.ts'
import type { ManualClock } from './manual-clock.ts'
import type { MemoryNetwork } from './memory-gossip.ts'
import { MemoryLog, MemoryLogStore } from './memory-log-store.ts'
import type { MemoryRefStore, MemoryRemote } from './memory-ref-store.ts'
import { ScriptedRunner } from './scripted-runner.ts'
import { SeededEntropy } from './seeded-entropy.ts'
import { SeededSigner } from './seeded-signer.ts'

export const MAIN = refName('refs/heads/main')

export interface BenchRepository {
  readonly board: TaskBoard
  readonly remote: MemoryRemote
}

export interface BenchNodeOptions {
  readonly role?: string
  readonly expertise?: readonly string[]
  readonly maxTasks?: number
  readonly policy?: Partial<DeliveryPolicy>
  readonly matching?: MatchingSettings
  readonly claims?: Partial<ClaimSettings>
  readonly pollMs?: number
  /** Key of another node: a restart of it. */
  readonly as?: string
  /** The log of the run before. */
  readonly memory?: { readonly log: MemoryLog; head: string | undefined }
  readonly clock?: ManualClock
  /** Repositories of the bench; all when not given. */
  readonly repositories?: readonly BenchRepository[]
}

interface Joined {
  readonly claims: Claims
  readonly store: MemoryRefStore
  readonly provider: ScriptedProvider
  readonly attempts: ScriptedAttempts
  readonly work: RepositoryWork
}

/** What the nodes of a bench share. */
export interface BenchWorld extends Members {
  readonly clock: ManualClock
  readonly network: MemoryNetwork
  readonly repositories: readonly BenchRepository[]
}

/** One node of the bench. `trace` tells in one order what it wrote, pushed, told and asked. */
export class BenchCoordinator {
  readonly name: string
  readonly clock: ManualClock
  readonly coordinator: Coordinator
  readonly node: NodeId
  readonly trace: string[] = []
  readonly events: CoordinatorEvent[] = []
  readonly audit: AuditLog
  readonly logStore: MemoryLogStore
  readonly memory: { readonly log: MemoryLog; head: string | undefined }
  /** Errors that were logged: none in a run without defects. */
  readonly errors: string[] = []
  /** Of the claims that were handed out. */
  readonly signals: AbortSignal[] = []
  /** Called when the next such push leaves (`claim+main`), once. */
  readonly atPush = new Map<string, () => void>()
  present = false
  readonly #joined: readonly Joined[]
  readonly #post: Post
  readonly #role: string
  readonly #expertise: readonly string[]
  readonly #maxTasks: number
  #deafen: (() => void) | undefined
  readonly #gossip: ReturnType<MemoryNetwork['join']>

  constructor(bench: BenchWorld, name: string, options: BenchNodeOptions) {
    const { role = 'developer', expertise = [], maxTasks = 1, as = name, clock = bench.clock } = options
    this.name = name
    this.clock = clock
    this.#role = role
    this.#expertise = expertise
    this.#maxTasks = maxTasks
    const signer = new SeededSigner(as)
    const entropy = new SeededEntropy(`bench ${name}`)
    const session = entropy.fork('session').uuid() as SessionId
    this.node = signer.node
    this.memory = options.memory ?? { log: new MemoryLog(), head: undefined }
    this.logStore = new MemoryLogStore(this.memory.log)
    this.audit = new AuditLog({
      store: this.logStore, signer, clock, session,
      head: { read: () => Promise.resolve(this.memory.head), write: (text) => { this.memory.head = text; return Promise.resolve() } },
      redactor: { redact: (value) => Promise.resolve({ kind: 'passed', value }) },
    })
    const logger = this.#logger()
    this.#gossip = bench.network.join(signer.node)
    this.#post = new Post({ gossip: this.#gossip, signer, clock, entropy: entropy.fork('post'), logger, self: () => ({ role, expertise }), redact: (data) => Promise.resolve(data) })
    this.#joined = (options.repositories ?? bench.repositories).map((repository) => this.#join(repository, { signer, entropy, session, logger, options }))
    const identity = { node: signer.node, agentId: name, role, expertise, maxTasks, logAddress: 'ab'.repeat(32) }
    this.coordinator = new Coordinator({
      clock, logger, identity, repositories: this.#joined.map(({ work }) => work), members: bench, runner: new ScriptedRunner([]),
      performance: { score: () => 0.5 },
      tell: this.#traced(makeTell({ post: this.#post, clock, logger, identity, leaseMs: 90_000 })),
      record: async (type, data) => { await this.audit.record(type, data); this.trace.push(`log ${type}`) },
      emit: (event) => { this.events.push(event); if (event.kind !== 'task_progressed') this.trace.push(`emit ${event.kind}`) },
      loadChanged: () => { this.trace.push(`load ${this.coordinator.currentTasks}`) },
    }, { pollMs: options.pollMs ?? 30_000, silenceMs: 600_000, matching: options.matching ?? MATCHING_DEFAULTS })
  }

  get claims(): Claims { return this.#only().claims }
  get store(): MemoryRefStore { return this.#only().store }
  get provider(): ScriptedProvider { return this.#only().provider }
  get attempts(): ScriptedAttempts { return this.#only().attempts }
  providerOf(repository: string): ScriptedProvider { return this.#joined.find(({ provider }) => provider.repository === repository)?.provider ?? raise(`no ${repository}`) }

  get view(): MemberView {
    const { currentTasks, accepting } = this.coordinator
    return {
      node: this.node, role: this.#role, expertise: this.#expertise, currentTasks, maxTasks: this.#maxTasks,
      status: statusOf({ currentTasks, maxTasks: this.#maxTasks, accepting }), repositories: this.#joined.map(({ work }) => `${work.provider.name}:${work.provider.repository}`),
    }
  }

  /** Everything but the coordinator's first look. */
  async open(): Promise<void> {
    await this.audit.start()
    await this.#gossip.start()
    await this.#post.start()
    this.present = true
    this.#deafen = listenForTasks(this.#post, this.coordinator)
    for (const { claims } of this.#joined) await claims.start()
  }

  async start(): Promise<void> {
    await this.open()
    await this.coordinator.start()
  }

  async stop(): Promise<void> {
    await this.coordinator.stop()
    this.#deafen?.()
    for (const { claims } of this.#joined) await claims.stop()
    await this.#post.stop()
    await this.#gossip.stop()
    this.present = false
  }

  /** Cut off from remote, provider and swarm, as by a pulled plug; its own clock goes on. */
  async cut(): Promise<void> {
    for (const { store } of this.#joined) store.gone = true
    await this.#gossip.stop()
    this.present = false
  }

  async mend(): Promise<void> {
    for (const { store } of this.#joined) store.gone = false
    await this.#gossip.start()
    this.present = true
  }

  /** Kinds of what was emitted about tasks, in order. */
  kinds(): readonly string[] { return this.events.filter((event) => event.kind !== 'task_progressed').map((event) => event.kind) }

  happened(kind: CoordinatorEvent['kind']): boolean { return this.events.some((event) => event.kind === kind) }

  reasonOf(kind: CoordinatorEvent['kind']): string | undefined {
    const event = this.events.findLast((candidate) => candidate.kind === kind)
    return event !== undefined && 'reason' in event ? event.reason : undefined
  }

  async logged(): Promise<readonly Entry[]> {
    const entries: Entry[] = []
    for await (const entry of this.audit.entries()) entries.push(entry)
    return entries
  }

  /** The trace without what happens in every life anyway. */
  told(...prefixes: readonly string[]): readonly string[] { return this.trace.filter((line) => prefixes.some((prefix) => line.startsWith(prefix))) }

  leftovers(): readonly string[] {
    const { coordinator, attempts } = { coordinator: this.coordinator, attempts: this.#joined.map((joined) => joined.attempts) }
    const left: string[] = []
    if (coordinator.active().length > 0) left.push(`${this.name}: ${coordinator.active().map((task) => `${task.key} ${task.phase}`).join()}`)
    for (const { running, workTrees } of attempts) if (running > 0 || workTrees > 0) left.push(`${this.name}: ${running} attempts, ${workTrees} work trees`)
    const listeners = this.signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0)
    if (listeners > 0) left.push(`${this.name}: ${listeners} listeners on claims`)
    if (this.errors.length > 0) left.push(`${this.name}: errors ${this.errors.join(', ')}`)
    for (const { store } of this.#joined) if (store.faultsLeft.length > 0) left.push(`${this.name}: unused faults ${store.faultsLeft.join()}`)
    return left
  }

  #join({ board, remote }: BenchRepository, about: { readonly signer: SeededSigner; readonly entropy: SeededEntropy; readonly session: SessionId; readonly logger: Logger; readonly options: BenchNodeOptions }): Joined {
    const { signer, entropy, session, logger, options } = about
    const store = remote.open(`${this.name} ${board.repository}`)
    store.beforePush = (updates) => {
      const what = updates.map(({ ref }) => ref.startsWith('refs/heads/') ? ref.slice(11) : ref.startsWith('refs/chorus/claims/') ? 'claim' : ref).join('+')
      this.trace.push(`push ${what}`)
      const meanwhile = this.atPush.get(what)
      this.atPush.delete(what)
      meanwhile?.()
    }
    const provider = new ScriptedProvider(board, (call) => { this.trace.push(`ask ${call}`) })
    const intents = intentsOf(this.audit, `${board.provider}:${board.repository}`)
    const claims = new Claims({
      store, signer, clock: this.clock, entropy: entropy.fork(`claims ${board.repository}`), logger, isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
      intents: { ...intents, append: async (intent) => { await intents.append(intent); this.trace.push(`intent ${intent.state}`) } },
    }, { session, ...options.claims })
    const attempts = new ScriptedAttempts(store, this.clock)
    const sources: SourceTree = {
      refresh: async () => ({ branch: 'main', tip: (await store.tips(MAIN)).get(MAIN) }),
      list: () => Promise.reject(new Error('not read here')), read: () => Promise.reject(new Error('not read here')), addedAtSeconds: () => Promise.resolve(undefined), 
      hasTrailer: (commit, name, value) => Promise.resolve(trailersOf(remote, commit, name).some((found) => value === undefined || found === value)),
    }
    return {
      claims, store, provider, attempts,
      work: {
        provider, sources, attempts, policy: { delivery: 'merge', mergeOn: ['proved', 'reproduced'], approveFirst: false, ...options.policy },
        claims: this.#watched(claims),
        turns: new MergeTurns({ store, signer, clock: this.clock, entropy: entropy.fork(`turns ${board.repository}`), logger }, { leaseMs: 90_000 }),
        branchTip: async (ref: RefName) => (await store.tips(ref)).get(ref) ?? null,
        keepPatch: async (ref, commit) => (await store.push([{ ref, from: null, to: commit }], { atomic: false })).get(ref)?.kind === 'accepted',
      },
    }
  }

  /** The production claims; remembers the signals that it handed out. */
  #watched(claims: Claims): RepositoryWork['claims'] {
    const { signals } = this
    return new Proxy(claims, {
      get: (target, property) => {
        const value = Reflect.get(target, property, target) as unknown
        if (typeof value !== 'function') return value
        if (property !== 'acquire') return (value as (...given: unknown[]) => unknown).bind(target)
        return async (key: TaskKey) => {
          const won = await target.acquire(key)
          if (won.ok) signals.push(won.value.signal)
          return won
        }
      },
    }) as unknown as RepositoryWork['claims']
  }

  #traced(tell: Tell): Tell {
    return {
      found: (tasks) => { this.trace.push(`tell found ${tasks.map((task) => task.number).join()}`); return tell.found(tasks) },
      claimed: (task, claim) => { this.trace.push('tell claimed'); return tell.claimed(task, claim) },
      progress: (task, claim: HeldClaim, status, reason) => { this.trace.push(`tell ${status}`); return tell.progress(task, claim, status, reason) },
      complete: (task, claim, result, seconds) => { this.trace.push('tell complete'); return tell.complete(task, claim, result, seconds) },
    }
  }

  #logger(): Logger {
    const logger: Logger = { ...SILENT, error: (message, data) => { this.errors.push(`${message} ${messageOf(data?.error ?? '')}`) }, child: () => logger }
    return logger
  }

  #only(): Joined { return this.#joined[0] ?? raise('the node has no repository') }
}

export const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }

/** Values of a trailer in the history of a commit, oldest first. */
export const trailersOf = (remote: MemoryRemote, commit: Oid, name: string): readonly string[] => {
  const values: string[] = []
  for (let at: string | undefined = commit; at !== undefined;) {
    const text = Buffer.from(remote.objects.get(at as Oid)?.body ?? raise('an object is missing')).toString('utf8')
    const value = new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]
    if (value !== undefined) values.unshift(value)
    at = /^parent ([0-9a-f]{40})$/m.exec(text)?.[1]
  }
  return values
}

const raise = (reason: string): never => { throw new Error(reason) }
