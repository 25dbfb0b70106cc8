import { BoundedMap, sha256 } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'

/**
 * Highest-random-weight hashing (Thaler and Ravishankar, 1998), with the lowest value as the winner: an order of nodes
 * that is another for each subject, and that all who know the same nodes agree on. Whole number, 0 to 2^32 - 1.
 *
 * Node and subject are digested once and then only mixed (the finalizer of MurmurHash3): large swarms ask for thousands.
 */
export const rendezvous = (node: NodeId, subject: string): number => {
  let mixed = Math.imul(digestOf(node) ^ rotate(digestOf(subject)), 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** The one of `nodes` that looks after `subject` (a repository to poll): all who know the same nodes name the same one. */
export const rendezvousWinner = (subject: string, nodes: readonly NodeId[]): NodeId | undefined => {
  let best: { readonly node: NodeId; readonly rank: number } | undefined
  for (const node of nodes) {
    const rank = rendezvous(node, subject)
    if (best === undefined || rank < best.rank || (rank === best.rank && node < best.node)) best = { node, rank }
  }
  return best?.node
}

const digests = new BoundedMap<string, number>(20_000)

const digestOf = (text: string): number => {
  const known = digests.get(text)
  if (known !== undefined) return known
  const digest = Number.parseInt(sha256(text).slice(0, 8), 16)
  digests.set(text, digest)
  return digest
}

/** Node and subject have different parts, should they ever be the same text. */
const rotate = (value: number): number => (value << 15) | (value >>> 17)
