import type { Oid } from './ids.ts'

/** Git's empty tree: what a record's commit points to. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as Oid

/** Body of the commit object of a record (gitformat: tree, parent, author, committer, message). Same draft, same bytes, same oid. */
export const commitBytes = (draft: { readonly parent: Oid | null; readonly message: string; readonly atSeconds: number }): Uint8Array => {
  const who = `chorus <chorus@localhost> ${draft.atSeconds} +0000`
  const parent = draft.parent === null ? '' : `parent ${draft.parent}\n`
  return Buffer.from(`tree ${EMPTY_TREE}\n${parent}author ${who}\ncommitter ${who}\n\n${draft.message}`)
}
