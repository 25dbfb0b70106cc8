import { refName } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { parseConfig } from '../../node/config.ts'
import type { ChorusConfig } from '../../node/config.ts'
import { formatPin } from '../../node/pin.ts'
import { claimNames } from '../../work/claims/mod.ts'
import { SimBoard } from '../board.ts'
import { Chance } from '../chance.ts'
import { Counts } from '../counts.ts'
import type { Happening } from '../events.ts'
import { SimMachine } from '../machine.ts'
import type { Tools } from '../machine.ts'
import { SimNetwork } from '../network.ts'
import { calmPlan } from '../plan.ts'
import { MachineClock } from '../process.ts'
import { CALM_PROVIDER, SimProvider } from '../provider.ts'
import { SimRemote } from '../remote.ts'
import { checkOf, SimProject, SimRepository, SimSources } from '../repository/mod.ts'
import { CALM_SANDBOX, SimSandbox } from '../sandbox.ts'
import { Scheduler } from '../scheduler.ts'
import { SharedOpeners } from '../sharing.ts'
import { CALM_WORKSPACES, SimWorkspaces } from '../workspaces.ts'
import { TimedEngine } from './engine.ts'
import { gossipLatency, REMOTE } from './latencies.ts'
import type { Assignment, MatchingRecord } from './measure.ts'
import type { Workload } from './workload.ts'

export interface SwarmOptions {
  readonly workload: Workload
  readonly seed: string
  /**
   * `delivered`: to the last delivery. `claimed`: to the last claim; what runs then ends when its agent does, plus what
   * the deliveries before took on average, since nothing is decided any more.
   */
  readonly until: 'delivered' | 'claimed'
  /** Of virtual time: a run that takes longer has failed. */
  readonly withinMs?: number
}

export interface SwarmRun extends MatchingRecord {
  /** Milliseconds of one task that its agent does not work: preparing, checking, delivering. Mean. */
  readonly besidesMs: number
  /** Reads of the remote's refs and of the provider's list, by all nodes. */
  readonly looks: number
  readonly virtualMs: number
  readonly steps: number
}

const MAIN = refName('refs/heads/main')
/** All nodes are up and know each other before the first task appears. */
const WARM_MS = 20_000
/** They start within this time, as a fleet does that is started as one. */
const BOOT_MS = 3_000
const WITHIN_MS = 4 * 3_600_000

/** Production nodes on one workload: nothing breaks, everything takes its time. */
export class MatchingSwarm {
  readonly #options: SwarmOptions
  readonly #scheduler = new Scheduler()
  readonly #counts = new Counts()
  readonly #board: SimBoard
  readonly #repository: SimRepository
  readonly #remote: SimRemote
  readonly #machines: readonly SimMachine[]
  readonly #names = new Map<NodeId, string>()
  readonly #claims = new Map<string, { readonly node: NodeId; readonly score: number; readonly atMs: number }>()
  readonly #ends = new Map<string, number>()
  #looks = 0

