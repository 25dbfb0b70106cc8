import type { GivenTimes } from '../node/times.ts'
import type { Chance } from './chance.ts'
import type { DiskProfile } from './disk.ts'
import type { NetworkProfile } from './network.ts'
import type { RemoteProfile } from './remote.ts'

/** How often things break; each per node and virtual hour, unless it says otherwise. */
export interface Breakage {
  readonly kills: number
  readonly pauses: number
  readonly stops: number
  /** Of the mesh, per world and hour. */
  readonly partitions: number
  /** The remote answers nobody, per world and hour. */
  readonly outages: number
  /** A node is cut from the remote alone. */
  readonly cutOffs: number
  readonly diskFull: number
  readonly clockJumps: number
  /** Largest share by which a machine's clock runs too fast or too slow. */
  readonly drift: number
  /** People edit, close, withdraw, push to main; per world and hour. */
  readonly people: number
  /** Strangers on the mesh send forged messages; per world and hour. */
  readonly forgeries: number
}

/** Everything that chance has decided about one world before it begins. */
export interface Plan {
  readonly network: NetworkProfile
  readonly remote: RemoteProfile
  readonly disk: DiskProfile
  readonly breakage: Breakage
  /** Share of provider calls and engine runs that go wrong: 0 to 1, for their own profiles to spread. */
  readonly provider: number
  readonly engine: number
  readonly delivery: 'merge' | 'branch'
  readonly sharedFiles: boolean
}

/** Times of the default world: a fraction of the product's, so that minutes hold what is hours in life. */
export const SCALED = {
  leaseMs: 20_000,
  renewMs: 6_000,
  pollMs: 15_000,
  times: {
    beacon: { availabilityMs: 30_000, announcementGapMs: 3_000, newcomerAgainMs: 5_000 },
    claims: { attemptsMax: 3, retryAfterMs: [5_000, 15_000, 45_000], freshMs: 15_000 },
    coordinator: {
      silenceMs: 90_000, lookMsMax: 15_000, notClaimed: { firstMs: 3_000, longestMs: 30_000 }, givenBack: { firstMs: 5_000, longestMs: 45_000 },
      waitMsMax: 120_000, providerBackoffMs: [1_000, 3_000, 9_000], pruneEveryMs: 60_000, prunedAfterMs: 120_000,
    },
  } satisfies GivenTimes,
  providerPause: { firstMs: 2_000, longestMs: 20_000 },
} as const

/** Loopback and a LAN, as measured: gossip p50 2 to 10 ms, a push to a bare repository 25 ms (p99 77 ms). */
const CALM: Omit<Plan, 'breakage' | 'delivery' | 'sharedFiles'> = {
  network: { latency: { p50: 4, p99: 40 }, lost: 0, doubled: 0, altered: 0, replayed: 0, replayedAfterMs: 240_000, connectMs: 120, noticeMs: 2_000 },
  remote: { latency: { p50: 25, p99: 77 }, requestLost: 0, answerLost: 0, landsLate: 0, refused: 0, slow: 0, slowMs: 0, deadlineMs: 8_000 },
  disk: { latency: { p50: 0.6, p99: 5 } },
  provider: 0,
  engine: 0,
}

export const NO_BREAKAGE: Breakage = {
  kills: 0, pauses: 0, stops: 0, partitions: 0, outages: 0, cutOffs: 0, diskFull: 0, clockJumps: 0, drift: 0, people: 0, forgeries: 0,
}

export const calmPlan = (delivery: 'merge' | 'branch' = 'merge'): Plan => ({ ...CALM, breakage: NO_BREAKAGE, delivery, sharedFiles: false })

/** Each kind of trouble is absent from some worlds, so that another has the room to show itself. */
export const drawPlan = (chance: Chance): Plan => {
  const some = (most: number): number => chance.happens(0.4) ? 0 : most * chance.fraction() ** 2
  const network = chance.fork('network')
  return {
    network: {
      ...CALM.network, latency: { p50: network.between(1, 60), p99: network.between(80, 2_000) },
      lost: some(0.2), doubled: some(0.1), altered: some(0.02), replayed: some(0.01),
    },
    remote: {
      ...CALM.remote, latency: { p50: chance.between(15, 300), p99: chance.between(400, 3_000) },
      requestLost: some(0.08), answerLost: some(0.08), landsLate: some(0.04), refused: some(0.05), slow: some(0.1), slowMs: 6_000,
    },
    disk: { latency: { p50: chance.between(0.3, 5), p99: chance.between(10, 200) } },
    breakage: {
      kills: some(60), pauses: some(40), stops: some(20), partitions: some(100), outages: some(40), cutOffs: some(40), diskFull: some(12), clockJumps: some(20),
      drift: some(0.02), people: some(200), forgeries: some(400),
    },
    provider: some(0.3),
    engine: some(0.7),
    delivery: chance.happens(0.5) ? 'merge' : 'branch',
    sharedFiles: chance.happens(0.3),
  }
}

/** What is left of a plan when nothing breaks any more: the same delays, no faults. */
export const healed = (plan: Plan): Plan => ({
  ...plan,
  network: { ...plan.network, lost: 0, doubled: 0, altered: 0, replayed: 0 },
  remote: { ...plan.remote, requestLost: 0, answerLost: 0, landsLate: 0, refused: 0, slow: 0 },
  breakage: { ...NO_BREAKAGE, drift: plan.breakage.drift },
  provider: 0,
  engine: 0,
})
