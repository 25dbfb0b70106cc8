/** Who is here: presence, roles and availability of the nodes of a swarm. */
export type { Departure, Load, Member, MembershipEvent, Profile } from './member.ts'
export { statusOf } from './member.ts'
export { BEACON_TIMES } from './beacon.ts'
export type { BeaconTimes } from './beacon.ts'
export { ROSTER_LIMITS, ROSTER_TIMES } from './roster.ts'
export type { RosterTimes } from './roster.ts'
export { Membership } from './service.ts'
export type { MembershipOptions } from './service.ts'
