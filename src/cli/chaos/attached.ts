import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { loadConfig, remoteOf } from '../bootstrap.ts'
import { readLog, verifyFolder } from '../commands/audit.ts'
import { Chance } from './chance.ts'
import { countEvidence } from './counting.ts'
import type { Counted } from './counting.ts'
import type { ChainLink } from './evidence.ts'
import { drawFault, drawGapMs, drawOversleepMs } from './faults.ts'
import { readMarker } from './marker.ts'
import { Mirror } from './mirror.ts'

export interface AttachedOptions {
  readonly stateFolders: readonly string[]
  readonly minutes: number
  readonly seed: string
  readonly say: (text: string) => void
}

export interface AttachedResult extends Omit<Counted, 'tasks' | 'kills' | 'killsOfHolders' | 'reclaims' | 'reworked'> {
  /** Tasks whose claim moved during the drill. */
  readonly tasks: number
  readonly pauses: number
  readonly sleeps: number
  readonly broken: readonly string[]
}

interface Guest {
  readonly stateFolder: string
  readonly name: string
  readonly pid: number
  /** Its node's id, from its log. */
  readonly id: string
  readonly entriesBefore: number
  wakeAtMs: number
  asleepWith: { readonly ref: string; readonly epoch: number } | undefined
}

const LOOK_MS = 2_000
const TICK_MS = 200
/** Over the lease: for another node to look, and to claim. */
const TAKEOVER_MS = 60_000

/**
 * A drill on nodes that somebody else started with --allow-chaos on this machine. It only stops and wakes them: it
 * could not start them again as they were. All work on the repository that the first node's configuration names.
 */
export class AttachedDrill {
  readonly #options: AttachedOptions
  readonly #chance: Chance
  readonly #guests: Guest[] = []
  #mirror: Mirror | undefined

  constructor(options: AttachedOptions) {
    this.#options = options
    this.#chance = new Chance(`${options.seed} attached`)
  }

