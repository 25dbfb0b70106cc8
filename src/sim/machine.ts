import { messageOf } from '../core/mod.ts'
import type { NodeId } from '../core/mod.ts'
import type { ChorusConfig } from '../node/config.ts'
import { ChorusNode } from '../node/node.ts'
import { BackoffProvider } from '../node/provider-backoff.ts'
import type { GivenTimes } from '../node/times.ts'
import type { AgentRunner, Logger, Sandbox, SourceTree, TaskProvider, Workspaces } from '../ports/mod.ts'
import { SimDisk, SimLogStore, simFile } from './disk.ts'
import type { DiskProfile } from './disk.ts'
import type { Chance } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimGossip, SimNetwork } from './network.ts'
import { SimProcess } from './process.ts'
import type { MachineClock } from './process.ts'
import { SimRefStore } from './remote.ts'
import type { Objects, SimRemote } from './remote.ts'
import type { Scheduler } from './scheduler.ts'
import type { SharedOpeners } from './sharing.ts'
import { SimSigner } from './signatures.ts'

/** What one process works with besides mesh, disk and remote. */
export interface Tools {
  readonly provider: TaskProvider
  readonly sources: SourceTree
  readonly workspaces: Workspaces
  readonly sandbox: Sandbox
  readonly runner: AgentRunner
  /** What of it still runs or lies about. */
  left(): readonly string[]
}

export interface MachineParts {
  readonly name: string
  readonly config: ChorusConfig
  readonly times: GivenTimes
  readonly providerPause: { readonly firstMs: number; readonly longestMs: number }
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly network: SimNetwork
  readonly remote: SimRemote
  readonly clock: MachineClock
  readonly diskProfile: DiskProfile
  readonly openers: SharedOpeners
  readonly emit: (happening: Happening) => void
  readonly tools: (about: { readonly machine: SimMachine; readonly process: SimProcess; readonly store: SimRefStore; readonly chance: Chance }) => Tools
}

interface Life {
  readonly process: SimProcess
  readonly chorus: ChorusNode
  readonly gossip: SimGossip
  readonly store: SimRefStore
  readonly tools: Tools
}

