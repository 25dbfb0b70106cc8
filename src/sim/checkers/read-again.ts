import type { MakeChecker } from '../checker.ts'
import type { Stamped } from '../events.ts'
import { isClaimMove, isRenewal, NOTHING, numberOf, sendsDelivery, sentAt } from './sight.ts'
import type { Push } from './sight.ts'

/**
 * What a node can promise about a task that people close meanwhile: the close may come between its last look and the
 * push, and nobody can say which was first. A second try of a delivery whose answer was lost follows the same look.
 */
export const readAgain: MakeChecker = () => {
  const works = new Map<string, Work>()
  const work = (life: string, number: string): Work => {
    const name = `${life} ${number}`
    const known = works.get(name)
    if (known !== undefined) return known
    const made: Work = { claimedMs: [], checkedMs: [], reads: [] }
    works.set(name, made)
    return made
  }
  return {
    name: 'read again',
    promise: 'No agent works on a task that its node has not read since it claimed it, and no delivery leaves whose node has not read the task after its checks, still open.',
    see: (happening) => {
      switch (happening.kind) {
        case 'provider': {
          const { life, number, operation, outcome, read, atMs } = happening
          if (operation !== 'get' || outcome !== 'answered' || number === undefined || read === undefined) return NOTHING
          remember(work(life, number).reads, { atMs, read })
          return NOTHING
        }
        case 'ran': {
          const { life, number, what, atMs } = happening
          if (number === undefined) return NOTHING
          const of = work(life, number)
          if (what === 'check') remember(of.checkedMs, atMs)
          return what === 'agent' ? faults(of, { untilMs: atMs, sinceMs: lastUntil(of.claimedMs, atMs), what: `an agent of ${life} worked on ${number}` }) : NOTHING
        }
        case 'push': return seePush(happening, work)
        default: return NOTHING
      }
    },
  }
}

const REMEMBERED_MAX = 8
const remember = <Item>(items: Item[], item: Item): void => {
  items.push(item)
  if (items.length > REMEMBERED_MAX) items.shift()
}

/** A push may arrive when its sender has long claimed anew: what came after it was sent says nothing of it. */
const lastUntil = (times: readonly number[], untilMs: number): number => times.findLast((atMs) => atMs <= untilMs) ?? -Infinity

interface Work {
  readonly claimedMs: number[]
  readonly checkedMs: number[]
  readonly reads: { readonly atMs: number; readonly read: 'open' | 'closed' | 'gone' }[]
}

const seePush = (push: Push, work: (life: string, number: string) => Work): readonly string[] => {
  const broken: string[] = []
  for (const update of push.updates) {
    const { record, before } = update
    if (record === undefined) continue
    const number = numberOf(record.key)
    if (isClaimMove(update) && record.state === 'held' && !isRenewal(update) && before?.epoch !== record.epoch) remember(work(push.life, number).claimedMs, push.atMs)
    if (!sendsDelivery(update, push)) continue
    const of = work(push.life, number)
    const sentMs = sentAt(push)
    const sinceMs = Math.max(lastUntil(of.claimedMs, sentMs), lastUntil(of.checkedMs, sentMs))
    broken.push(...faults(of, { untilMs: sentMs, sinceMs, what: `${push.life} sent a delivery of ${number}` }))
  }
  return broken
}

const faults = ({ reads }: Work, about: { readonly untilMs: number; readonly sinceMs: number; readonly what: string }): readonly string[] => {
  const last = reads.findLast(({ atMs }: Pick<Stamped, 'atMs'>) => atMs <= about.untilMs)
  if (last === undefined || last.atMs < about.sinceMs) return [`${about.what} and had not read it ${last === undefined ? 'at all' : 'since'}`]
  return last.read === 'open' ? NOTHING : [`${about.what}; when it last looked, the task was ${last.read}`]
}
