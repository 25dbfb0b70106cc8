import type { MakeChecker } from '../checker.ts'
import type { Stamped } from '../events.ts'
import { BRANCHES, isClaimMove, isDelivery, NOTHING } from './sight.ts'

/** The patch of a parked attempt, on a branch of its own for people to look at: nothing is delivered. */
const PARKED = /-parked-e\d+$/

/** docs/protocol.md §3.4, Delivery. */
export const atomicDelivery: MakeChecker = () => ({
  name: 'one push',
  promise: 'A result reaches its branch only in the atomic push that moves its claim from held to delivered, and no claim is delivered without it.',
  see: (happening) => {
    if (happening.kind !== 'push') return NOTHING
    const broken: string[] = []
    for (const update of happening.updates) {
      const { ref, to, accepted } = update
      if (!accepted) continue
      if (ref.startsWith(BRANCHES) && !PARKED.test(ref) && !happening.updates.some((claim) => delivers(happening, claim, { branch: ref.slice(BRANCHES.length), commit: to }))) {
        broken.push(`${happening.life} moved ${ref} to ${to} without the claim that delivers it`)
      }
      if (isClaimMove(update) && isDelivery(update)) {
        const { commit, branch } = resultOf(update.record.result)
        const moved = happening.updates.some((other) => other.accepted && other.to === commit && other.ref === `${BRANCHES}${branch}`)
        if (!moved || !happening.atomic) broken.push(`${happening.life} delivered ${update.record.key} without moving ${branch} to ${commit} in the same atomic push`)
      }
    }
    return broken
  },
})

const delivers = ({ atomic }: Extract<Stamped, { kind: 'push' }>, claim: Parameters<typeof isDelivery>[0], { branch, commit }: { readonly branch: string; readonly commit: string | null }): boolean => {
  if (!atomic || !isClaimMove(claim) || !isDelivery(claim)) return false
  const result = resultOf(claim.record.result)
  return result.branch === branch && result.commit === commit
}

export const resultOf = (result: unknown): { readonly commit: string | undefined; readonly branch: string | undefined; readonly mode: string | undefined } => {
  const { commit, branch, mode } = (result ?? {}) as Readonly<Record<string, unknown>>
  return { commit: textOf(commit), branch: textOf(branch), mode: textOf(mode) }
}

const textOf = (value: unknown): string | undefined => typeof value === 'string' ? value : undefined
