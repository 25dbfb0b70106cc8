import { ChorusError, commitParts, isOid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { ObjectReader } from './object-reader.ts'

export interface TreeEntry {
  /** 100644, 100755, 120000 (symbolic link), 160000 (submodule), 040000 (folder). */
  readonly mode: string
  readonly oid: Oid
  readonly path: string
  /** 0 for what has no content of its own. */
  readonly bytes: number
}

const TREE_BYTES_MAX = 16 * 1024 * 1024
const COMMIT_BYTES_MAX = 1024 * 1024

/**
 * Output of `git ls-tree -z -l`: `<mode> <type> <oid> <size>\t<path>\0`. As UTF-8, names that are not are left out (no
 * path could say them); as latin1, every name is kept, one character a byte.
 */
export const parseTreeListing = (output: Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): readonly TreeEntry[] => {
  const entries: TreeEntry[] = []
  for (const record of output.toString(encoding).split('\0')) {
    const tab = record.indexOf('\t')
    if (tab < 0) continue
    const [mode = '', , oid = '', size = ''] = record.slice(0, tab).split(/ +/)
    const path = record.slice(tab + 1)
    if (isOid(oid) && !path.includes('\uFFFD')) entries.push({ mode, oid, path, bytes: Number(size) || 0 })
  }
  return entries
}

/** The entry at a path of a commit, read object by object; undefined when there is none. */
export const findEntry = async (objects: ObjectReader, commit: Oid, path: string): Promise<Omit<TreeEntry, 'bytes'> | undefined> => {
  const object = await objects.read(commit, { bytesMax: COMMIT_BYTES_MAX })
  const root = object?.type === 'commit' && object.body !== undefined ? commitParts(object.body)?.tree : undefined
  if (root === undefined || !isOid(root)) throw new ChorusError('NOT_FOUND', `the commit ${commit} is not here: refresh first`)
  let found: { mode: string; oid: Oid } = { mode: '040000', oid: root }
  for (const name of path.split('/')) {
    if (found.mode !== '040000') return undefined
    const tree = await objects.read(found.oid, { bytesMax: TREE_BYTES_MAX })
    if (tree?.body === undefined) {
      throw new ChorusError('LIMIT_EXCEEDED', `a folder on the way to ${path} at ${commit} is missing or over ${TREE_BYTES_MAX} bytes`)
    }
    const entry = entryOf(tree.body, name)
    if (entry === undefined) return undefined
    found = entry
  }
  return { ...found, path }
}

/** A tree object: `<mode> <name>\0<20 bytes>`, again and again (gitformat). */
const entryOf = (tree: Buffer, name: string): { mode: string; oid: Oid } | undefined => {
  const wanted = Buffer.from(name)
  for (let at = 0; at < tree.byteLength;) {
    const space = tree.indexOf(32, at)
    const end = tree.indexOf(0, space)
    if (space < 0 || end < 0 || end + 21 > tree.byteLength) return undefined
    if (tree.subarray(space + 1, end).equals(wanted)) {
      const mode = tree.toString('latin1', at, space).padStart(6, '0')
      return { mode, oid: tree.toString('hex', end + 1, end + 21) as Oid }
    }
    at = end + 21
  }
  return undefined
}
