import { messageOf } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Clock, Entropy, Gossip, Logger } from '../../ports/mod.ts'
import type { MessagePost } from '../../wire/mod.ts'
import { beaconWakeMs, silentBeacon, stepBeacon } from './beacon.ts'
import type { Beacon, BeaconEffect, BeaconInput, BeaconTimes } from './beacon.ts'
import { hasWork, memberOf } from './entry.ts'
import { statusOf } from './member.ts'
import type { Load, Member, MembershipEvent, Profile } from './member.ts'
import { emptyRoster, isUnreachable, ROSTER_LIMITS, stepRoster, unreachableNow } from './roster.ts'
import type { Roster, RosterInput, RosterTimes } from './roster.ts'
import { availabilityBroadcast, capabilityBroadcast, roleAnnouncement } from './wording.ts'

export interface MembershipOptions {
  readonly node: NodeId
  readonly profile: Profile
  readonly load: () => Load
  readonly post: MessagePost
  readonly links: Pick<Gossip, 'peers' | 'onPeerChange'>
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  /** Default: ROSTER_TIMES and BEACON_TIMES. */
  readonly times?: { readonly roster?: Partial<RosterTimes>; readonly beacon?: Partial<BeaconTimes> }
}

/** Who is here, and telling the others that we are. Start it when post and gossip are started. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #listeners = new Set<(event: MembershipEvent) => void>()
  #profile: Profile
  #roster: Roster
  #beacon: Beacon
  #toldLoad = ''
  #releases: (() => void)[] = []
  #disarm: () => void = () => undefined
  /** What the timer waits for. */
  #armedMs = Infinity

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#profile = options.profile
    this.#roster = emptyRoster(options.times?.roster)
    this.#beacon = silentBeacon(options.times?.beacon)
  }

  /** Resolves when the first announcement is on its way. */
  async start(): Promise<void> {
    if (this.#releases.length > 0) return
    const { post, links } = this.#options
    this.#releases = [
      post.on('role_announcement', (envelope) => this.#hear({ kind: 'heard', envelope })),
      post.on('capability_broadcast', (envelope) => this.#hear({ kind: 'heard', envelope })),
      post.on('availability_broadcast', (envelope) => this.#hear({ kind: 'heard', envelope })),
      post.on('task_progress', (envelope) => this.#hear({ kind: 'heard', envelope })),
      links.onPeerChange(({ node, connected }) => {
        this.#hear({ kind: 'link', node, connected })
        // Whom it reaches again, it speaks for no more.
        if (connected) this.#background(this.changed())
      }),
    ]
    const first = this.#tell({ kind: 'start' })
    for (const node of links.peers()) this.#hear({ kind: 'link', node, connected: true })
    await first
  }

  /** Says goodbye; from then on nothing is sent, while others are still heard. */
  drain(): Promise<void> { return this.#tell({ kind: 'leave' }) }

  /** Silent and deaf from now on; what is known stays readable. */
  stop(): Promise<void> {
    for (const release of this.#releases) release()
    this.#releases = []
    this.#beacon = silentBeacon(this.#beacon.times)
    this.#disarm()
    this.#armedMs = Infinity
    return Promise.resolve()
  }

  /** Everyone known, this node first; those gone are among them, as offline, for ten minutes. */
  members(): readonly Member[] {
    return [this.self(), ...[...this.#roster.entries.values()].map((entry) => memberOf(entry, this.#roster.connected.has(entry.node)))]
  }

  self(): Member {
    const load = this.#options.load()
    return {
      ...this.#profile, node: this.#options.node, self: true, currentTasks: load.currentTasks, maxTasks: load.maxTasks, status: statusOf(load), present: true,
      tasks: [], connected: true, lastSeenMs: this.#options.clock.monotonicMs(), unreachableSinceMs: undefined,
      unreachable: this.#unreachable(),
    }
  }

  /**
   * What the others say of a member that this node cannot reach: how many of those present cannot either. Of one that
   * it does reach nobody is asked.
   */
  unreachable(node: NodeId): { readonly witnesses: number; readonly others: number } {
    let [witnesses, others] = [0, 0]
    if (!isUnreachable(this.#roster, node, this.#options.clock.monotonicMs())) return { witnesses, others }
    for (const entry of this.#roster.entries.values()) {
      if (entry.gone !== undefined || entry.node === node) continue
      others += 1
      if (entry.unreachable.includes(node)) witnesses += 1
    }
    return { witnesses, others }
  }

  /** The load may have changed: if the numbers did, everyone is told now. */
  async changed(): Promise<void> {
    if (this.#loadText() !== this.#toldLoad) await this.#tell({ kind: 'load-changed' })
  }

  /** A new configuration. */
  async update(profile: Profile): Promise<void> {
    this.#profile = profile
    await this.#tell({ kind: 'profile-changed' })
  }

  /** A listener that throws is logged and changes nothing. */
  on(listener: (event: MembershipEvent) => void): () => void {
    const entry = (event: MembershipEvent): void => listener(event)
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  /** Newcomers that found no place: more than ROSTER_LIMITS.membersMax are present. */
  get refused(): number { return this.#roster.refused }

  #hear(input: RosterInput): void {
    this.#take(input)
    this.#arm()
  }

  #take(input: RosterInput): void {
    const { refused } = this.#roster
    const { state, effects } = stepRoster(this.#roster, input, this.#options.clock.monotonicMs())
    if (state.refused > refused) this.#options.logger.warn('the swarm is full', { membersMax: ROSTER_LIMITS.membersMax })
    this.#roster = state
    for (const effect of effects) {
      if (effect.kind === 'emit') this.#emit(effect.event)
      else this.#background(this.#tell({ kind: 'newcomer', ...this.#newcomerDelay(), known: effect.known }))
    }
  }

  async #tell(input: BeaconInput): Promise<void> {
    const { state, effects } = stepBeacon(this.#beacon, input, this.#options.clock.monotonicMs())
    this.#beacon = state
    this.#arm()
    await Promise.all(effects.map((effect) => this.#send(effect)))
  }

  /** Best effort: who misses it hears the next one. */
  async #send(effect: BeaconEffect): Promise<void> {
    const { node, post, clock, logger } = this.#options
    const load = this.#options.load()
    const availability = availabilityBroadcast(node, load, { wallMs: clock.wallMs(), leaving: effect === 'leave', unreachable: this.#unreachable() })
    if (effect !== 'announce') this.#toldLoad = this.#loadText()
    const sends = effect === 'announce'
      ? [post.send('role_announcement', roleAnnouncement(node, this.#profile, load)), post.send('capability_broadcast', capabilityBroadcast(node, this.#profile, load))]
      : [post.send('availability_broadcast', availability)]
    for (const sent of await Promise.allSettled(sends)) {
      if (sent.status === 'rejected') logger.warn('presence could not be told', { what: effect, error: messageOf(sent.reason) })
    }
  }

  #emit(event: MembershipEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event)
      } catch (thrown) {
        this.#options.logger.error('membership listener failed', { event: event.kind, error: messageOf(thrown) })
      }
    }
  }

  /**
   * One timer for both machines, at the earlier of what they wait for. It is moved only when that comes earlier: most
   * messages put things off, and a wake that finds nothing to do costs less than another timer for each of them.
   */
  #arm(): void {
    if (this.#releases.length === 0) return
    const wakeMs = Math.min(beaconWakeMs(this.#beacon) ?? Infinity, this.#roster.wakeMs)
    if (wakeMs >= this.#armedMs) return
    this.#disarm()
    this.#armedMs = wakeMs
    this.#disarm = this.#options.clock.arm(Math.max(0, wakeMs - this.#options.clock.monotonicMs()), () => { this.#wake() })
  }

  #wake(): void {
    this.#armedMs = Infinity
    this.#take({ kind: 'tick' })
    this.#background(this.#tell({ kind: 'tick' }))
    // Who has just become unreachable is news for the others.
    this.#background(this.changed())
  }

  #background(work: Promise<void>): void {
    work.catch((thrown: unknown) => this.#options.logger.error('membership failed', { error: messageOf(thrown) }))
  }

  /** Spread over 20 ms per member, so that a swarm of a hundred answers a newcomer within two seconds, not at once. */
  #newcomerDelay(): { readonly delayMs: number; readonly spreadMs: number } {
    const spreadMs = 20 * this.#roster.entries.size
    return { delayMs: 300 + Math.floor(this.#options.entropy.fraction() * spreadMs), spreadMs }
  }

  #loadText(): string {
    const { currentTasks, maxTasks, accepting } = this.#options.load()
    return `${currentTasks}/${maxTasks} ${accepting} ${this.#unreachable().join()}`
  }

  /** Only of those that have work does anyone wait to hear it: in a large swarm most have none, and each word goes to all. */
  #unreachable(): readonly NodeId[] {
    const { entries } = this.#roster
    return unreachableNow(this.#roster, this.#options.clock.monotonicMs()).filter((node) => hasWork(entries.get(node)))
  }
}
