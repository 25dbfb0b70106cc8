import { COORDINATOR_TIMES } from '../coordinator/mod.ts'
import type { CoordinatorTimes } from '../coordinator/mod.ts'
import { BEACON_TIMES, ROSTER_TIMES } from '../swarm/membership/mod.ts'
import type { BeaconTimes, RosterTimes } from '../swarm/membership/mod.ts'
import { CLAIM_SETTINGS } from '../work/claims/mod.ts'
import type { ClaimSettings } from '../work/claims/mod.ts'

/**
 * The beats, back-offs and deadlines of one node that no user sets, room by room. Polling and leases are in the
 * configuration; a provider is given its pause (PROVIDER_PAUSE) when it is opened.
 */
export interface NodeTimes {
  readonly roster: RosterTimes
  readonly beacon: BeaconTimes
  readonly coordinator: CoordinatorTimes
  readonly claims: Omit<ClaimSettings, 'leaseMs' | 'renewMs'>
}

export type GivenTimes = { readonly [Room in keyof NodeTimes]?: Partial<NodeTimes[Room]> }

const { attemptsMax, retryAfterMs, pushAgainMs, freshMs } = CLAIM_SETTINGS

export const NODE_TIMES: NodeTimes = {
  roster: ROSTER_TIMES,
  beacon: BEACON_TIMES,
  coordinator: COORDINATOR_TIMES,
  claims: { attemptsMax, retryAfterMs, pushAgainMs, freshMs },
}

/** What is left out keeps its default. */
export const nodeTimes = (given: GivenTimes = {}): NodeTimes => ({
  roster: { ...NODE_TIMES.roster, ...given.roster },
  beacon: { ...NODE_TIMES.beacon, ...given.beacon },
  coordinator: { ...NODE_TIMES.coordinator, ...given.coordinator },
  claims: { ...NODE_TIMES.claims, ...given.claims },
})