/** A machine of the swarm: key, disk and clocks stay, processes come and go. */
export class SimMachine {
  readonly name: string
  readonly node: NodeId
  readonly config: ChorusConfig
  readonly disk: SimDisk
  readonly objects: Objects = new Map()
  readonly clock: MachineClock
  readonly #parts: MachineParts
  readonly #signer: SimSigner
  #life: Life | undefined
  #lives = 0
  #stopped = true
  /** Asked to run, even where it is still stopping. */
  #wanted = false

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.name = parts.name
    this.config = parts.config
    this.clock = parts.clock
    this.#signer = new SimSigner(`sim ${parts.name}`)
    this.node = this.#signer.node
    this.disk = new SimDisk(parts.chance.fork('log key').bytes(32))
  }

  get life(): string { return this.#life?.process.life ?? `${this.name}/0` }
  get alive(): boolean { return this.#life?.process.alive === true }
  get paused(): boolean { return this.alive && this.#life?.process.paused === true }
  get stopped(): boolean { return this.#stopped }
  get process(): SimProcess | undefined { return this.#life?.process }
  get currentTasks(): number { return this.alive && !this.#stopped ? this.#life?.chorus.currentTasks ?? 0 : 0 }
  status(): ReturnType<ChorusNode['status']> | undefined { return this.#life?.chorus.status() }

  /** A process of its own, as after a boot or by a supervisor. One that cannot start ends, and is started again. */
  boot(): void {
    this.#wanted = true
    if (this.alive) return
    const { scheduler, chance, network, remote, emit } = this.#parts
    this.#lives += 1
    this.#stopped = false
    const process = new SimProcess(`${this.name}/${this.#lives}`, scheduler, this.clock)
    const own = chance.fork(`life ${this.#lives}`)
    const within = this.#within(process)
    process.onArmed = within('timers', TIMERS_MAX + TIMERS_PER_TASK_MAX * this.config.agent.maxTasks)
    const onWay = within('requests to the remote', REQUESTS_MAX + REQUESTS_PER_TASK_MAX * this.config.agent.maxTasks)
    const store = new SimRefStore({ remote, process, node: this.node, chance: own.fork('remote'), objects: this.objects, onWay })
    const gossip = network.join(this.node, process)
    const tools = this.#parts.tools({ machine: this, process, store, chance: own })
    const chorus = this.#assemble({ process, own, store, gossip, tools })
    this.#life = { process, chorus, gossip, store, tools }
    emit({ kind: 'process', node: this.node, life: process.life, what: 'started' })
    chorus.watch((event) => {
      if (!process.alive) return
      emit({ kind: 'told', node: this.node, life: process.life, event })
      if (event.kind === 'node_ready') emit({ kind: 'process', node: this.node, life: process.life, what: 'ready' })
    })
    chorus.start().catch((thrown: unknown) => {
      if (!process.alive || this.#stopped) return
      emit({ kind: 'process', node: this.node, life: process.life, what: 'refused', detail: messageOf(thrown).slice(0, 200) })
      this.#end(process)
      this.#restart(chance.between(2_000, 8_000))
    })
    void chorus.broken.then((failure) => {
      if (!process.alive) return
      emit({ kind: 'process', node: this.node, life: process.life, what: 'broke', detail: failure.message.slice(0, 200) })
      this.kill()
      this.#restart(chance.between(5_000, 20_000))
    })
  }

  kill(): void {
    const { process } = this.#life ?? {}
    if (process?.alive !== true) return
    this.#parts.emit({ kind: 'process', node: this.node, life: process.life, what: 'killed' })
    this.#end(process)
  }

  pause(): void {
    const { process } = this.#life ?? {}
    if (process?.running !== true) return
    process.pause()
    this.#parts.emit({ kind: 'process', node: this.node, life: process.life, what: 'paused' })
    this.#parts.network.relinkOf(this.node)
  }

  resume(): void {
    const { process } = this.#life ?? {}
    if (process?.alive !== true || !process.paused) return
    this.#parts.emit({ kind: 'process', node: this.node, life: process.life, what: 'resumed' })
    process.resume()
    this.#parts.network.relinkOf(this.node)
  }

  /** As a user asks it to; resolves when it has ended, and says what it left. Never when it is killed meanwhile. */
  async stop(): Promise<void> {
    this.#wanted = false
    const life = this.#life
    if (life?.process.alive !== true || this.#stopped) return
    const { emit, scheduler } = this.#parts
    const about = { node: this.node, life: life.process.life }
    this.#stopped = true
    emit({ kind: 'process', ...about, what: 'stopping' })
    await life.chorus.stop()
    if (!life.process.alive) return
    emit({ kind: 'process', ...about, what: 'stopped' })
    this.#life = undefined
    if (this.#wanted) this.boot()
    // What it had asked others for is answered, or given up by its client, before anybody looks.
    await new Promise<void>((resolve) => { scheduler.after(ANSWERED_MS, resolve) })
    emit({ kind: 'left', ...about, left: [
      ...life.process.armed > 0 ? [`${life.process.armed} timers`] : [],
      ...life.store.underWay > 0 ? [`${life.store.underWay} requests to the remote`] : [],
      ...life.gossip.running ? ['the mesh'] : [],
      ...life.chorus.status().active_tasks.map((task) => `task ${task.number}`),
      ...life.tools.left(),
    ] })
    life.process.kill()
  }

  /** Told how long a queue is; reports it once when that is too long. */
  #within(process: SimProcess): (queue: string, limit: number) => (length: number) => void {
    return (queue, limit) => {
      let told = false
      return (length) => {
        if (length <= limit || told) return
        told = true
        this.#parts.emit({ kind: 'overflow', node: this.node, life: process.life, queue, length, limit })
      }
    }
  }

  #end(process: SimProcess): void {
    process.kill()
    this.disk.crash(this.#parts.chance)
    this.#parts.network.dropped(this.node)
  }

  #restart(afterMs: number): void {
    this.#parts.scheduler.after(afterMs, () => { if (!this.#stopped) this.boot() })
  }

  #assemble({ process, own, store, gossip, tools }: { readonly process: SimProcess; readonly own: Chance; readonly store: SimRefStore; readonly gossip: SimGossip; readonly tools: Tools }): ChorusNode {
    const { config, times, diskProfile, emit, openers, providerPause } = this.#parts
    const { disk, node } = this
    const diskChance = own.fork('disk')
    const delayMs = (): number => diskChance.delayMs(diskProfile.latency)
    const landed = (index: number, entry: Uint8Array): void => {
      const { type, data } = JSON.parse(Buffer.from(entry).toString('utf8')) as { readonly type: string; readonly data: Readonly<Record<string, unknown>> }
      emit({ kind: 'log', node, life: process.life, index, type, data })
    }
    const file = (name: string) => simFile(disk, process, { name, delayMs })
    const repository = config.repositories[0]
    if (repository === undefined) throw new Error('the configuration has a repository')
    return new ChorusNode({
      version: '0.0.0', config, clock: process, entropy: own.fork('node'), signer: this.#signer, logger: SILENT, gossip, times, ...openers.parts(),
      log: { store: new SimLogStore({ disk, process, chance: diskChance, profile: diskProfile, landed, onWay: this.#within(process)('log entries that wait', ENTRIES_WAITING_MAX) }), head: file('head') },
      scanner: { scan: () => Promise.resolve([]) }, redactionKey: new Uint8Array(32), knownSecrets: [],
      sandbox: tools.sandbox, runner: tools.runner,
      repositories: [{
        settings: repository, provider: new BackoffProvider(tools.provider, process, providerPause), sources: tools.sources, refs: store, workspaces: tools.workspaces,
        setupCache: { lookup: () => Promise.resolve(undefined), store: () => Promise.resolve(undefined) },
        egress: { openRegistry: () => Promise.reject(new Error('nothing is installed here')), openModel: () => Promise.reject(new Error('no model is asked here')), registryEnvironment: () => ({}) },
        seenId: file('repository'),
      }],
      pause: { read: () => Promise.resolve(disk.files.get('paused') === 'yes'), write: (paused) => file('paused').write(paused ? 'yes' : 'no') },
    })
  }
}

/** What a node may have waiting: reads of a hundred chains at once, one look that goes on and two that were given up, and each task's own. */
const REQUESTS_MAX = 120
const REQUESTS_PER_TASK_MAX = 4
const TIMERS_MAX = 40
const TIMERS_PER_TASK_MAX = 16
/** The log's own limit. */
const ENTRIES_WAITING_MAX = 256
/** Longer than any client of a remote or a provider waits. */
const ANSWERED_MS = 60_000
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }
