/** Who is here: presence, roles and availability of the nodes of a swarm. */
export type { Departure, Load, Member, MembershipEvent, Profile } from './member.ts'
export { statusOf } from './member.ts'
export { BEACON_LIMITS } from './beacon.ts'
export { ROSTER_LIMITS } from './roster.ts'
export { Membership } from './service.ts'
export type { MembershipOptions } from './service.ts'
