import type { NodeId, TaskKey } from '../../core/mod.ts'
import type { Task } from '../../ports/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import type { PushedRef, Stamped } from '../events.ts'

/** What several checkers read from the same happenings. */
export type Push = Extract<Stamped, { readonly kind: 'push' }>

/** A push that moved the claim of a task to another record. */
export interface ClaimMove extends PushedRef {
  readonly record: ClaimRecord
}

export const NOTHING: readonly string[] = []

const CLAIMS = '/claims/'
export const BRANCHES = 'refs/heads/'

export const isClaimRef = ({ ref }: PushedRef): boolean => ref.includes(CLAIMS)
export const isClaimMove = (update: PushedRef): update is ClaimMove => update.accepted && update.record !== undefined && isClaimRef(update)

export const isSameOwner = (one: ClaimRecord, other: ClaimRecord): boolean => one.node === other.node && one.session === other.session
export const isLeased = ({ state }: ClaimRecord): boolean => state === 'held' || state === 'delivered'

/** Same owner, epoch and state: only the time is new. */
export const isRenewal = ({ before, record }: ClaimMove): boolean =>
  before !== undefined && before.epoch === record.epoch && before.state === record.state && isLeased(record) && isSameOwner(before, record)

/** Of what was accepted: work became delivered. A takeover of delivered work is none. */
export const isDelivery = ({ record, before }: PushedRef): boolean => record?.state === 'delivered' && before?.state !== 'delivered'

/** The same of any push that was sent: of a refused one, what was there says nothing of what its sender knew. */
export const sendsDelivery = (update: PushedRef, { updates }: Push): boolean =>
  update.record?.state === 'delivered' && (update.accepted ? isDelivery(update) : updates.some(({ ref }) => ref.startsWith(BRANCHES)))

/** A person, through a node, set the task back to its start. */
export const isReset = ({ before, record }: ClaimMove): boolean =>
  before !== undefined && record.state === 'released' && record.attempt === 0 && record.epoch === record.epochBase

export const sentAt = (push: Push): number => push.sentMs ?? push.atMs

export const numberOf = (key: TaskKey): string => key.slice(key.lastIndexOf('#') + 1)

/** A node id, short enough for a sentence. */
export const short = (node: NodeId | string): string => node.slice(-6)

/** Tasks by key; read again when one is asked for that was not there. */
export const taskIndex = (): (key: TaskKey, tasks: readonly Task[]) => Task | undefined => {
  const byKey = new Map<TaskKey, Task>()
  let known = 0
  return (key, tasks) => {
    const found = byKey.get(key)
    if (found !== undefined || tasks.length === known) return found
    known = tasks.length
    for (const task of tasks) if (!byKey.has(task.key)) byKey.set(task.key, task)
    return byKey.get(key)
  }
}
