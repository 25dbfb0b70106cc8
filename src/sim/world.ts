import { refName } from '../core/mod.ts'
import type { NodeId, Oid, TaskKey } from '../core/mod.ts'
import { parseConfig } from '../node/config.ts'
import type { ChorusConfig } from '../node/config.ts'
import type { GivenTimes } from '../node/times.ts'
import { claimNames } from '../work/claims/mod.ts'
import type { ClaimRecord } from '../work/claims/mod.ts'
import type { Checker, NodeTruth, Truth, Violation } from './checker.ts'
import { Chance } from './chance.ts'
import { Counts } from './counts.ts'
import type { Stamped } from './events.ts'
import { SimMachine } from './machine.ts'
import { SimNetwork } from './network.ts'
import { drawPlan, healed, SCALED } from './plan.ts'
import type { Plan } from './plan.ts'
import { MachineClock } from './process.ts'
import { SimRemote } from './remote.ts'
import { Scheduler } from './scheduler.ts'
import { SharedOpeners } from './sharing.ts'
import { Trace } from './trace.ts'
import { Troubles } from './troubles.ts'
import { Village } from './village.ts'

export interface WorldOptions {
  readonly seed: string | number
  readonly nodes: number
  readonly tasks: number
  /** How long things break; 108 seconds when not given. */
  readonly hours?: number | undefined
  /** What goes wrong; drawn from the seed when not given. */
  readonly plan?: Partial<Plan> | undefined
  readonly checkers?: readonly Checker[] | undefined
  /** Keep what happened, for somebody to read. */
  readonly keep?: boolean | undefined
  readonly leaseMs?: number | undefined
  readonly renewMs?: number | undefined
  readonly pollMs?: number | undefined
  readonly times?: GivenTimes | undefined
  /** Virtual time after the faults in which everything must have ended. */
  readonly quietMs?: number | undefined
}

export interface WorldResult {
  readonly seed: string
  readonly digest: string
  readonly violations: readonly Violation[]
  readonly happenings: number
  readonly steps: number
  readonly virtualMs: number
  /** Of processes that lived, in virtual seconds. */
  readonly nodeSeconds: number
  readonly tasks: number
  readonly delivered: number
  readonly escalated: number
  /** Claimable to the end, and nobody did it. */
  readonly lost: number
  readonly duplicateDeliveries: number
  readonly reworks: number
  readonly claimedTasks: number
  readonly acquirePushes: number
  readonly acquireWins: number
  readonly faults: Readonly<Record<string, number>>
}

const MAIN = refName('refs/heads/main')
const ROLES = ['backend', 'frontend', 'tester'] as const
const SKILLS = ['sql', 'css', 'auth', 'docs'] as const

/** A swarm in a bottle: production nodes on simulated machines, from one seed. */
export class World {
  readonly scheduler = new Scheduler()
  readonly machines: readonly SimMachine[]
  readonly network: SimNetwork
  readonly remote: SimRemote
  readonly village: Village
  readonly trace: Trace
  readonly counts = new Counts()
  readonly plan: Plan
  readonly #options: WorldOptions
  readonly #chance: Chance
  readonly #troubles: Troubles
  readonly #names = claimNames()
  #now: Plan
  #quietSinceMs: number | undefined

