import type { NodeId } from '../core/mod.ts'
import type { Chance } from './chance.ts'
import type { Happening } from './events.ts'
import type { SimMachine } from './machine.ts'
import type { SimNetwork } from './network.ts'
import type { Breakage } from './plan.ts'
import type { Scheduler } from './scheduler.ts'

export interface TroubleParts {
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly breakage: Breakage
  readonly machines: readonly SimMachine[]
  readonly network: SimNetwork
  readonly emit: (happening: Happening) => void
  /** One act of a person, drawn from the chance. */
  readonly person: (chance: Chance) => void
}

const HOUR_MS = 3_600_000

/** What breaks, when, and for how long. Everything is mended by `end`. */
export class Troubles {
  readonly #parts: TroubleParts
  readonly #cutOff = new Set<NodeId>()
  /** How many outages of the remote overlap now. */
  #outages = 0
  #over = false

  constructor(parts: TroubleParts) { this.#parts = parts }

  /** Whether the node's packets get to the remote and back. */
  reaches(node: NodeId): boolean { return this.#outages === 0 && !this.#cutOff.has(node) }

  begin(): void {
    const { breakage: rates, machines, emit } = this.#parts
    const many = machines.length
    this.#often('kills', rates.kills * many, (own) => { this.#kill(own) })
    this.#often('pauses', rates.pauses * many, (own) => {
      const machine = own.pick(machines)
      // Most are short; some outlive the lease.
      const ms = 500 * 200 ** own.fraction()
      machine.pause()
      this.#later(ms, () => { machine.resume() })
    })
    this.#often('stops', rates.stops * many, (own) => {
      const machine = own.pick(machines)
      void machine.stop()
      this.#later(own.between(1_000, 30_000), () => { machine.boot() })
    })
    this.#often('partitions', rates.partitions, (own) => { this.#partition(own) })
    this.#often('outages', rates.outages, (own) => {
      this.#outages += 1
      emit({ kind: 'fault', what: 'the remote is gone' })
      this.#later(own.between(1_000, 40_000), () => { this.#outages = Math.max(0, this.#outages - 1) })
    })
    this.#often('cut off', rates.cutOffs * many, (own) => {
      const { node } = own.pick(machines)
      this.#cutOff.add(node)
      emit({ kind: 'fault', what: 'cut off from the remote', node })
      this.#later(own.between(1_000, 60_000), () => { this.#cutOff.delete(node) })
    })
    this.#often('disk full', rates.diskFull * many, (own) => {
      const { disk, node } = own.pick(machines)
      disk.full = true
      emit({ kind: 'fault', what: 'disk full', node })
      this.#later(own.between(2_000, 30_000), () => { disk.full = false })
    })
    this.#often('clock jumps', rates.clockJumps * many, (own) => {
      const { clock, node } = own.pick(machines)
      const byMs = Math.round(own.between(-20_000, 20_000))
      clock.setWall(byMs)
      emit({ kind: 'fault', what: 'wall clock set', node, detail: `${byMs} ms` })
    })
    this.#often('people', rates.people, (own) => { this.#parts.person(own) })
    this.#often('forgeries', rates.forgeries, (own) => { this.#parts.network.forge(own) })
  }

  /** From now on all is well: everybody lives, hears everybody and reaches the remote. */
  end(): void {
    this.#over = true
    this.#outages = 0
    this.#cutOff.clear()
    for (const machine of this.#parts.machines) {
      machine.disk.full = false
      machine.resume()
      machine.boot()
    }
    this.#parts.network.heal()
  }

  #kill(chance: Chance): void {
    const machine = chance.pick(this.#parts.machines)
    if (!machine.alive) return
    machine.kill()
    this.#later(chance.between(200, 30_000), () => { machine.boot() })
  }

  #partition(chance: Chance): void {
    const { machines, network, emit } = this.#parts
    const side = new Set(machines.filter(() => chance.happens(0.5)).map(({ node }) => node))
    const oneWay = chance.happens(0.3)
    for (const { node: from } of machines) {
      for (const { node: to } of machines) {
        if (side.has(from) && !side.has(to)) network.cut(from, to)
        if (!oneWay && !side.has(from) && side.has(to)) network.cut(from, to)
      }
    }
    network.relink()
    emit({ kind: 'fault', what: oneWay ? 'the mesh is cut one way' : 'the mesh is cut', detail: `${side.size} of ${machines.length}` })
    this.#later(chance.between(2_000, 60_000), () => { network.heal() })
  }

  /** As a Poisson process, until the end. */
  #often(name: string, perHour: number, act: (chance: Chance) => void): void {
    if (perHour <= 0) return
    const chance = this.#parts.chance.fork(name)
    const next = (): void => {
      this.#parts.scheduler.after(-Math.log(1 - chance.fraction()) * HOUR_MS / perHour, () => {
        if (this.#over) return
        act(chance)
        next()
      })
    }
    next()
  }

  #later(ms: number, act: () => void): void {
    this.#parts.scheduler.after(ms, () => { if (!this.#over) act() })
  }
}
