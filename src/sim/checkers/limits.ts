import type { MakeChecker } from '../checker.ts'
import { NOTHING } from './sight.ts'

export const withinLimits: MakeChecker = () => ({
  name: 'within limits',
  promise: 'Nothing that waits grows over its limit.',
  see: (happening) => happening.kind === 'overflow' ? [`${happening.life}: ${happening.length} in ${happening.queue}, at most ${happening.limit} expected`] : NOTHING,
})

export const nothingLeft: MakeChecker = () => ({
  name: 'nothing left',
  promise: 'Of a node that has stopped nothing is left: no timer, no request, no program, no work tree.',
  see: (happening) => happening.kind === 'left' && happening.left.length > 0 ? [`${happening.life} stopped and left ${happening.left.join(', ')}`] : NOTHING,
})