  constructor(options: WorldOptions) {
    this.#options = options
    const chance = this.#chance = new Chance(`seed ${options.seed}`)
    this.plan = { ...drawPlan(chance.fork('plan')), ...options.plan }
    this.#now = this.plan
    this.trace = new Trace({ checkers: options.checkers ?? [], keep: options.keep ?? false, truth: () => this.truth, counts: this.counts.see })
    const emit = this.trace.add
    const { scheduler } = this
    this.network = new SimNetwork({ scheduler, chance: chance.fork('network'), profile: () => this.#now.network, emit })
    this.remote = new SimRemote({
      profile: () => this.#now.remote, emit, reaches: (node) => this.#troubles.reaches(node), claimsPrefix: this.#names.prefix, now: () => scheduler.nowMs,
      sent: (updates, recordOf) => { this.counts.sent(updates, this.remote, recordOf) },
    })
    this.village = new Village({ remote: this.remote, main: MAIN, chance: chance.fork('village'), plan: () => this.#now, emit, nowMs: () => scheduler.nowMs, roles: ROLES, skills: SKILLS, tasksMax: options.tasks })
    const openers = new SharedOpeners(this.remote)
    const diskProfile = this.plan.disk
    const clocks = chance.fork('clocks')
    this.machines = Array.from({ length: options.nodes }, (_, index) => {
      const name = `n${index + 1}`
      return new SimMachine({
        name, config: this.#config(index), times: options.times ?? SCALED.times, providerPause: SCALED.providerPause, scheduler, chance: chance.fork(name), network: this.network, remote: this.remote,
        clock: new MachineClock(scheduler, { rate: 1 + this.plan.breakage.drift * clocks.between(-1, 1), wallMs: 1_700_000_000_000 + Math.round(clocks.between(-5_000, 5_000)) }),
        diskProfile, openers, emit, tools: (about) => this.village.tools(about),
      })
    })
    this.#troubles = new Troubles({ scheduler, chance: chance.fork('troubles'), breakage: this.plan.breakage, machines: this.machines, network: this.network, emit, person: (own) => { this.village.person(own) } })
  }

  /** What checkers may know. */
  readonly truth: Truth = this.#makeTruth()

  async run(): Promise<WorldResult> {
    const { scheduler, village } = this
    const { tasks, hours = 0.03, quietMs = 1_200_000 } = this.#options
    const faultsMs = hours * 3_600_000
    const chance = this.#chance.fork('begin')
    let livedMs = 0
    for (let number = 1; number <= tasks; number += 1) {
      // Some are there from the start, the others come while it runs.
      if (chance.happens(0.6)) village.add(number)
      else scheduler.after(chance.between(0, faultsMs * 0.8), () => { village.add(number) })
    }
    for (const machine of this.machines) scheduler.after(chance.between(0, 60 * this.machines.length), () => { machine.boot() })
    this.trace.add({ kind: 'phase', phase: 'faults' })
    this.#troubles.begin()
    await scheduler.run(faultsMs)
    this.#now = healed(this.plan)
    this.#quietSinceMs = scheduler.nowMs
    this.trace.add({ kind: 'phase', phase: 'quiet' })
    this.#troubles.end()
    let checkedMs = scheduler.nowMs
    await scheduler.run(faultsMs + quietMs, () => {
      if (scheduler.nowMs - checkedMs < 1_000) return false
      checkedMs = scheduler.nowMs
      return this.#isSettled()
    })
    livedMs = scheduler.nowMs
    this.trace.add({ kind: 'phase', phase: 'stopping' })
    const stopping = Promise.all(this.machines.map((machine) => machine.stop()))
    let stopped = false
    void stopping.then(() => { stopped = true })
    await scheduler.run(scheduler.nowMs + 120_000, () => stopped)
    this.trace.add({ kind: 'phase', phase: 'end' })
    return this.#result(livedMs)
  }

  #result(livedMs: number): WorldResult {
    const { counts, trace, scheduler, truth } = this
    const digest = trace.finish()
    return {
      seed: String(this.#options.seed), digest, violations: trace.violations, happenings: trace.length, steps: scheduler.steps, virtualMs: scheduler.nowMs,
      nodeSeconds: livedMs / 1_000 * this.machines.length,
      tasks: truth.tasks.length, delivered: counts.results.size, escalated: truth.tasks.filter((task) => truth.tip(task.key)?.state === 'escalated').length,
      lost: truth.tasks.filter((task) => !this.#hasEnded(task.key)).length,
      duplicateDeliveries: this.#duplicates(),
      reworks: counts.reworks, claimedTasks: counts.claimedTasks, acquirePushes: counts.acquirePushes, acquireWins: counts.acquireWins, faults: counts.faults,
    }
  }

  /** Commits on main beyond the first of each task, and results beyond the first that was delivered. */
  #duplicates(): number {
    const merged = this.truth.merged().map(({ key }) => key)
    const again = [...this.counts.results.values()].filter((results) => results.size > 1)
    return merged.length - new Set(merged).size + again.length
  }

  #isSettled(): boolean {
    return this.truth.tasks.every((task) => this.#hasEnded(task.key)) && this.machines.every((machine) => machine.alive && machine.currentTasks === 0)
  }

  /** Delivered, given to people, closed by them, or waiting for a task that is. */
  #hasEnded(key: TaskKey): boolean {
    const task = this.village.byKey(key)
    if (task === undefined || task.state === 'closed') return true
    const tip = this.truth.tip(key)
    if (tip !== undefined && (['done', 'escalated'].includes(tip.state) || (tip.state === 'parked' && tip.retryAfterMs === undefined))) return true
    return task.dependsOn.some((other) => this.#blocks(other))
  }

  #blocks(other: TaskKey): boolean {
    const tip = this.truth.tip(other)
    if (this.village.byKey(other)?.state === 'closed' && tip?.state !== 'delivered') return false
    // On a branch of its own nobody merges it here.
    if (tip?.state === 'done') return this.plan.delivery === 'branch'
    return this.#hasEnded(other)
  }

  #config(index: number): ChorusConfig {
    const { leaseMs = SCALED.leaseMs, renewMs = SCALED.renewMs, pollMs = SCALED.pollMs } = this.#options
    const chance = this.#chance.fork(`agent ${index}`)
    const base = baseConfig()
    const role = ROLES[index % ROLES.length] ?? 'backend'
    const [repository] = base.repositories
    if (repository === undefined) throw new Error('the configuration has a repository')
    return {
      ...base, pollMs, claims: { ...base.claims, leaseMs, renewMs },
      agent: { ...base.agent, id: `n${index + 1}`, role, expertise: SKILLS.filter((_, at) => at === index % SKILLS.length || chance.happens(0.3)), maxTasks: 1 + chance.integer(3) },
      execution: { ...base.execution, timeoutMs: 30_000 },
      repositories: [{ ...repository, delivery: this.plan.delivery }],
    }
  }

  #makeTruth(): Truth {
    const world = this
    const chain = (key: TaskKey): readonly ClaimRecord[] => {
      const records: ClaimRecord[] = []
      for (let id: Oid | null = world.remote.repository.refs.get(world.#names.claim(key)) ?? null; id !== null;) {
        const record = world.remote.claimAt(id)
        if (record === undefined) break
        records.unshift(record)
        id = record.parent
      }
      return records
    }
    return {
      get nowMs() { return world.scheduler.nowMs },
      get tasks() { return world.village.tasks },
      get nodes() { return world.machines.map(nodeTruth) },
      get leaseMs() { return world.#options.leaseMs ?? SCALED.leaseMs },
      get quietSinceMs() { return world.#quietSinceMs },
      refs: () => world.remote.repository.refs,
      tip: (key) => world.remote.claimAt(world.remote.repository.refs.get(world.#names.claim(key)) ?? null),
      chain,
      merged: () => world.village.merged(),
      isRight: (number, commit) => world.village.isRight(number, commit),
      completions: () => world.village.completions(),
    }
  }

  nameOf(node: NodeId): string { return this.machines.find((machine) => machine.node === node)?.name ?? node.slice(-6) }
  get kept(): readonly Stamped[] { return this.trace.kept }
}

const nodeTruth = (machine: SimMachine): NodeTruth => ({
  node: machine.node, name: machine.name, life: machine.life, alive: machine.alive, paused: machine.paused, stopped: machine.stopped,
  maxTasks: machine.config.agent.maxTasks, role: machine.config.agent.role, currentTasks: machine.currentTasks,
})

let parsed: ChorusConfig | undefined
const baseConfig = (): ChorusConfig =>
  parsed ??= parseConfig('agent: { id: sim, role: backend, max_tasks: 1 }\nrepositories:\n  - { path: ., delivery: merge, approve_first: false }\n', { env: {} })
