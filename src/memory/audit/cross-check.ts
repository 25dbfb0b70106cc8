import type { NodeId } from '../../core/mod.ts'
import type { Entry } from './entries.ts'
import type { Problem } from './verify.ts'

/** The accepted claim commits of one task, as the repository holds them, any order; renewals, which log no intent, left out. */
export interface ClaimHistory {
  readonly key: string
  readonly commits: readonly { readonly oid: string; readonly node: string; readonly epoch: number; readonly state: string }[]
  /** False when older commits were left off or pruned: then an oid that is not listed proves nothing. */
  readonly complete: boolean
}

/**
 * Compares a node's verified log with the claim refs of a repository. Every claim commit by the node was announced in
 * its log, with the same state and epoch; every delivery in the log is on its claim's history. Pure.
 */
export const crossCheckClaims = (entries: readonly Entry[], histories: readonly ClaimHistory[], node: NodeId): readonly Problem[] => {
  const problems: Problem[] = []
  const intents = new Map<string, Entry>()
  for (const entry of entries) if (entry.type === 'claim_intent') intents.set(String(field(entry, 'oid')), entry)
  const byKey = new Map(histories.map((history) => [history.key, history]))
  for (const { key, commits } of histories) {
    for (const commit of commits) {
      if (commit.node !== node) continue
      const intent = intents.get(commit.oid)
      if (intent === undefined) {
        problems.push({ index: -1, problem: `claim ${commit.oid} of ${key} (${commit.state}) was pushed but its intent is not in the log` })
      } else if (field(intent, 'key') !== key || field(intent, 'state') !== commit.state || field(intent, 'epoch') !== commit.epoch) {
        problems.push({ index: intent.index, problem: `intent ${commit.oid} says something else than the claim commit of ${key}` })
      }
    }
  }
  for (const entry of entries) {
    if (entry.type !== 'task_delivered') continue
    const history = byKey.get(String(field(entry, 'task_key')))
    const oid = field(entry, 'claim_oid')
    if (history?.complete === true && !history.commits.some((commit) => commit.oid === oid)) {
      problems.push({ index: entry.index, problem: `delivery under claim ${String(oid)}, which is not on the claim's history` })
    }
  }
  return problems
}

const field = (entry: Entry, name: string): unknown => (entry.data as Readonly<Record<string, unknown>>)[name]
