import { canonicalJson, ChorusError, isoTime, messageOf, sha256 } from '../core/mod.ts'
import type { NodeId, SessionId, TaskKey } from '../core/mod.ts'
import { Coordinator } from '../coordinator/mod.ts'
import type { AgentIdentity, CoordinatorEvent } from '../coordinator/mod.ts'
import { AuditLog } from '../memory/audit/mod.ts'
import type { HeadCheck, HeadFile } from '../memory/audit/mod.ts'
import { Redactor } from '../memory/redaction/mod.ts'
import type { KnownSecret, SecretFound } from '../memory/redaction/mod.ts'
import type { AgentProbe, AgentRunner, Clock, Entropy, Gossip, Logger, LogStore, SandboxProbe, Sandbox, SecretScanner, Signer } from '../ports/mod.ts'
import { Membership, statusOf } from '../swarm/membership/mod.ts'
import { Post } from '../wire/mod.ts'
import type { Opener } from '../wire/mod.ts'
import type { RecordOpener } from '../work/claims/mod.ts'
import { performance } from '../work/matching/mod.ts'
import type { TurnOpener } from '../work/turn/mod.ts'
import { listenForTasks, makeTell } from './announcements.ts'
import type { ChorusConfig } from './config.ts'
import { joinRepository } from './repository.ts'
import type { JoinedRepository, RepositoryParts } from './repository.ts'
import { activeTaskStatus } from './status.ts'
import type { NodeStatus } from './status.ts'
import { nodeTimes } from './times.ts'
import type { GivenTimes, NodeTimes } from './times.ts'

export interface NodeParts {
  readonly version: string
  readonly config: ChorusConfig
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signer: Signer
  readonly logger: Logger
  readonly gossip: Gossip
  readonly log: { readonly store: LogStore; readonly head: HeadFile }
  readonly scanner: SecretScanner
  /** Per node; makes the keyed hashes of what redaction took out. */
  readonly redactionKey: Uint8Array
  /** Secrets that this node holds itself, so that none leaves it in any shape. */
  readonly knownSecrets: readonly KnownSecret[]
  readonly sandbox: Sandbox
  readonly runner: AgentRunner
  readonly repositories: readonly RepositoryParts[]
  /** Whether a person paused this node; survives a restart. */
  readonly pause: { read(): Promise<boolean>; write(paused: boolean): Promise<void> }
  /** Default: NODE_TIMES. */
  readonly times?: GivenTimes
  /**
   * Read what is signed; default: `openEnvelope`, `openRecord`, `openTurn` and `headSignatureHolds`. For many nodes in one
   * process, which need to open each message only once.
   */
  readonly openers?: { readonly envelope?: Opener; readonly record?: RecordOpener; readonly turn?: TurnOpener; readonly head?: HeadCheck }
}

export type NodeEvent =
  | CoordinatorEvent
  | { readonly kind: 'node_ready'; readonly node: NodeId; readonly addresses: readonly string[] }
  | { readonly kind: 'node_stopped' }
  | { readonly kind: 'node_paused' | 'node_resumed' }
  | { readonly kind: 'member_joined' | 'member_left'; readonly member: NodeId }
  | { readonly kind: 'node_problem'; readonly reason: string }

