import type { Oid, TaskKey } from '../core/mod.ts'
import type { MemberView } from '../coordinator/mod.ts'
import { Claims, claimNames, openRecord } from '../work/claims/mod.ts'
import { MemoryIntentLog } from './claims-bench.ts'
import { TaskBoard } from './coordinator-doubles.ts'
import { BenchCoordinator, MAIN, SILENT, trailersOf } from './coordinator-node.ts'
import type { BenchNodeOptions, BenchRepository } from './coordinator-node.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryNetwork } from './memory-gossip.ts'
import { MemoryRemote } from './memory-ref-store.ts'
import { SeededEntropy } from './seeded-entropy.ts'
import { SeededSigner } from './seeded-signer.ts'

export { MAIN } from './coordinator-node.ts'
export type { BenchCoordinator } from './coordinator-node.ts'

/** Production coordinators, claims, logs and posts of several nodes on one remote in memory and one clock. */
export class CoordinatorBench {
  readonly clock = new ManualClock()
  readonly network = new MemoryNetwork()
  readonly repositories: BenchRepository[] = []
  readonly nodes: BenchCoordinator[] = []

  constructor(...boards: readonly TaskBoard[]) {
    for (const board of boards.length === 0 ? [new TaskBoard()] : boards) {
      const remote = new MemoryRemote()
      remote.plant(MAIN, 'commit', commitText(`first of ${board.repository}`))
      this.repositories.push({ board, remote })
    }
  }

  get board(): TaskBoard { return this.#first().board }
  get remote(): MemoryRemote { return this.#first().remote }
  get main(): Oid { return this.remote.refs.get(MAIN) ?? raise('there is no main') }

  node(name: string, options: BenchNodeOptions = {}): BenchCoordinator {
    const node = new BenchCoordinator(this, name, options)
    this.nodes.push(node)
    return node
  }

  async started(name: string, options: BenchNodeOptions = {}): Promise<BenchCoordinator> {
    const node = this.node(name, options)
    await this.clock.drive(node.start())
    return node
  }

  /** A person pushes to the default branch. */
  pushToMain(message: string): Oid { return this.remote.plant(MAIN, 'commit', commitText(message, this.main)) }

  /** `Chorus-Task` of every commit on main, oldest first. */
  merged(): readonly string[] {
    return trailersOf(this.remote, this.main, 'Chorus-Task')
  }

  /** `state epoch/attempt` of each record of a claim that is not a renewal, oldest first. */
  async story(key: TaskKey): Promise<readonly string[]> {
    const { remote } = this.#of(key)
    const ref = claimNames().claim(key)
    const tip = remote.refs.get(ref)
    if (tip === undefined) return []
    const history = await remote.open('observer').history(ref, tip, { limit: 10_000 })
    if (!history.ok) throw new Error(history.reason)
    const lines = history.value.map(({ message }) => openRecord(message)).map((opened) => opened.ok ? `${opened.value.record.state} ${opened.value.record.epoch}/${opened.value.record.attempt}` : opened.reason)
    return lines.reverse().filter((line, index, all) => line !== all[index - 1])
  }

  /** Lets time pass until it is true; throws with what the nodes did when it does not become so. */
  async until(what: () => boolean, options: { readonly withinMs?: number; readonly stepMs?: number } = {}): Promise<void> {
    const { withinMs = 600_000, stepMs = 100 } = options
    await this.clock.advance(0)
    for (let passedMs = 0; !what(); passedMs += stepMs) {
      if (passedMs > withinMs) throw new Error(`it did not happen: ${what.toString()}\n${this.nodes.map((node) => `${node.name}: ${node.trace.slice(-30).join(', ')}`).join('\n')}`)
      await this.clock.advance(stepMs)
    }
  }

  /** Stops all nodes and throws unless nothing of them is left: no run, timer, work tree or listener. */
  async stop(): Promise<void> {
    for (const node of this.nodes) await node.clock.drive(node.stop())
    await this.clock.advance(0)
    const left = this.nodes.flatMap((node) => node.leftovers())
    if (this.clock.armed > 0) left.push(`${this.clock.armed} timers`)
    if (left.length > 0) throw new Error(`left after the stop: ${left.join('; ')}`)
  }

  /** Another node takes the claim over, as one that watched the lease run out. Resolves with that node's claims. */
  async steal(key: TaskKey, name = 'thief'): Promise<Claims> {
    const clock = new ManualClock()
    const claims = new Claims({
      store: this.#of(key).remote.open(name), signer: new SeededSigner(name), clock, entropy: new SeededEntropy(name), logger: SILENT, intents: new MemoryIntentLog(),
      isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
    })
    claims.track([key])
    await claims.refresh()
    await clock.advance(3_600_000)
    const won = await claims.acquire(key)
    return won.ok ? claims : raise(`the claim could not be stolen: ${won.reason}`)
  }

  /** For BenchCoordinator: what every node says of itself. */
  members(): readonly MemberView[] { return this.nodes.filter((node) => node.present).map((node) => node.view) }

  #first(): BenchRepository { return this.repositories[0] ?? raise('the bench has no repository') }
  #of(key: TaskKey): BenchRepository { return this.repositories.find(({ board }) => key.startsWith(`${board.provider}:${board.repository}#`)) ?? raise(`no repository of ${key}`) }
}

const commitText = (message: string, parent?: Oid): string =>
  `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n${parent === undefined ? '' : `parent ${parent}\n`}author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n${message}\n`

const raise = (reason: string): never => { throw new Error(reason) }
