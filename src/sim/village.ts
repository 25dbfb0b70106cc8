import type { NodeId, Oid, RefName, TaskKey } from '../core/mod.ts'
import { formatPin } from '../node/pin.ts'
import type { Task } from '../ports/mod.ts'
import { SimBoard } from './board.ts'
import type { Chance } from './chance.ts'
import { CALM_ENGINE, ROUGH_ENGINE, SimEngine } from './engine.ts'
import type { Happening } from './events.ts'
import type { SimMachine, Tools } from './machine.ts'
import type { Plan } from './plan.ts'
import type { SimProcess } from './process.ts'
import { CALM_PROVIDER, ROUGH_PROVIDER, SimProvider } from './provider.ts'
import type { ProviderProfile } from './provider.ts'
import type { SimRefStore, SimRemote } from './remote.ts'
import { checkOf, SimProject, SimRepository, SimSources } from './repository/mod.ts'
import type { Merged } from './repository/mod.ts'
import { CALM_SANDBOX, ROUGH_SANDBOX, SimSandbox } from './sandbox.ts'
import { CALM_WORKSPACES, ROUGH_WORKSPACES, SimWorkspaces } from './workspaces.ts'

export interface VillageParts {
  readonly remote: SimRemote
  readonly main: RefName
  readonly chance: Chance
  /** As it is now: all faults are gone in the quiet phase. */
  readonly plan: () => Plan
  readonly emit: (happening: Happening) => void
  readonly nowMs: () => number
  readonly roles: readonly string[]
  readonly skills: readonly string[]
  /** How many tasks there may ever be. */
  readonly tasksMax: number
}

/** Engines, checks and providers of the default world are quick: what takes minutes in life takes seconds here. */
const ENGINE = { ...CALM_ENGINE, quickMs: { p50: 4_000, p99: 20_000 }, slowMs: { p50: 12_000, p99: 60_000 }, mendShare: 0.6 }
const SANDBOX = { ...CALM_SANDBOX, check: { p50: 250, p99: 3_000 } }
const WORKSPACES = { ...CALM_WORKSPACES, open: { p50: 200, p99: 2_000 } }
const PROVIDER: ProviderProfile = { ...CALM_PROVIDER, staleMsMax: 10_000, retryAfterMs: { p50: 3_000, p99: 15_000 }, lateMs: { p50: 4_000, p99: 40_000 }, hangMs: 15_000 }

/** The people of a world and what they work on: the board of tasks, the repository's content, the tools of each node. */
export class Village {
  readonly board: SimBoard
  readonly repository: SimRepository
  readonly #parts: VillageParts
  readonly #programs = new Map<NodeId, Set<string>>()

  constructor(parts: VillageParts) {
    this.#parts = parts
    const { remote, main, tasksMax, nowMs } = parts
    const numbers = Array.from({ length: tasksMax }, (_, index) => String(index + 1))
    // Now and then two tasks are about the same file.
    const sharing = parts.plan().sharedFiles ? numbers.flatMap((number, index) => index % 7 === 0 && index + 1 < tasksMax ? [[number, String(index + 2)]] : []) : []
    this.repository = new SimRepository(new SimProject({ numbers, sharing }))
    remote.force(main, this.repository.found({ pin: formatPin({ repository: 'simulated', namespace: 'refs/chorus' }), atSeconds: 1 }).body)
    this.board = new SimBoard({ repository: 'demo', nowMs })
  }

  get tasks(): readonly Task[] { return this.board.tasks }
  byKey(key: TaskKey): Task | undefined { return this.board.task(key.slice(key.lastIndexOf('#') + 1)) }
  completions(): readonly { readonly number: string; readonly commit: Oid }[] { return this.board.completions.flatMap(({ number, commit }) => commit === undefined ? [] : [{ number, commit }]) }
  isRight(number: string, commit: Oid): boolean { return this.repository.isRight(number, commit) }

  merged(): readonly Merged[] {
    const tip = this.#tipOfMain()
    return tip === undefined ? [] : this.repository.merged(tip)
  }

