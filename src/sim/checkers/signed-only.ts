import type { MakeChecker } from '../checker.ts'
import { isClaimRef, NOTHING, short } from './sight.ts'

export const signedOnly: MakeChecker = () => ({
  name: 'signed only',
  promise: 'No message is taken in that its author has not signed so, and no claim is built on what is no record, or written in the name of another.',
  see: (happening) => {
    if (happening.kind === 'foul') return happening.verdict === 'accept' ? [`${happening.life} took in a message that was ${happening.foul}`] : NOTHING
    if (happening.kind !== 'push') return NOTHING
    const broken: string[] = []
    for (const update of happening.updates) {
      const { ref, from, to, record, before, accepted } = update
      if (!accepted || to === null || !isClaimRef(update)) continue
      if (record === undefined) broken.push(`${happening.life} pushed to ${ref} what is no record`)
      else if (record.node !== happening.node) broken.push(`${happening.life} pushed a record of ${short(record.node)} to ${ref}`)
      else if (from !== null && before === undefined) broken.push(`${happening.life} claimed ${record.key} on top of what is no record`)
    }
    return broken
  },
})
