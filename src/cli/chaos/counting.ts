import { transitionFault } from '../../work/claims/mod.ts'
import type { ClaimRecord } from '../../work/claims/mod.ts'
import type { Accepted, Chain, Push } from './evidence.ts'

/** A kill -9 that the drill sent. */
export interface Kill { readonly node: string; readonly atMs: number }

export interface Evidence {
  /** Keys of all tasks in the repository. */
  readonly tasks: readonly string[]
  readonly chains: readonly Chain[]
  readonly ledger: readonly Accepted[]
  readonly pushes: readonly Push[]
  readonly kills: readonly Kill[]
  /** For each task, the commits beyond the branch point that carry its trailer, wherever they are. */
  readonly resultCommits: ReadonlyMap<string, readonly string[]>
  /** What the commits that were pushed and refused say: from the pushing node's own object store. */
  readonly refusedRecords: ReadonlyMap<string, ClaimRecord>
}

export interface Reclaim { readonly key: string; readonly ms: number; readonly by: 'another' | 'itself' }

export interface Counted {
  readonly tasks: number
  readonly delivered: number
  readonly lost: number
  readonly escalated: number
  readonly duplicated: number
  /** Tasks that more than one owner began to work on. */
  readonly reworked: number
  readonly kills: number
  readonly killsOfHolders: number
  readonly zombiesRefused: number
  readonly reclaims: readonly Reclaim[]
  /** Rules of the protocol that the refs do not keep; none is expected. */
  readonly violations: readonly string[]
}

/** Counts from what the repository holds and wrote down. Pure. */
export const countEvidence = (evidence: Evidence): Counted => {
  const byKey = new Map(evidence.chains.map((chain) => [chain.links[0]?.record.key ?? chain.ref, chain]))
  const states = evidence.tasks.map((key) => byKey.get(key)?.links.at(-1)?.record.state)
  const delivered = evidence.tasks.filter((key) => isDelivered(byKey.get(key), evidence.resultCommits.get(key) ?? []))
  const holders = killsOfHolders(evidence)
  return {
    tasks: evidence.tasks.length,
    delivered: delivered.length,
    lost: evidence.tasks.filter((key, index) => states[index] !== 'escalated' && !delivered.includes(key)).length,
    escalated: states.filter((state) => state === 'escalated').length,
    duplicated: evidence.tasks.filter((key) => isDuplicated(byKey.get(key), evidence.resultCommits.get(key) ?? [])).length,
    reworked: evidence.chains.filter((chain) => new Set(chain.links.filter(({ record }) => record.state === 'held').map(({ record }) => record.epoch)).size > 1).length,
    kills: evidence.kills.length,
    killsOfHolders: new Set(holders.map(({ kill }) => kill)).size,
    zombiesRefused: zombiesRefused(evidence).length,
    reclaims: holders.flatMap(({ reclaim }) => reclaim ?? []),
    violations: violations(evidence),
  }
}

/** Claim and provider side both ended, and the result that the claim names is in the repository. */
const isDelivered = (chain: Chain | undefined, commits: readonly string[]): boolean => {
  const last = chain?.links.at(-1)?.record
  return last?.state === 'done' && commits.includes(resultCommit(last.result) ?? '')
}

/** Work of two epochs landed: two results in the repository, or two steps from work to delivery, or two results in the records. */
const isDuplicated = (chain: Chain | undefined, commits: readonly string[]): boolean => {
  const links = chain?.links ?? []
  const landings = links.filter(({ record }, index) => record.state === 'delivered' && links[index - 1]?.record.state !== 'delivered')
  const results = new Set(links.flatMap(({ record }) => resultCommit(record.result) ?? []))
  return commits.length > 1 || landings.length > 1 || results.size > 1
}

const resultCommit = (result: unknown): string | undefined => {
  const commit = (result as { readonly commit?: unknown } | null | undefined)?.commit
  return typeof commit === 'string' ? commit : undefined
}

interface HolderKill { readonly kill: Kill; readonly reclaim: Reclaim | undefined }

/**
 * Kills of a node that held a task: at that moment, the newest record accepted on some claim was its own, held or
 * delivered, and nothing of its own landed afterwards. With the next accepted higher epoch, and who wrote it.
 */
const killsOfHolders = ({ chains, ledger, kills }: Evidence): readonly HolderKill[] => {
  const acceptedMs = new Map(ledger.map(({ to, atMs }) => [to, atMs]))
  return kills.flatMap((kill) => chains.flatMap(({ links }): readonly HolderKill[] => {
    const timed = links.map(({ oid, record }) => ({ record, atMs: acceptedMs.get(oid) ?? Infinity }))
    const before = timed.findLast(({ atMs }) => atMs <= kill.atMs)?.record
    if (before === undefined || before.node !== kill.node || (before.state !== 'held' && before.state !== 'delivered')) return []
    const after = timed.filter(({ atMs }) => atMs > kill.atMs)
    const [next] = after
    // A push that was under way came through all the same.
    if (next !== undefined && next.record.session === before.session && next.record.state !== before.state) return []
    const higher = after.find(({ record }) => record.epoch > before.epoch)
    return [{ kill, reclaim: higher && { key: before.key, ms: higher.atMs - kill.atMs, by: higher.record.node === kill.node ? 'itself' : 'another' } }]
  }))
}

/**
 * Superseded holders that tried to go on: a node's git pushed a record of an epoch that this session had really held,
 * after the repository had accepted a later epoch of another session; git ended with the code of a refusal, and the
 * record is not on the ref. Each holder is counted once, however often it tried.
 */
const zombiesRefused = ({ chains, ledger, pushes, refusedRecords }: Evidence): readonly string[] => {
  const acceptedMs = new Map(ledger.map(({ to, atMs }) => [to, atMs]))
  const byRef = new Map(chains.map((chain) => [chain.ref, chain]))
  const found = new Set<string>()
  for (const push of pushes) {
    if (push.code !== REFUSED) continue
    for (const { ref, to } of push.updates) {
      const record = refusedRecords.get(to)
      const chain = byRef.get(ref)
      if (record === undefined || chain === undefined || chain.links.some(({ oid }) => oid === to)) continue
      const held = chain.links.some((link) => link.record.session === record.session && link.record.epoch === record.epoch)
      const superseded = chain.links.some((link) => link.record.epoch > record.epoch && link.record.session !== record.session && (acceptedMs.get(link.oid) ?? Infinity) < push.begunMs)
      if (held && superseded) found.add(`${ref} ${record.session} ${record.epoch}`)
    }
  }
  return [...found]
}

/** git push ends so when a ref was refused; 128 when the remote did not answer. */
const REFUSED = 1

/** Each step of each chain is allowed, and the repository's own account knows each of its commits. */
const violations = ({ chains, ledger, tasks }: Evidence): readonly string[] => {
  const accepted = new Set(ledger.map(({ to }) => to))
  const known = new Set(tasks)
  return chains.flatMap(({ ref, links }) => links.flatMap(({ oid, record }, index) => {
    const fault = transitionFault(links[index - 1]?.record ?? null, record)
    return [
      ...fault === undefined ? [] : [`${ref}: ${fault} (${oid.slice(0, 10)})`],
      ...accepted.has(oid) ? [] : [`${ref}: ${oid.slice(0, 10)} is there and was never accepted`],
      ...known.has(record.key) ? [] : [`${ref}: ${record.key} is no task`],
    ]
  }))
}

/** Nearest rank (ISO 2602 has no opinion; this one is a value that was measured). Throws without a sample. */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (found === undefined) throw new RangeError('a percentile of nothing')
  return found
}
