import { ChorusError } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import { decodeEntry, entryHash, FIRST_PREV } from './entries.ts'
import type { Entry } from './entries.ts'
import { parseSignedHead } from './head.ts'
import type { HeadCheck, SignedHead } from './head.ts'

/** Where entries are read from: a store, or a copy of a dead node's. */
export interface EntrySource {
  readonly key: Uint8Array
  readonly length: number
  read(index: number): Promise<Uint8Array>
}

interface StoredEntry {
  readonly index: number
  readonly bytes: Uint8Array
}

const READ_AHEAD = 64

/** Raw bytes of the entries `from` up to and without `to`, in order, read some ahead. */
export async function* readBytes(source: EntrySource, from: number, to: number): AsyncGenerator<StoredEntry> {
  for (let start = from; start < to; start += READ_AHEAD) {
    const indices = Array.from({ length: Math.min(READ_AHEAD, to - start) }, (_, offset) => start + offset)
    const blocks = await Promise.all(indices.map(async (index) => ({ index, bytes: await source.read(index) })))
    yield* blocks
  }
}

export async function* readEntries(source: EntrySource, from: number, to: number): AsyncGenerator<Entry> {
  for await (const { index, bytes } of readBytes(source, from, to)) {
    const decoded = decodeEntry(bytes)
    if (!decoded.ok) throw corrupt(`entry ${index}: ${decoded.reason}`)
    yield decoded.value
  }
}

export interface TakenUp {
  readonly length: number
  /** Hash of the last entry. */
  readonly last: string
  /** The head that was found; undefined for a new log. */
  readonly head: SignedHead | undefined
}

/**
 * Reads a node's own log at its start: the signed head must be this node's and lie on the log's chain. Entries behind
 * the head (a crash between the two writes) are taken as they are; their chain must hold. Signatures are left
 * to `verifyLog`, which is for those who do not trust this machine.
 */
export const takeUp = async (parts: {
  readonly store: EntrySource
  readonly node: NodeId
  readonly headText: string | undefined
  readonly headHolds: HeadCheck
  readonly each: (entry: Entry) => void
}): Promise<TakenUp> => {
  const { store, headText, each, node } = parts
  if (headText === undefined && store.length > 0) throw corrupt(`a signed head expected beside ${store.length} entries, none found`)
  const head = headText === undefined ? undefined : readHead(headText, parts)
  let last = FIRST_PREV
  for await (const { index, bytes } of readBytes(store, 0, store.length)) {
    const decoded = decodeEntry(bytes)
    if (!decoded.ok) throw corrupt(`entry ${index}: ${decoded.reason}`)
    const entry = decoded.value
    if (entry.index !== index || entry.prev !== last) throw corrupt(`entry ${index} does not follow the entry before it`)
    if (entry.node !== node) throw corrupt(`entry ${index} of node ${node} expected, got one of ${entry.node}`)
    each(entry)
    last = entryHash(bytes)
    if (head?.length === index + 1 && head.last !== last) throw corrupt(`entry ${index} is not the one that the signed head names`)
  }
  return { length: store.length, last, head }
}

const readHead = (text: string, { store, node, headHolds }: { readonly store: EntrySource; readonly node: NodeId; readonly headHolds: HeadCheck }): SignedHead => {
  const head = parseSignedHead(text)
  if (head === undefined) throw corrupt('a signed head expected, something else found in its file')
  if (head.node !== node) {
    const message = `the log of node ${node} expected, the log of ${head.node} found: this state folder belongs to another key`
    throw new ChorusError('STATE_INVALID', message, { setting: '--state' })
  }
  if (!headHolds(head)) throw corrupt('the signature of the signed head does not hold')
  if (head.key !== Buffer.from(store.key).toString('hex')) throw corrupt('the signed head belongs to another log')
  if (head.length > store.length) throw corrupt(`${head.length} entries expected by the signed head, ${store.length} found`)
  return head
}

const corrupt = (problem: string): ChorusError =>
  new ChorusError('LOG_CORRUPT', `the audit log is not the one that this node wrote: ${problem}.`
    + ' Run `chorus audit verify`; restore the state folder, or move it away to start a new log')
