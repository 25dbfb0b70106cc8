import { describe, expect, it } from 'vitest'
import { COORDINATOR_TIMES } from '../coordinator/mod.ts'
import { BEACON_TIMES, ROSTER_TIMES } from '../swarm/membership/mod.ts'
import { CLAIM_SETTINGS } from '../work/claims/mod.ts'
import { NODE_TIMES, nodeTimes } from './times.ts'

describe('the times of a node', () => {
  it('are the rooms\' own when none are given', () => {
    const { leaseMs: _lease, renewMs: _renew, ...claims } = CLAIM_SETTINGS
    expect(nodeTimes()).toEqual({ roster: ROSTER_TIMES, beacon: BEACON_TIMES, coordinator: COORDINATOR_TIMES, claims })
  })

  it('keep the default of what is left out', () => {
    const times = nodeTimes({ beacon: { availabilityMs: 1_000 }, claims: { attemptsMax: 1 } })
    expect(times.beacon).toEqual({ ...BEACON_TIMES, availabilityMs: 1_000 })
    expect(times.claims).toEqual({ ...NODE_TIMES.claims, attemptsMax: 1 })
    expect(times.roster).toEqual(ROSTER_TIMES)
  })
})
