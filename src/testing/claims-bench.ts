import type { NodeId, Oid, RefName, SessionId, TaskKey } from '../core/mod.ts'
import { refName, taskKey } from '../core/mod.ts'
import type { Logger } from '../ports/mod.ts'
import { Claims, claimNames, openRecord } from '../work/claims/mod.ts'
import type { Claim, ClaimEvent, ClaimRecord, ClaimsInit, Intent, IntentLog, IntentOutcome, RecordOpener, Witnesses } from '../work/claims/mod.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryRemote } from './memory-ref-store.ts'
import type { MemoryRefStore } from './memory-ref-store.ts'
import { SeededEntropy } from './seeded-entropy.ts'
import { SeededSigner } from './seeded-signer.ts'

/** Several nodes' claims on one remote in memory, on one clock unless a node is lent its own. */
export class ClaimsBench {
  readonly clock = new ManualClock()
  readonly remote = new MemoryRemote()
  readonly names = claimNames()

  /** `as`: the key of another node, for a copied state folder. The intents of an earlier run are passed on for a restart. */
  node(name: string, options: NodeOptions = {}): BenchNode {
    const { clock = this.clock, intents = new MemoryIntentLog(), as = name, unreachable, isMember, openRecord: opener, logger = SILENT, ...init } = options
    const store = this.remote.open(name)
    const signer = new SeededSigner(as)
    const session = new SeededEntropy(`session ${name}`).uuid() as SessionId
    const claims = new Claims({
      store, signer, clock, entropy: new SeededEntropy(name), logger, intents,
      isMember: isMember ?? (() => true),
      holderUnreachable: unreachable ?? (() => ({ witnesses: 0, others: 0 })),
      openRecord: opener,
    }, { session, ...init })
    const events: ClaimEvent[] = []
    claims.onEvent((event) => { events.push(event) })
    return { name, claims, store, signer, session, intents, clock, events }
  }

  ref(key: TaskKey): RefName { return this.names.claim(key) }
  tip(key: TaskKey): Oid | undefined { return this.remote.refs.get(this.ref(key)) }

  /** The chain of a task as the remote has it, oldest first: `held 1 by <name>`. */
  async chain(key: TaskKey): Promise<readonly ClaimRecord[]> {
    const tip = this.tip(key)
    if (tip === undefined) return []
    const history = await this.remote.open('observer').history(this.ref(key), tip, { limit: 10_000 })
    if (!history.ok) throw new Error(history.reason)
    return history.value.map((commit) => {
      const opened = openRecord(commit.message)
      if (!opened.ok) throw new Error(opened.reason)
      return opened.value.record
    }).reverse()
  }

  /** `state epoch/attempt` of each record that is not a renewal of the one before. */
  async story(key: TaskKey): Promise<readonly string[]> {
    const lines = (await this.chain(key)).map((record) => `${record.state} ${record.epoch}/${record.attempt}`)
    return lines.filter((line, index) => line !== lines[index - 1])
  }
}

export interface NodeOptions extends Omit<ClaimsInit, 'session'> {
  readonly clock?: ManualClock
  readonly logger?: Logger
  readonly intents?: MemoryIntentLog
  readonly openRecord?: RecordOpener
  readonly as?: string
  readonly unreachable?: (node: NodeId) => Witnesses
  readonly isMember?: (node: NodeId) => boolean
}

export interface BenchNode {
  readonly name: string
  readonly claims: Claims
  readonly store: MemoryRefStore
  readonly signer: SeededSigner
  readonly session: SessionId
  readonly intents: MemoryIntentLog
  readonly clock: ManualClock
  readonly events: ClaimEvent[]
}

/** Survives the node that wrote it: hand it to the next one of the same name for a restart. */
export class MemoryIntentLog implements IntentLog {
  readonly #intents = new Map<Oid, Intent>()
  readonly outcomes = new Map<Oid, IntentOutcome>()
  /** Thrown by the next append. */
  failNext: Error | undefined

  get intents(): readonly Intent[] { return [...this.#intents.values()] }

  async append(intent: Intent): Promise<void> {
    const failure = this.failNext
    this.failNext = undefined
    // Not there before its promise resolves, as a log on a disk.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    if (failure !== undefined) throw failure
    this.#intents.set(intent.oid, intent)
  }

  unsettled(): Promise<readonly Intent[]> {
    return Promise.resolve(this.intents.filter((intent) => !this.outcomes.has(intent.oid)))
  }

  settled(oid: Oid, outcome: IntentOutcome): Promise<void> {
    this.outcomes.set(oid, outcome)
    return Promise.resolve()
  }
}

export const benchKey = (number: string | number): TaskKey => taskKey({ provider: 'local', repository: 'demo', number: String(number) })

/** The claim, or the reason as an error. */
export const won = async (acquiring: ReturnType<Claims['acquire']>): Promise<Claim> => {
  const result = await acquiring
  if (!result.ok) throw new Error(`the claim was not won: ${result.reason}`)
  return result.value
}

export const deliveryBranch = refName('refs/heads/chorus/42')

/** A commit of the node, to be delivered to `deliveryBranch` where it is seen at `from`. */
export const deliveryOf = async (node: BenchNode, from: Oid | null = null) => {
  const commit = await node.store.create({ parent: null, message: 'work', atSeconds: 1 })
  return { result: { commit, branch: deliveryBranch }, alongside: [{ ref: deliveryBranch, from, to: commit }] }
}

const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }
