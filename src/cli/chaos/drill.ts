import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import type { NodeLine } from '../demo/fleet.ts'
import { Chance } from './chance.ts'
import type { Kill } from './counting.ts'
import { readTips } from './evidence.ts'
import type { ChainLink } from './evidence.ts'
import { drawFault, drawGapMs, drawOversleepMs } from './faults.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { DrillOptions } from './options.ts'
import type { Site } from './site.ts'
import { Subject } from './subject.ts'

/** What was done, for the count and the table. */
export interface DrillRecord {
  readonly kills: readonly Kill[]
  readonly faults: Readonly<Record<FaultKind, number>>
  readonly faultSeconds: number
  /** Nodes that ended although nothing was done to them, or did not come back. */
  readonly surprises: readonly string[]
}

export interface DrillEvents {
  /** A fault, or another thing worth a line. */
  readonly say: (text: string) => void
  readonly line: (node: string, line: NodeLine) => void
}

const TICK_MS = 200
const LOOK_MS = 1_000
const TELL_MS = 15_000
/** Longer than a failed attempt waits, and than any lease of the drill. */
const STUCK_MS = 120_000
const STOP_MS = 30_000
const RESTART_AGAIN_MS = 3_000
const RESTARTS_MAX = 15
/** Two witnesses, and one to take over. */
const WELL_MIN = 3
const BEGIN_WITH = 6
/** Guesses made while it runs are on the low side: what counts in the end is what the repository says. */
const MARGIN = 1.2

/** Starts the nodes, does things to them, heals everything, and waits until nothing is left to do. Used once. */
export class Drill {
  readonly #options: DrillOptions
  readonly #site: Site
  readonly #events: DrillEvents
  readonly #chance: Chance
  readonly #subjects: readonly Subject[]
  readonly #kills: Kill[] = []
  readonly #faults: Record<FaultKind, number> = { kill: 0, pause: 0, sleep: 0, cut: 0, fill: 0 }
  readonly #surprises: string[] = []
  readonly #restarts = new Map<number, number>()
  #tips: ReadonlyMap<string, ChainLink> = new Map()
  #holdersKilled = 0
  /** Claims of killed nodes that nobody has taken over yet. */
  #orphans: readonly { readonly ref: string; readonly node: string; readonly epoch: number }[] = []
  #takenOver = 0
  #woken = 0
  #movedMs = performance.now()
  #faultsBegunMs = 0

  constructor(options: DrillOptions, site: Site, events: DrillEvents) {
    this.#options = options
    this.#site = site
    this.#events = events
    this.#chance = new Chance(`${options.seed} faults`)
    this.#subjects = site.stage.nodes.map((node, index) => new Subject(index, node, { site, onLine: (line) => { events.line(node.name, line) } }))
  }

  async run(): Promise<DrillRecord> {
    await this.#startAll()
    this.#faultsBegunMs = performance.now()
    await this.#faultPhase()
    const faultSeconds = Math.round((performance.now() - this.#faultsBegunMs) / 1_000)
    this.#events.say(`faults end after ${faultSeconds} s: everything is healed, ${this.#ended} of ${this.#options.tasks} tasks have come to an end`)
    await this.#quietPhase()
    await Promise.all(this.#subjects.map((subject) => subject.stop(STOP_MS)))
    return { kills: this.#kills, faults: this.#faults, faultSeconds, surprises: this.#surprises }
  }

  /** At once, in any state. */
  kill(): void { for (const subject of this.#subjects) subject.kill() }

  /** A few at a time: starting is work. Resolves when so many run that the drill can begin; the others are on their way. */
  async #startAll(): Promise<void> {
    const waiting = [...this.#subjects]
    const begun = Promise.withResolvers<undefined>()
    const starter = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await next.start()
        if (this.#subjects.filter(({ state }) => state === 'up').length >= Math.min(this.#subjects.length, BEGIN_WITH)) begun.resolve(undefined)
      }
    }
    Promise.all([starter(), starter(), starter()]).then(() => { this.#events.say(`${this.#subjects.length} nodes run`); begun.resolve(undefined) }, (thrown: unknown) => {
      this.#surprises.push(`a node did not start: ${messageOf(thrown)}`)
      begun.reject(thrown as Error)
    })
    await begun.promise
  }

  async #faultPhase(): Promise<void> {
    let drawAtMs = performance.now() + 3_000
    for (let lookAtMs = 0, tellAtMs = 0; ;) {
      const now = performance.now()
      if (now >= lookAtMs) { await this.#look(); lookAtMs = now + LOOK_MS }
      if (now >= tellAtMs) { this.#tell(); tellAtMs = now + TELL_MS }
      this.#due(now)
      if (this.#ended >= this.#options.tasks || (now - this.#faultsBegunMs >= this.#options.minutes * 60_000 && this.#hadEnough())) return
      if (now >= drawAtMs) {
        this.#draw(now)
        drawAtMs = now + drawGapMs(this.#chance)
      }
      await pause(TICK_MS)
    }
  }

  async #quietPhase(): Promise<void> {
    for (const subject of this.#subjects) {
      subject.thaw()
      subject.heal()
      subject.makeRoom()
      if (subject.restartAtMs < Infinity) subject.restartAtMs = 0
    }
    this.#movedMs = performance.now()
    for (let tellAtMs = 0; ;) {
      const now = performance.now()
      await this.#look()
      if (now >= tellAtMs) { this.#tell(); tellAtMs = now + TELL_MS }
      this.#due(now)
      const settled = this.#subjects.every((subject) => subject.state === 'up' || subject.state === 'down' && subject.restartAtMs === Infinity)
      if (this.#ended >= this.#options.tasks && settled) return
      if (now - this.#movedMs > STUCK_MS) { this.#surprises.push(`nothing has moved for ${STUCK_MS / 1_000} s`); return }
      await pause(LOOK_MS)
    }
  }

  get #ended(): number { return [...this.#tips.values()].filter(({ record }) => record.state === 'done' || record.state === 'escalated').length }

  #hadEnough(): boolean { return this.#killedEnough() && this.#woken >= this.#options.zombiesMin * MARGIN }

  #killedEnough(): boolean {
    const { killsMin, holdersMin } = this.#options
    // Without a takeover there is no time to tell, and a drill that cannot tell it has failed.
    return this.#kills.length >= killsMin && this.#holdersKilled >= holdersMin * MARGIN && this.#takenOver > 0
  }

  async #look(): Promise<void> {
    const tips = await readTips(this.#site.stage.remote)
    const moved = tips.size !== this.#tips.size || [...tips].some(([ref, { oid, record }]) => {
      const before = this.#tips.get(ref)
      // Renewals alone are no progress.
      return before?.oid !== oid && (before?.record.state !== record.state || before.record.epoch !== record.epoch)
    })
    this.#tips = tips
    this.#orphans = this.#orphans.filter(({ ref, node, epoch }) => {
      const now = tips.get(ref)?.record
      if (now === undefined || (now.epoch === epoch && now.node === node && (now.state === 'held' || now.state === 'delivered'))) return true
      if (now.epoch > epoch && now.node !== node) this.#takenOver += 1
      return false
    })
    if (moved) this.#movedMs = performance.now()
  }

  #holds(subject: Subject): readonly [string, ChainLink] | undefined {
    return [...this.#tips].find(([, { record }]) => record.node === subject.id && (record.state === 'held' || record.state === 'delivered'))
  }

  #draw(now: number): void {
    const kinds = this.#kinds(now)
    const fault = drawFault(
      this.#chance,
      this.#subjects.map((subject) => ({ index: subject.index, well: subject.well, holds: this.#holds(subject) !== undefined, small: subject.small })),
      { kinds, wellMin: WELL_MIN, sleepersMax: 3, asleep: this.#subjects.filter((subject) => subject.asleepWith !== undefined).length },
    )
    const subject = fault === undefined ? undefined : this.#subjects[fault.node]
    if (fault === undefined || subject === undefined) return
    this.#faults[fault.kind] += 1
    this.#events.say(`${subject.node.name} ${wordsOf(fault)}${this.#holds(subject) === undefined ? '' : ', with a task'}`)
    this.#carryOut(fault, subject, now)
  }

  /** When the time is over and only sleepers are wanted, nothing else keeps the others from taking their tasks. */
  #kinds(now: number): readonly FaultKind[] {
    if (now - this.#faultsBegunMs >= this.#options.minutes * 60_000 && this.#killedEnough()) return ['sleep']
    return this.#site.namespaces === undefined ? ['kill', 'pause', 'sleep'] : ['kill', 'pause', 'sleep', 'cut', 'fill']
  }

  #carryOut(fault: Fault, subject: Subject, now: number): void {
    switch (fault.kind) {
      case 'kill': {
        const held = this.#holds(subject)
        if (held !== undefined) {
          this.#holdersKilled += 1
          this.#orphans = [...this.#orphans, { ref: held[0], node: held[1].record.node, epoch: held[1].record.epoch }]
        }
        this.#writeDown(subject, Date.now())
        subject.kill()
        subject.restartAtMs = now + fault.forMs
        return
      }
      case 'pause':
        subject.freeze()
        subject.wakeAtMs = now + fault.forMs
        return
      case 'sleep': {
        const held = this.#holds(subject)
        subject.freeze()
        subject.wakeAtMs = now + fault.forMs
        subject.asleepWith = held === undefined ? undefined : { ref: held[0], epoch: held[1].record.epoch }
        return
      }
      case 'cut':
        subject.cut(fault.cut ?? 'all')
        subject.healAtMs = now + fault.forMs
        return
      case 'fill':
        subject.fill()
        subject.roomAtMs = now + fault.forMs
    }
  }

  /** Before it is done, and in a file beside the repository, for whoever counts again. */
  #writeDown(subject: Subject, atMs: number): void {
    if (subject.id === undefined) return
    this.#kills.push({ node: subject.id, atMs })
    appendFileSync(path.join(this.#site.stage.folder, 'kills'), `${atMs} ${subject.id}\n`)
  }

  /** What was to end by now, ends. */
  #due(now: number): void {
    for (const subject of this.#subjects) {
      const asleep = subject.asleepWith
      if (asleep !== undefined && (this.#tips.get(asleep.ref)?.record.epoch ?? 0) > asleep.epoch) {
        subject.asleepWith = undefined
        subject.wakeAtMs = Math.min(subject.wakeAtMs, now + drawOversleepMs(this.#chance))
        this.#woken += 1
      }
      if (now >= subject.wakeAtMs) subject.thaw()
      if (now >= subject.healAtMs) subject.heal()
      if (now >= subject.roomAtMs) { subject.makeRoom(); if (!subject.running) subject.restartAtMs = now }
      if (subject.state === 'up' && !subject.running) this.#endedByItself(subject, now)
      if (now >= subject.restartAtMs) this.#restart(subject)
    }
  }

  /** A full disk ends a node, in order; anything else is a surprise. */
  #endedByItself(subject: Subject, now: number): void {
    subject.state = 'down'
    if (subject.full) return
    if (!subject.small) this.#surprises.push(`${subject.node.name} ended by itself: ${subject.errors.trim().slice(-300)}`)
    subject.restartAtMs = now + RESTART_AGAIN_MS
  }

  #restart(subject: Subject): void {
    subject.start().then(() => { this.#restarts.delete(subject.index) }, (thrown: unknown) => {
      const tries = (this.#restarts.get(subject.index) ?? 0) + 1
      this.#restarts.set(subject.index, tries)
      // Cut off or full, it cannot start: tried again, as a service manager would.
      if (tries <= RESTARTS_MAX) subject.restartAtMs = performance.now() + RESTART_AGAIN_MS
      else this.#surprises.push(`${subject.node.name} does not start any more: ${messageOf(thrown)}`)
      if (!(thrown instanceof ChorusError)) this.#surprises.push(`${subject.node.name}: ${messageOf(thrown)}`)
    })
  }

  #tell(): void {
    const up = this.#subjects.filter((subject) => subject.well).length
    this.#events.say(`${this.#ended} of ${this.#options.tasks} tasks ended; ${up} of ${this.#subjects.length} nodes well; ${this.#kills.length} kills, ${this.#holdersKilled} of holders, ${this.#woken} sleepers superseded`)
  }
}

const wordsOf = ({ kind, forMs, cut }: Fault): string => {
  const seconds = (forMs / 1_000).toFixed(1)
  switch (kind) {
    case 'kill': return `killed with SIGKILL, starts again in ${seconds} s`
    case 'pause': return `stopped for ${seconds} s`
    case 'sleep': return 'stopped until another has its task'
    case 'cut': return `cut off from ${cut === 'all' ? 'everything' : cut === 'mesh' ? 'the other nodes' : 'the repository'} for ${seconds} s`
    case 'fill': return `has its disk filled for ${seconds} s`
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
