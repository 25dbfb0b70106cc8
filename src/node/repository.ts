import { ChorusError, refName } from '../core/mod.ts'
import type { NodeId, Oid, RefName, Result, SessionId, TaskKey } from '../core/mod.ts'
import type { AgentIdentity, RepositoryWork } from '../coordinator/mod.ts'
import type { AuditLog } from '../memory/audit/mod.ts'
import type { Redactor } from '../memory/redaction/mod.ts'
import type { Clock, Egress, Entropy, Logger, RefStore, Sandbox, Signer, SourceTree, TaskProvider, Workspaces } from '../ports/mod.ts'
import { Claims } from '../work/claims/mod.ts'
import type { RecordOpener } from '../work/claims/mod.ts'
import { MergeTurns } from '../work/turn/mod.ts'
import type { TurnOpener } from '../work/turn/mod.ts'
import { Execution, defaultExecutionOptions } from '../work/execution/mod.ts'
import type { ExecutionOptions, SetupCache } from '../work/execution/mod.ts'
import type { ChorusConfig, RepositoryConfig } from './config.ts'
import { intentsOf } from './intents.ts'
import { checkPin } from './pin.ts'
import { parseProject } from './project-file.ts'
import type { NodeTimes } from './times.ts'

/** The adapters of one repository, as the command line built them. */
export interface RepositoryParts {
  readonly settings: RepositoryConfig
  readonly provider: TaskProvider
  readonly sources: SourceTree
  readonly refs: RefStore
  readonly workspaces: Workspaces
  readonly setupCache: SetupCache
  readonly egress: Egress
  /** The repository's own id, as this node first saw it. */
  readonly seenId: { read(): Promise<string | undefined>; write(id: string): Promise<void> }
}

export interface JoinParts {
  readonly config: ChorusConfig
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signer: Signer
  readonly logger: Logger
  readonly sandbox: Sandbox
  readonly session: SessionId
  readonly times: NodeTimes['claims']
  readonly openRecord: RecordOpener | undefined
  readonly openTurn: TurnOpener | undefined
  readonly audit: AuditLog
  readonly redactor: Redactor
  readonly identity: AgentIdentity
  readonly unreachable: (node: NodeId) => { readonly witnesses: number; readonly others: number }
}

export interface JoinedRepository {
  readonly work: RepositoryWork
  retry(key: TaskKey): Promise<Result<unknown>>
  counters(): Readonly<Record<string, number>>
  /** What needs a person, one line each. */
  problems(): readonly string[]
  stop(): Promise<void>
}

/** Checks the pin, settles what an earlier process left open, and gives back what it still held. */
export const joinRepository = async (parts: RepositoryParts, join: JoinParts): Promise<JoinedRepository> => {
  const { config, clock, entropy, signer, logger, session, audit, redactor, sandbox } = join
  const name = `${parts.provider.name}:${parts.provider.repository}`
  const pin = await checkPin(parts.sources, { namespace: config.claims.namespace, known: await parts.seenId.read() })
  await parts.seenId.write(pin.repository)
  await parts.workspaces.reap()
  const claims = new Claims({
    store: parts.refs, signer, clock, entropy: entropy.fork(`claims ${name}`), logger, intents: intentsOf(audit, name),
    // Until the member list exists, whoever holds the swarm key is a member.
    isMember: () => true,
    holderUnreachable: join.unreachable,
    openRecord: join.openRecord,
  }, { session, namespace: config.claims.namespace, leaseMs: config.claims.leaseMs, renewMs: config.claims.renewMs, ...join.times })
  await claims.start()
  const execution = new Execution({
    sandbox, workspaces: parts.workspaces, sources: parts.sources, egress: parts.egress, clock, logger, setupCache: parts.setupCache, parseProject,
    inspect: (text) => redactor.inspect(text),
    redact: (text) => redactedPrompt(redactor, text),
    options: executionOptions(config),
  })
  return {
    work: {
      provider: parts.provider, sources: parts.sources, claims, attempts: execution,
      policy: { delivery: parts.settings.delivery, mergeOn: parts.settings.mergeOn, approveFirst: parts.settings.approveFirst },
      turns: new MergeTurns({ store: parts.refs, signer, clock, entropy: entropy.fork(`turns ${name}`), logger, openTurn: join.openTurn }, { namespace: config.claims.namespace, leaseMs: config.claims.leaseMs }),
      branchTip: async (ref: RefName): Promise<Oid | null> => (await parts.refs.tips(ref)).get(refName(ref)) ?? null,
      keepPatch: async (ref, commit) => (await parts.refs.push([{ ref, from: null, to: commit }], { atomic: false })).get(ref)?.kind === 'accepted',
    },
    // A quarantined tip is nobody's to claim over; a person who asks to try again has looked at it.
    retry: (key) => claims.view(key).state === 'quarantined' ? claims.clear(key) : claims.retry(key),
    problems: () => claims.quarantined().map(({ key, ref, reason }) => `${key} is quarantined (${ref}: ${reason}): look at that ref, then \`chorus task retry ${key.slice(key.lastIndexOf('#') + 1)}\` clears it`),
    counters: () => Object.fromEntries(Object.entries(claims.stats).map(([counter, value]) => [`claims_${counter}`, value])),
    stop: () => claims.stop(),
  }
}

/** What the configuration leaves out keeps the measured default. */
const executionOptions = (config: ChorusConfig): ExecutionOptions => {
  const { sandbox, execution } = config
  const limited = (limits: ExecutionOptions['agentLimits']): ExecutionOptions['agentLimits'] => ({
    ...limits,
    memoryBytesMax: sandbox.memoryBytesMax ?? limits.memoryBytesMax,
    diskBytesMax: sandbox.diskBytesMax ?? limits.diskBytesMax,
    processesMax: sandbox.processesMax ?? limits.processesMax,
    cpusMax: sandbox.cpusMax ?? limits.cpusMax,
  })
  const base = defaultExecutionOptions
  return {
    ...base, agentTimeoutMs: execution.timeoutMs, roundsMax: execution.roundsMax, tokensMax: execution.tokensMax,
    agentLimits: { ...limited(base.agentLimits), timeoutMs: execution.timeoutMs }, checkLimits: limited(base.checkLimits), setupLimits: limited(base.setupLimits),
  }
}

/** A secret in the repository or the task does not go to a model; what must not go in any form stops the attempt. */
const redactedPrompt = async (redactor: Redactor, text: string): Promise<string> => {
  const redacted = await redactor.redactText(text, { where: 'prompt' })
  if (redacted.kind === 'denied') throw new ChorusError('SECRET_DENIED', `what the agent would be told holds a secret (${redacted.rules.join(', ')})`)
  return redacted.value
}