  /** Refuses all when one of them may not be touched. */
  async run(): Promise<AttachedResult> {
    const leaseMs = await this.#attach()
    const mirror = this.#mirror
    if (mirror === undefined) throw new ChorusError('INTERNAL', 'nothing is attached')
    const oldest = Date.now()
    const done = { pause: 0, sleep: 0 }
    const endMs = performance.now() + this.#options.minutes * 60_000
    let tips = await mirror.look()
    for (let lookAtMs = 0, drawAtMs = 0; performance.now() < endMs; await pause(TICK_MS)) {
      const now = performance.now()
      if (now >= lookAtMs) { tips = await this.#look(mirror, tips); lookAtMs = now + LOOK_MS }
      this.#wakeDue(tips, now)
      if (now < drawAtMs) continue
      drawAtMs = now + drawGapMs(this.#chance)
      await this.#draw(tips, done, now)
    }
    this.release()
    this.#options.say(`faults end; whatever was left behind has ${Math.round((2 * leaseMs + TAKEOVER_MS) / 1_000)} s to be taken up`)
    await this.#quiet(mirror, leaseMs, oldest)
    return this.#count(mirror, oldest, done)
  }

  /** Nobody stays stopped. Synchronous, for signals. */
  release(): void { for (const guest of this.#guests) this.#wake(guest) }

  clear(): void { this.release(); this.#mirror?.remove() }

  async #attach(): Promise<number> {
    const first = await readMarker(this.#options.stateFolders[0] ?? '')
    const config = loadConfig(first.configFile)
    const [settings] = config.repositories
    if (settings === undefined) throw new ChorusError('CONFIG_INVALID', 'the first node works on no repository', { setting: 'repositories' })
    for (const folder of this.#options.stateFolders) {
      const stateFolder = path.resolve(folder)
      const { mark } = await readMarker(stateFolder)
      const verified = await verifyFolder(stateFolder)
      if (verified.node === undefined) throw new ChorusError('STATE_INVALID', `the log in ${stateFolder} names no node`, { setting: '--attach' })
      this.#guests.push({ stateFolder, name: verified.node.slice(-8), pid: mark.pid, id: verified.node, entriesBefore: verified.entries, wakeAtMs: Infinity, asleepWith: undefined })
    }
    this.#mirror = new Mirror(remoteOf(settings, { configFile: first.configFile }), config.claims.namespace)
    await this.#mirror.start()
    return config.claims.leaseMs
  }

  async #look(mirror: Mirror, before: ReadonlyMap<string, ChainLink>): Promise<ReadonlyMap<string, ChainLink>> {
    try {
      return await mirror.look()
    } catch (thrown) {
      this.#options.say(`the repository could not be read: ${messageOf(thrown).slice(0, 200)}`)
      return before
    }
  }

  async #draw(tips: ReadonlyMap<string, ChainLink>, done: { pause: number; sleep: number }, now: number): Promise<void> {
    const holding = (guest: Guest): readonly [string, ChainLink] | undefined => [...tips].find(([, { record }]) => record.node === guest.id && (record.state === 'held' || record.state === 'delivered'))
    const fault = drawFault(
      this.#chance, this.#guests.map((guest, index) => ({ index, well: guest.wakeAtMs === Infinity, holds: holding(guest) !== undefined, small: false })),
      { kinds: ['pause', 'sleep'], wellMin: 1, sleepersMax: Math.max(1, this.#guests.length - 2), asleep: this.#guests.filter(({ asleepWith }) => asleepWith !== undefined).length },
    )
    const guest = fault === undefined ? undefined : this.#guests[fault.node]
    if (fault === undefined || guest === undefined || (fault.kind !== 'pause' && fault.kind !== 'sleep')) return
    // Asked again each time: the number may be another process's by now.
    const { mark } = await readMarker(guest.stateFolder)
    if (mark.pid !== guest.pid) throw new ChorusError('STATE_INVALID', `the node of ${guest.stateFolder} was started anew: begin the drill again`, { setting: '--attach' })
    const held = fault.kind === 'sleep' ? holding(guest) : undefined
    process.kill(guest.pid, 'SIGSTOP')
    guest.wakeAtMs = now + fault.forMs
    guest.asleepWith = held && { ref: held[0], epoch: held[1].record.epoch }
    done[fault.kind] += 1
    this.#options.say(`${guest.name} stopped ${fault.kind === 'pause' ? `for ${(fault.forMs / 1_000).toFixed(1)} s` : 'until another has its task'}`)
  }

  #wakeDue(tips: ReadonlyMap<string, ChainLink>, now: number): void {
    for (const guest of this.#guests) {
      const asleep = guest.asleepWith
      if (asleep !== undefined && (tips.get(asleep.ref)?.record.epoch ?? 0) > asleep.epoch) {
        guest.asleepWith = undefined
        guest.wakeAtMs = Math.min(guest.wakeAtMs, now + drawOversleepMs(this.#chance))
      }
      if (now >= guest.wakeAtMs) this.#wake(guest)
    }
  }

  #wake(guest: Guest): void {
    if (guest.wakeAtMs === Infinity) return
    guest.wakeAtMs = Infinity
    guest.asleepWith = undefined
    try {
      process.kill(guest.pid, 'SIGCONT')
    } catch {
      // It has ended; the count says so.
    }
  }

  /** Until no claim that moved since the drill began stands still in somebody's hands, or time is up. */
  async #quiet(mirror: Mirror, leaseMs: number, sinceMs: number): Promise<void> {
    const endMs = performance.now() + 2 * leaseMs + TAKEOVER_MS
    while (performance.now() < endMs) {
      await mirror.look()
      if (abandoned(mirror, await mirror.chains(), { sinceMs, leaseMs: 0 }).length === 0) return
      await pause(LOOK_MS)
    }
  }

  async #count(mirror: Mirror, sinceMs: number, done: { readonly pause: number; readonly sleep: number }): Promise<AttachedResult> {
    const chains = await mirror.chains()
    const moved = new Set(mirror.accepted.filter(({ atMs }) => atMs >= sinceMs).map(({ ref }) => ref))
    const touched = chains.filter(({ ref }) => moved.has(ref))
    const results = new Map(touched.map(({ links }) => {
      const commit = (links.at(-1)?.record.result as { readonly commit?: string } | undefined)?.commit
      return [links[0]?.record.key ?? '', commit === undefined ? [] : [commit]] as const
    }))
    const counted = countEvidence({ tasks: [...results.keys()], chains: touched, ledger: mirror.accepted, pushes: [], kills: [], resultCommits: results, refusedRecords: new Map() })
    const lost = abandoned(mirror, touched, { sinceMs, leaseMs: Math.max(0, ...touched.map(({ links }) => links.at(-1)?.record.leaseMs ?? 0)) })
    const broken: string[] = [...counted.violations]
    let zombiesRefused = 0
    for (const guest of this.#guests) {
      broken.push(...(await verifyFolder(guest.stateFolder)).problems.map(({ problem }) => `${guest.name}: ${problem}`))
      zombiesRefused += (await readLog(guest.stateFolder)).slice(guest.entriesBefore).filter((entry) => entry.type === 'task_lost').length
      await readMarker(guest.stateFolder).catch((thrown: unknown) => { broken.push(`${guest.name}: ${messageOf(thrown)}`) })
    }
    return {
      tasks: counted.tasks, delivered: counted.delivered, lost: lost.length, escalated: counted.escalated, duplicated: counted.duplicated,
      zombiesRefused, violations: counted.violations, pauses: done.pause, sleeps: done.sleep, broken,
    }
  }
}

/** Claims that stand in somebody's hands and were not seen to move for that long. */
const abandoned = (mirror: Mirror, chains: Awaited<ReturnType<Mirror['chains']>>, { sinceMs, leaseMs }: { readonly sinceMs: number; readonly leaseMs: number }): readonly string[] => {
  const seenMs = new Map(mirror.accepted.map(({ to, atMs }) => [to, atMs]))
  return chains.flatMap(({ ref, links }) => {
    const tip = links.at(-1)
    if (tip === undefined || (tip.record.state !== 'held' && tip.record.state !== 'delivered')) return []
    return Date.now() - Math.max(sinceMs, seenMs.get(tip.oid) ?? 0) > leaseMs ? [ref] : []
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
