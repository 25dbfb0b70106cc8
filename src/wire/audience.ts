import type { OpenEnvelope } from './envelope.ts'

/** What addressing looks at: the role and the expertise a node has announced. */
export interface Listener {
  readonly role: string
  readonly expertise: readonly string[]
}

/**
 * Whether a role-addressed message names this listener. No address: it is for all. `to_roles`: the role must be among
 * them. `required_expertise`: at least one must be held. Both: both. Compared without case and outer spaces.
 */
export const isAddressedTo = (envelope: Pick<OpenEnvelope, 'to_roles' | 'required_expertise'>, listener: Listener): boolean => {
  const { to_roles: roles = [], required_expertise: expertise = [] } = envelope
  if (roles.length > 0) {
    const role = fold(listener.role)
    if (!roles.some((wanted) => fold(wanted) === role)) return false
  }
  if (expertise.length === 0) return true
  const held = new Set(listener.expertise.map(fold))
  return expertise.some((wanted) => held.has(fold(wanted)))
}

const fold = (text: string): string => text.trim().toLowerCase()
