import { headSignatureHolds, parseSignedHead } from './head.ts'
import type { SignedHead } from './head.ts'
import type { Entry } from './entries.ts'

/**
 * What a peer's new head means beside the last one that this node saw of it. `contradicts`: the peer's log lost
 * or changed entries, or it runs two; a person must look. Pure.
 */
export const judgeHead = (known: SignedHead | undefined, next: SignedHead): 'first' | 'grew' | 'same' | 'older' | 'contradicts' | 'invalid' => {
  if (!headSignatureHolds(next)) return 'invalid'
  if (known === undefined) return 'first'
  if (known.node !== next.node) return 'invalid'
  if (known.key !== next.key) return 'contradicts'
  if (next.length > known.length) return 'grew'
  if (next.length === known.length) return next.last === known.last ? 'same' : 'contradicts'
  // Gossip may overtake itself: an older head that was signed earlier is no proof of anything.
  return next.at <= known.at ? 'older' : 'contradicts'
}

/** The heads of a node that others witnessed in their logs, for `verifyLog`. Only ones whose signature holds. */
export const witnessedHeads = (entries: Iterable<Entry>, node: string): readonly SignedHead[] => {
  const heads: SignedHead[] = []
  for (const entry of entries) {
    if (entry.type !== 'head_witnessed') continue
    const { member, head } = entry.data as Readonly<Record<string, unknown>>
    const parsed = member === node && typeof head === 'string' ? parseSignedHead(head) : undefined
    if (parsed !== undefined && parsed.node === node && headSignatureHolds(parsed)) heads.push(parsed)
  }
  return heads
}
