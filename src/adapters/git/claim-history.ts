import { COMMIT_MESSAGE_BYTES_MAX, commitParts, fail, isOid, ok } from '../../core/mod.ts'
import type { Oid, Result } from '../../core/mod.ts'
import type { RefRecord } from '../../ports/mod.ts'
import type { GitObject, ObjectReader } from './object-reader.ts'

// Header of a commit that others wrote: room for long names and a signature.
const COMMIT_BYTES_MAX = COMMIT_MESSAGE_BYTES_MAX + 16 * 1024
const FOREIGN_COMMIT_BYTES_MAX = 1024 * 1024

/** Thrown when a commit of the chain is not in the local store. */
export class MissingObject extends Error {
  readonly oid: Oid
  constructor(oid: Oid) {
    super(`object ${oid} is not here`)
    this.oid = oid
  }
}

/** The chain behind `tip`, newest first, from the local store. Throws MissingObject. */
export const readChain = async (
  objects: ObjectReader, tip: Oid, options: { readonly limit: number; readonly until?: Oid | undefined },
): Promise<Result<readonly RefRecord[]>> => {
  const records: RefRecord[] = []
  let next: Oid | null = tip
  while (next !== null && next !== options.until && records.length < options.limit) {
    const object = await objects.read(next, { bytesMax: COMMIT_BYTES_MAX })
    if (object === undefined) throw new MissingObject(next)
    const record = parseRecord(next, object)
    if (!record.ok) return record
    records.push(record.value)
    next = record.value.parent
  }
  return ok(records)
}

/** Parents of a commit in the local store; undefined when it is not there, or is no commit of ordinary size. */
export const parentsOf = async (objects: ObjectReader, oid: Oid): Promise<readonly string[] | undefined> => {
  const object = await objects.read(oid, { bytesMax: FOREIGN_COMMIT_BYTES_MAX })
  return object?.type === 'commit' && object.body !== undefined ? commitParts(object.body)?.parents : undefined
}

const parseRecord = (oid: Oid, object: GitObject): Result<RefRecord> => {
  if (object.type !== 'commit') return fail(`${oid} is a ${object.type}, a commit was expected`)
  const parts = object.body === undefined ? undefined : commitParts(object.body)
  if (parts === undefined || Buffer.byteLength(parts.message) > COMMIT_MESSAGE_BYTES_MAX) {
    return fail(`the commit ${oid} has ${object.bytes} bytes; a record has a message of at most ${COMMIT_MESSAGE_BYTES_MAX}`)
  }
  if (parts.parents.length > 1) return fail(`the commit ${oid} has ${parts.parents.length} parents, a chain has one`)
  const parent = parts.parents[0] ?? null
  if (parent !== null && !isOid(parent)) return fail(`the commit ${oid} names no valid parent`)
  return ok({ oid, parent, message: parts.message })
}