  constructor(options: SwarmOptions) {
    this.#options = options
    const { workload, seed } = options
    const scheduler = this.#scheduler
    const chance = new Chance(`matching ${seed}`)
    const plan = calmPlan('branch')
    const network = { ...plan.network, latency: gossipLatency(workload.nodes.length) }
    const remote = { ...plan.remote, latency: REMOTE }
    const emit = (happening: Happening): void => { this.#see(happening) }
    this.#remote = new SimRemote({
      profile: () => remote, emit, reaches: () => true, claimsPrefix: claimNames().prefix, now: () => scheduler.nowMs,
      sent: (updates, recordOf) => { this.#counts.sent(updates, this.#remote, recordOf) },
    })
    this.#repository = new SimRepository(new SimProject({ numbers: workload.tasks.map((task) => task.number) }))
    this.#remote.force(MAIN, this.#repository.found({ pin: formatPin({ repository: 'simulated', namespace: 'refs/chorus' }), atSeconds: 1 }).body)
    this.#board = new SimBoard({ repository: 'matching', nowMs: () => scheduler.nowMs })
    const mesh = new SimNetwork({ scheduler, chance: chance.fork('network'), profile: () => network, emit })
    const openers = new SharedOpeners(this.#remote)
    this.#machines = workload.nodes.map(({ name, role, expertise, maxTasks }) => new SimMachine({
      name, times: {}, providerPause: { firstMs: 5_000, longestMs: 300_000 }, scheduler, chance: chance.fork(name), network: mesh, remote: this.#remote,
      config: { ...baseConfig(), agent: { ...baseConfig().agent, id: name, role, expertise, maxTasks } },
      clock: new MachineClock(scheduler, { rate: 1, wallMs: 1_700_000_000_000 }), diskProfile: plan.disk, openers, emit, tools: (about) => this.#tools(about, emit),
    }))
    for (const machine of this.#machines) this.#names.set(machine.node, machine.name)
  }

  async run(): Promise<SwarmRun> {
    const { workload, until, withinMs = WITHIN_MS } = this.#options
    const scheduler = this.#scheduler
    const boot = new Chance(`matching ${this.#options.seed}`).fork('boot')
    for (const machine of this.#machines) scheduler.after(boot.between(0, BOOT_MS), () => { machine.boot() })
    for (const task of workload.tasks) {
      scheduler.after(WARM_MS + task.arrivalMs, () => {
        const { number, priority, requiredRole, requiredExpertise } = task
        this.#board.add(number, { priority, requiredRole, requiredExpertise, check: checkOf(number), createdAtMs: 1_700_000_000_000 + Number(number) * 1_000 })
      })
    }
    const isOver = (): boolean => (until === 'claimed' ? this.#claims : this.#ends).size === workload.tasks.length
    await scheduler.run(WARM_MS + withinMs, isOver)
    if (!isOver()) throw new Error(`${this.#claims.size} of ${workload.tasks.length} tasks were claimed and ${this.#ends.size} delivered within ${withinMs / 60_000} virtual minutes`)
    const virtualMs = scheduler.nowMs
    await this.#stop()
    return this.#record(virtualMs)
  }

  async #stop(): Promise<void> {
    let stopped = false
    void Promise.all(this.#machines.map((machine) => machine.stop())).then(() => { stopped = true })
    await this.#scheduler.run(this.#scheduler.nowMs + 300_000, () => stopped)
  }

  #record(virtualMs: number): SwarmRun {
    const { workload } = this.#options
    const { acquirePushes, acquireWins } = this.#counts
    const besides = workload.tasks.flatMap(({ number, durationMs }) => {
      const [claim, endedMs] = [this.#claims.get(number), this.#ends.get(number)]
      return claim === undefined || endedMs === undefined || endedMs > virtualMs ? [] : [endedMs - claim.atMs - durationMs]
    })
    const besidesMs = besides.reduce((sum, ms) => sum + ms, 0) / Math.max(1, besides.length)
    const assignments = workload.tasks.flatMap(({ number, durationMs }): Assignment[] => {
      const claim = this.#claims.get(number)
      if (claim === undefined) return []
      const ended = this.#ends.get(number)
      const endedMs = ended !== undefined && ended <= virtualMs ? ended : claim.atMs + durationMs + besidesMs
      return [{ task: number, node: this.#names.get(claim.node) ?? claim.node, score: claim.score, claimedAtMs: claim.atMs - WARM_MS, endedAtMs: endedMs - WARM_MS }]
    })
    return { workload, assignments, claimAttempts: acquirePushes, claimWins: acquireWins, besidesMs, besidesMsMin: besides.length === 0 ? 0 : Math.min(...besides), looks: this.#looks, virtualMs, steps: this.#scheduler.steps }
  }

  #see(happening: Happening): void {
    this.#counts.see(happening)
    if (happening.kind === 'provider' && happening.operation === 'list') this.#looks += 1
    if (happening.kind !== 'told') return
    const { event, node } = happening
    const atMs = this.#scheduler.nowMs
    if (event.kind === 'task_claimed') this.#claims.set(numberOf(event.key), { node, score: event.score, atMs })
    if (event.kind === 'task_delivered') this.#ends.set(numberOf(event.key), atMs)
  }

  #tools({ machine, process, store, chance }: Parameters<NonNullable<ConstructorParameters<typeof SimMachine>[0]['tools']>>[0], emit: (happening: Happening) => void): Tools {
    const repository = this.#repository
    const { project } = repository
    const { node, disk } = machine
    const workspaces = new SimWorkspaces({ process, chance: chance.fork('workspaces'), repository, put: (body) => store.put(body), folders: disk.folders, profile: () => CALM_WORKSPACES })
    const durations = new Map(this.#options.workload.tasks.map((task) => [task.number, task.durationMs]))
    return {
      workspaces,
      provider: new SimProvider({ process, chance: chance.fork('provider'), node, board: this.#board, nowMs: () => this.#scheduler.nowMs, emit, profile: () => ({ ...CALM_PROVIDER, listsClosed: false }) }),
      sources: new SimSources({ repository, tipOfMain: async () => (await store.tips(MAIN)).get(MAIN) }),
      sandbox: new SimSandbox({ process, chance: chance.fork('sandbox'), node, project, look: (path) => workspaces.look(path), emit, programs: new Set(), profile: () => CALM_SANDBOX }),
      runner: new TimedEngine({ process, chance: chance.fork('engine'), node, project, workspaces, emit, durationMs: (number) => durations.get(number) ?? 0 }),
      left: () => [],
    }
  }
}

const numberOf = (key: string): string => key.slice(key.lastIndexOf('#') + 1)

let parsed: ChorusConfig | undefined
const baseConfig = (): ChorusConfig => {
  parsed ??= parseConfig('agent: { id: sim, role: backend, max_tasks: 1 }\nrepositories:\n  - { path: ., delivery: branch }\n', { env: {} })
  return { ...parsed, execution: { ...parsed.execution, timeoutMs: 2 * 3_600_000 } }
}