/** One node: joins the rooms, starts and stops them in order, and tells what it does. Decides nothing. */
export class ChorusNode {
  readonly #parts: NodeParts
  readonly #identity: AgentIdentity
  readonly #times: NodeTimes
  readonly #listeners = new Set<(event: NodeEvent & { readonly at: string }) => void>()
  readonly #problems = new Map<string, string>()
  readonly #otherVersions = new Set<NodeId>()
  #audit: AuditLog | undefined
  #post: Post | undefined
  #membership: Membership | undefined
  #coordinator: Coordinator | undefined
  #repositories: readonly JoinedRepository[] = []
  #engine: AgentProbe = { ready: false, reason: 'not probed yet', fix: '' }
  #sandbox: SandboxProbe = { available: false, reason: 'not probed yet', fix: '' }
  #startedAtMs = 0
  #lastActivityMs = 0
  #paused = false
  #starting: Promise<void> | undefined
  /** Pausing and resuming, one after another. */
  #switching: Promise<void> = Promise.resolve()
  #stopping: Promise<void> | undefined
  readonly #broken = Promise.withResolvers<ChorusError>()
  #cleanups: (() => Promise<void> | void)[] = []

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#times = nodeTimes(parts.times)
    const { agent } = parts.config
    this.#identity = {
      node: parts.signer.node, agentId: agent.id ?? `node-${parts.signer.node.slice(-8)}`, role: agent.role, expertise: agent.expertise,
      maxTasks: agent.maxTasks, logAddress: Buffer.from(parts.log.store.key).toString('hex'),
    }
  }

  /** Resolves when this node can do nothing more until it is started again: its log cannot be written. */
  get broken(): Promise<ChorusError> { return this.#broken.promise }

  /** A failed start releases what it took, and rejects. Once stopped, a node does not start (again). */
  start(): Promise<void> {
    if (this.#stopping !== undefined) return this.#starting ?? Promise.resolve()
    this.#starting ??= this.#start().catch(async (thrown: unknown) => {
      await this.#cleanUp()
      throw thrown
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    const { clock, entropy, signer, logger, gossip, config, sandbox, runner, scanner } = this.#parts
    this.#startedAtMs = clock.monotonicMs()
    await sandbox.reap()
    // Other programs do the work of the trying, so the log, the network and the repositories are opened meanwhile.
    const probing = Promise.all([sandbox.probe(), runner.probe()])
    // Nothing of it is left behind; its failure is told below.
    this.#cleanups.push(() => probing.then(() => undefined, () => undefined))
    const session = entropy.fork('session').uuid() as SessionId
    const redactor = new Redactor({ scanner, hashKey: this.#parts.redactionKey, known: this.#parts.knownSecrets, onFound: (found) => { this.#secretFound(found) } })
    const audit = new AuditLog({ ...this.#parts.log, signer, clock, redactor, session, headHolds: this.#parts.openers?.head })
    await audit.start()
    this.#audit = audit
    // A node that cannot log does not act: it claims nothing more, and says so.
    void audit.broken.then((failure) => {
      this.#problem('log', `${failure.message}; make room or mend the disk, then start the node again`)
      this.#coordinator?.pauseClaims()
      this.#broken.resolve(failure)
    })
    await audit.append('session_started', { version: this.#parts.version, log_key: this.#identity.logAddress, agent_id: this.#identity.agentId, role: this.#identity.role })
    this.#cleanups.push(() => audit.append('session_ended', { reason: 'stopped' }).then(() => undefined))

    const post = new Post({
      gossip, signer, clock, entropy: entropy.fork('post'), logger,
      self: () => ({ role: this.#identity.role, expertise: this.#identity.expertise }),
      redact: async (data) => redacted(await redactor.redact(data as never, { where: 'gossip' })),
      opener: this.#parts.openers?.envelope,
      otherVersion: (author) => { this.#otherVersion(author) },
    })
    this.#post = post

    const membership = new Membership({
      node: signer.node, post, links: gossip, clock, entropy: entropy.fork('membership'), logger, times: this.#times,
      profile: {
        ...this.#identity, capabilities: config.agent.capabilities, specialization: config.agent.specialization,
        models: config.agent.models.map((model) => model.name), repositories: this.#parts.repositories.map(({ provider }) => `${provider.name}:${provider.repository}`),
      },
      load: () => ({
        currentTasks: this.currentTasks, maxTasks: this.#identity.maxTasks, lastActivityMs: this.#lastActivityMs,
        accepting: this.#coordinator?.accepting ?? false,
      }),
    })
    this.#membership = membership
    if (this.#stopped) return
    const connecting = gossip.start().then(async () => {
      this.#cleanups.push(() => gossip.stop())
      await post.start()
      this.#cleanups.push(() => post.stop())
    })
    const [connected, joined] = await Promise.allSettled([connecting, this.#joinRepositories(membership, { session, audit, redactor })])
    if (connected.status === 'rejected') throw connected.reason
    if (joined.status === 'rejected') throw joined.reason
    this.#repositories = joined.value
    const [tried, probed] = await probing
    this.#sandbox = tried
    this.#engine = probed
    if (this.#stopped) return
    const coordinator = new Coordinator({
      clock, logger, identity: this.#identity, repositories: this.#repositories.map(({ work }) => work), members: membership, runner,
      performance: { score: (type) => performance(workRecord(audit), type) },
      tell: makeTell({ post, clock, logger, identity: this.#identity, leaseMs: config.claims.leaseMs }),
      record: (type, data) => audit.record(type, type === 'execution' ? { ...data, ...this.#provenance() } : data),
      emit: (event) => { this.#emit(event) },
      loadChanged: () => { this.#lastActivityMs = clock.wallMs(); this.#loadChanged() },
    }, { pollMs: config.pollMs, matching: config.matching, attemptsMax: this.#times.claims.attemptsMax, ...this.#times.coordinator })
    this.#coordinator = coordinator
    this.#cleanups.push(listenForTasks(post, coordinator))
    this.#cleanups.push(membership.on((event) => {
      if (event.kind === 'member_joined' || event.kind === 'member_left') this.#emit({ kind: event.kind, member: event.member.node })
      if (event.kind === 'member_joined' || event.kind === 'member_left') coordinator.membersChanged()
    }))
    await membership.start()
    this.#cleanups.push(() => membership.stop())
    this.#emit({ kind: 'node_ready', node: signer.node, addresses: gossip.addresses() })
    this.#paused = await this.#parts.pause.read()
    await this.#work()
  }

  /** What every execution on this node was made with: which model, how confined, under which rules. */
  #provenance(): Readonly<Record<string, unknown>> {
    const { execution, repositories } = this.#parts.config
    return {
      model: execution.model?.name ?? null, sandbox_facts: this.#sandbox.available ? this.#sandbox.facts : null,
      policy_sha256: sha256(canonicalJson({ sandbox: this.#parts.config.sandbox, execution, repositories })),
    }
  }

  /** The trace of what was taken out: rule and keyed hash, never the secret. */
  #secretFound(found: SecretFound): void {
    this.#audit?.append('secret_found', { where: found.where, rule: found.rule, action: found.action, hash: found.hash }).catch((thrown: unknown) => {
      this.#parts.logger.warn('a redaction could not be logged', { rule: found.rule, error: messageOf(thrown) })
    })
  }

  async #joinRepositories(membership: Membership, here: { readonly session: SessionId; readonly audit: AuditLog; readonly redactor: Redactor }): Promise<readonly JoinedRepository[]> {
    const joined: JoinedRepository[] = []
    let failure: unknown
    for (const parts of this.#parts.repositories) {
      if (this.#stopped) return joined
      const name = `${parts.provider.name}:${parts.provider.repository}`
      try {
        const repository = await joinRepository(parts, { ...this.#parts, times: this.#times.claims, openRecord: this.#parts.openers?.record, openTurn: this.#parts.openers?.turn, ...here, identity: this.#identity, unreachable: (node) => membership.unreachable(node) })
        joined.push(repository)
        this.#cleanups.push(() => repository.stop())
      } catch (thrown) {
        failure ??= thrown
        // One that cannot be joined is told, and does not keep the node from the others.
        this.#problem(name, messageOf(thrown))
      }
    }
    if (joined.length === 0) {
      // A remote that is away is worth another start, a wrong one is not: the exit code tells.
      const code = failure instanceof ChorusError && failure.retryable ? failure.code : 'REPOSITORY_INVALID'
      throw new ChorusError(code, `no repository can be worked on: ${[...this.#problems.values()].join('; ')}`, { setting: 'repositories', cause: failure })
    }
    return joined
  }

  /** Claims are still respected, since the refs decide; but nobody hears the other, or goes out of its way. */
  #otherVersion(author: NodeId): void {
    if (this.#otherVersions.has(author) || this.#otherVersions.size >= OTHER_VERSIONS_MAX) return
    this.#otherVersions.add(author)
    this.#problem('protocol', `another version of the protocol is spoken by ${[...this.#otherVersions].join(', ')}: run the same Chorus on all nodes`)
  }

  #loadChanged(): void {
    // Best effort: who misses it hears the next one.
    this.#membership?.changed().catch((thrown: unknown) => { this.#parts.logger.warn('availability could not be told', { error: messageOf(thrown) }) })
  }

  /** Begins to claim, unless something says no: a person, the sandbox, the engine. */
  async #work(): Promise<void> {
    if (this.#stopped) return
    if (!this.#sandbox.available) this.#problem('sandbox', `nothing is claimed: ${this.#sandbox.reason}; ${this.#sandbox.fix}`)
    else if (!this.#engine.ready) this.#problem('engine', `nothing is claimed: ${this.#engine.reason}; ${this.#engine.fix}`)
    else if (this.#paused) this.#emit({ kind: 'node_paused' })
    else await this.#coordinator?.start()
    this.#loadChanged()
  }

  /** Resolves when nothing runs any more. Survives a restart. */
  pause(): Promise<void> {
    return this.#switch(async () => {
      await this.#parts.pause.write(true)
      if (this.#paused) return
      this.#paused = true
      await this.#coordinator?.drain()
      this.#loadChanged()
      this.#emit({ kind: 'node_paused' })
    })
  }

  /** After a pause that is under way. */
  resume(): Promise<void> {
    return this.#switch(async () => {
      await this.#parts.pause.write(false)
      if (!this.#paused) return
      this.#paused = false
      this.#emit({ kind: 'node_resumed' })
      await this.#work()
    })
  }

  #switch(change: () => Promise<void>): Promise<void> {
    const changed = this.#switching.then(change)
    // The next one is not kept back by this one's failure, which is the caller's.
    this.#switching = changed.catch(() => undefined)
    return changed
  }

  /** Delivers or gives back what runs, says goodbye, closes everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Asked to: a start that is under way ends at its next step. */
  get #stopped(): boolean { return this.#stopping !== undefined }

  async #stop(): Promise<void> {
    this.#coordinator?.pauseClaims()
    // Its failure is its caller's.
    await this.#starting?.catch(() => undefined)
    await this.#coordinator?.stop()
    await this.#membership?.drain()
    await this.#cleanUp()
    this.#emit({ kind: 'node_stopped' })
  }

  async #cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) {
      try {
        await cleanup()
      } catch (thrown) {
        // The rest must still be closed.
        this.#parts.logger.warn('a part did not stop cleanly', { error: messageOf(thrown) })
      }
    }
  }

  /** A person's word: the task may be tried again from the start. */
  async retry(key: TaskKey): Promise<void> {
    const repository = this.#repositories.find(({ work }) => key.startsWith(`${work.provider.name}:${work.provider.repository}#`))
    if (repository === undefined) throw new ChorusError('NOT_FOUND', 'this node does not work on that repository')
    const done = await repository.retry(key)
    if (!done.ok) throw new ChorusError('INPUT_INVALID', done.reason)
    this.#coordinator?.wake(key)
  }

  /** Tasks it would look at, best first, with their claims; claims nothing. */
  known(): ReturnType<Coordinator['known']> { return this.#coordinator?.known() ?? [] }

  /** Tasks that are claimed here and not done with. */
  get currentTasks(): number { return this.#coordinator?.currentTasks ?? 0 }

  status(): NodeStatus {
    const { clock, gossip, config } = this.#parts
    const { currentTasks } = this
    return {
      agent_id: this.#identity.agentId, node_id: this.#identity.node, role: this.#identity.role, expertise: this.#identity.expertise,
      current_tasks: currentTasks, max_tasks: this.#identity.maxTasks, active_providers: this.#repositories.length,
      status: this.#stopping !== undefined ? 'offline' : this.#paused ? 'paused' : statusOf({ currentTasks, maxTasks: this.#identity.maxTasks, accepting: this.#coordinator?.accepting ?? false }),
      active_tasks: (this.#coordinator?.active() ?? []).map(activeTaskStatus),
      members: (this.#membership?.members() ?? []).filter((member) => member.node !== this.#identity.node).map((member) => ({
        node_id: member.node, role: member.role, status: member.status, current_tasks: member.currentTasks, max_tasks: member.maxTasks,
        last_seen_seconds: Math.max(0, (clock.monotonicMs() - member.lastSeenMs) / 1000),
      })),
      addresses: gossip.addresses(),
      engine: { kind: this.#parts.runner.kind, ready: this.#engine.ready, reason: this.#engine.ready ? '' : this.#engine.reason },
      sandbox: { kind: this.#parts.sandbox.name, available: this.#sandbox.available, reason: this.#sandbox.available ? '' : this.#sandbox.reason },
      problems: [...this.#problems.values(), ...this.#repositories.flatMap((repository) => repository.problems()), ...(this.#coordinator?.problems ?? []), ...config.warnings],
      counters: sumOf([this.#post?.counts() ?? {}, gossip.refused?.() ?? {}, ...this.#repositories.map((repository) => repository.counters())]),
      uptime_seconds: this.#starting === undefined ? 0 : (clock.monotonicMs() - this.#startedAtMs) / 1000,
    }
  }

  watch(listener: (event: NodeEvent & { readonly at: string }) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  #emit(event: NodeEvent): void {
    const stamped = { at: isoTime(this.#parts.clock.wallMs()), ...event }
    for (const listener of [...this.#listeners]) {
      try {
        listener(stamped)
      } catch (thrown) {
        // Observers change no outcome.
        this.#parts.logger.warn('a watcher failed', { event: event.kind, error: messageOf(thrown) })
      }
    }
  }

  #problem(place: string, reason: string): void {
    this.#problems.set(place, `${place}: ${reason}`)
    this.#parts.logger.error('the node needs a person', { place, reason })
    this.#emit({ kind: 'node_problem', reason: `${place}: ${reason}` })
  }
}

/** So many are named; a member could make up more. */
const OTHER_VERSIONS_MAX = 8

/** Of several counters with one name. */
const sumOf = (all: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> => {
  const sum: Record<string, number> = {}
  for (const counters of all) for (const [name, value] of Object.entries(counters)) sum[name] = (sum[name] ?? 0) + value
  return sum
}

const workRecord = (audit: AuditLog): Parameters<typeof performance>[0] =>
  Object.fromEntries(Object.entries(audit.history().byType).map(([type, tally]) => [type, { successes: tally.done, failures: tally.failed }]))

const redacted = (outcome: Awaited<ReturnType<Redactor['redact']>>): Readonly<Record<string, unknown>> => {
  if (outcome.kind === 'denied') throw new ChorusError('SECRET_DENIED', `the message holds a secret (${outcome.rules.join(', ')})`)
  return outcome.value as Readonly<Record<string, unknown>>
}