  /** A task as people write them: some want a role, a skill, or another task first. */
  add(index: number): void {
    const { roles, skills, emit } = this.#parts
    const number = String(index)
    const chance = this.#parts.chance.fork(`task ${number}`)
    const earlier = index > 1 && chance.happens(0.15) ? this.board.task(String(1 + chance.integer(index - 1))) : undefined
    this.board.add(number, {
      check: checkOf(number), priority: chance.integer(11), createdAtMs: index * 1_000,
      requiredRole: chance.happens(0.3) ? chance.pick(roles) : undefined,
      requiredExpertise: skills.filter(() => chance.happens(0.2)),
      dependsOn: earlier === undefined ? [] : [earlier.key],
    })
    emit({ kind: 'person', what: 'adds', number })
  }

  /** One act of a person. */
  person(chance: Chance): void {
    const open = this.board.tasks.filter(({ state }) => state === 'open')
    if (open.length === 0) return
    const { number } = chance.pick(open)
    const { emit } = this.#parts
    const what = chance.pick(['edits', 'edits', 'edits', 'closes', 'withdraws', 'pushes', 'pushes'] as const)
    switch (what) {
      case 'edits': this.board.edit(number, { description: `Make t${number} right, and soon (${chance.integer(1_000)}).` }); break
      case 'closes': this.board.close(number); break
      case 'withdraws': this.board.withdraw(number); break
      case 'pushes': this.#pushByHand(chance); break
    }
    emit({ kind: 'person', what, ...what === 'pushes' ? {} : { number } })
  }

  tools({ machine, process, store, chance }: { readonly machine: SimMachine; readonly process: SimProcess; readonly store: SimRefStore; readonly chance: Chance }): Tools {
    const { emit, nowMs, main } = this.#parts
    const { repository, board } = this
    const { node, disk } = machine
    const tipOfMain = async (): Promise<Oid | undefined> => (await store.tips(main)).get(main)
    const workspaces = new SimWorkspaces({
      process, chance: chance.fork('workspaces'), repository, put: (body) => store.put(body), folders: disk.folders, profile: () => mixed(WORKSPACES, ROUGH_WORKSPACES, this.#parts.plan().engine),
    })
    const provider = new SimProvider({ process, chance: chance.fork('provider'), node, board, nowMs, emit, profile: () => mixed(PROVIDER, ROUGH_PROVIDER, this.#parts.plan().provider) })
    const programs = this.#programs.get(node) ?? new Set()
    this.#programs.set(node, programs)
    const sandbox = new SimSandbox({
      process, chance: chance.fork('sandbox'), node, project: repository.project, look: (path) => workspaces.look(path), emit, programs, profile: () => mixed(SANDBOX, ROUGH_SANDBOX, this.#parts.plan().engine),
    })
    const runner = new SimEngine({ process, chance: chance.fork('engine'), node, project: repository.project, workspaces, emit, profile: () => mixed(ENGINE, ROUGH_ENGINE, this.#parts.plan().engine) })
    return {
      provider, sources: new SimSources({ repository, tipOfMain }), workspaces, sandbox, runner,
      left: () => [
        ...sandbox.running > 0 ? [`${sandbox.running} programs`] : [],
        ...runner.running > 0 ? [`${runner.running} agents`] : [],
        ...provider.open > 0 ? [`${provider.open} calls to the provider`] : [],
        ...workspaces.left > 0 ? [`${workspaces.left} work trees`] : [],
      ],
    }
  }

  /** Somebody commits to main, past the swarm. */
  #pushByHand(chance: Chance): void {
    const { remote, main, nowMs } = this.#parts
    const tip = this.#tipOfMain()
    if (tip === undefined) return
    const files = this.repository.edited(this.repository.filesOf(tip), new Map([['README.md', `A program, ${chance.integer(1_000_000)} lines long.\n`]]))
    remote.force(main, this.repository.commit({ files, parent: tip, message: 'words\n', atSeconds: Math.floor(nowMs() / 1_000) }).body)
  }

  #tipOfMain(): Oid | undefined { return this.#parts.remote.repository.refs.get(this.#parts.main) }
}

/** The calm profile with this part (0: none, 1: all) of the rough one's shares; delays stay the calm one's. */
const mixed = <Profile extends object>(calm: Profile, rough: Profile, part: number): Profile => {
  if (part === 0) return calm
  const shares = Object.entries(calm).flatMap(([name, value]) => {
    const most = (rough as Readonly<Record<string, unknown>>)[name]
    return name.endsWith('Share') && typeof value === 'number' && typeof most === 'number' ? [[name, value + (most - value) * part] as const] : []
  })
  return { ...calm, ...Object.fromEntries(shares) }
}
