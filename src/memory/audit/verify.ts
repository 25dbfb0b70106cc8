import type { NodeId } from '../../core/mod.ts'
import { decodeEntry, entryHash, FIRST_PREV, signatureHolds } from './entries.ts'
import { dataProblem, isEntryType } from './entry-types.ts'
import { headSignatureHolds } from './head.ts'
import type { SignedHead } from './head.ts'
import type { EntrySource } from './take-up.ts'

/** A log to judge; `treeHash` gives the store's Merkle root of a prefix. */
export interface LogReader extends EntrySource {
  treeHash(length?: number): Promise<Uint8Array>
}

export interface Problem {
  /** -1 when it is about no single entry. */
  readonly index: number
  readonly problem: string
}

export interface Verification {
  readonly ok: boolean
  readonly entries: number
  /** Whose log it is, by its first entry. */
  readonly node: NodeId | undefined
  /** At most 100; `problemsLeftOff` says how many more. */
  readonly problems: readonly Problem[]
  readonly problemsLeftOff: number
}

export interface VerifyOptions {
  readonly expectedNode?: NodeId | undefined
  /** The head kept beside the log, and every head that a peer witnessed. */
  readonly heads?: readonly SignedHead[] | undefined
}

const PROBLEMS_MAX = 100

/**
 * Judges a log with public keys only: each entry's form, place, chain, node and signature, then each head's signature
 * and that it lies on the log's chain. Reads each entry once and changes nothing. An entry that cannot be read is
 * one problem, and the verification goes on behind it.
 */
export const verifyLog = async (reader: LogReader, options: VerifyOptions = {}): Promise<Verification> => {
  const found = new Problems()
  const heads = options.heads ?? []
  const wanted = new Set(heads.map((head) => head.length))
  const lastAt = new Map<number, string>([[0, FIRST_PREV]])
  let node = options.expectedNode
  let prev = FIRST_PREV
  for (let index = 0; index < reader.length; index += 1) {
    let bytes: Uint8Array
    try {
      bytes = await reader.read(index)
    } catch {
      found.add(index, 'the entry cannot be read')
      prev = ''
      continue
    }
    const owner = verifyEntry(bytes, { index, prev, node }, found)
    node ??= owner
    prev = entryHash(bytes)
    if (wanted.has(index + 1)) lastAt.set(index + 1, prev)
  }
  for (const head of heads) await verifyHead(head, { reader, node, last: lastAt.get(head.length) }, found)
  return { ok: found.count === 0, entries: reader.length, node, problems: found.list, problemsLeftOff: found.count - found.list.length }
}

interface Place {
  readonly index: number
  readonly prev: string
  readonly node: NodeId | undefined
}

const verifyEntry = (bytes: Uint8Array, at: Place, found: Problems): NodeId | undefined => {
  const decoded = decodeEntry(bytes)
  if (!decoded.ok) {
    found.add(at.index, decoded.reason)
    return undefined
  }
  const entry = decoded.value
  if (entry.index !== at.index) found.add(at.index, `index ${at.index} expected, got ${entry.index}`)
  // Behind an entry that could not be read the chain is unknown; that entry is the problem.
  if (at.prev !== '' && entry.prev !== at.prev) found.add(at.index, 'the chain is broken: prev is not the hash of the entry before it')
  if (at.node !== undefined && entry.node !== at.node) found.add(at.index, `node ${at.node} expected, got ${entry.node}`)
  if (!signatureHolds(entry)) found.add(at.index, 'the signature does not hold')
  if (isEntryType(entry.type)) {
    const problem = dataProblem(entry.type, entry.data)
    if (problem !== undefined) found.add(at.index, problem)
  }
  return entry.node
}

const verifyHead = async (
  head: SignedHead, log: { readonly reader: LogReader; readonly node: NodeId | undefined; readonly last: string | undefined }, found: Problems,
): Promise<void> => {
  const name = `head of ${head.length} entries`
  if (!headSignatureHolds(head)) return found.add(-1, `${name}: the signature does not hold`)
  if (log.node !== undefined && head.node !== log.node) return found.add(-1, `${name}: node ${log.node} expected, got ${head.node}`)
  if (head.key !== Buffer.from(log.reader.key).toString('hex')) return found.add(-1, `${name}: it belongs to another log`)
  if (head.length > log.reader.length) return found.add(-1, `${name}: ${log.reader.length} entries found, the tail is missing`)
  if (log.last !== head.last) return found.add(head.length - 1, `${name}: it names another entry ${head.length - 1}, the log was rewritten`)
  let treeHash: string
  try {
    treeHash = Buffer.from(await log.reader.treeHash(head.length)).toString('hex')
  } catch {
    return found.add(-1, `${name}: the log's Merkle root cannot be read`)
  }
  if (treeHash !== head.treeHash) found.add(-1, `${name}: Merkle root ${head.treeHash} expected, ${treeHash} found`)
}

class Problems {
  readonly list: Problem[] = []
  count = 0

  add(index: number, problem: string): void {
    this.count += 1
    if (this.list.length < PROBLEMS_MAX) this.list.push({ index, problem })
  }
}
