import type { Oid } from '../core/mod.ts'

/** Reads a repository's content at a commit, never from a work tree. */
export interface SourceTree {
  /** Brings the remote's default branch here and names it. `tip` is undefined in an empty repository. */
  refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }>
  /** Regular files below a folder ('' = root), sorted by path; symbolic links and submodules are left out. */
  list(commit: Oid, folder: string): Promise<readonly SourceFile[]>
  /** Undefined when there is no such regular file; rejects with LIMIT_EXCEEDED when larger than `bytesMax`. */
  read(commit: Oid, path: string, options: { readonly bytesMax: number }): Promise<Uint8Array | undefined>
  /** Wall-clock seconds of the commit that first added the path on this commit's first-parent history. */
  addedAtSeconds(commit: Oid, path: string): Promise<number | undefined>
  /** Whether a commit that is reachable from here carries this trailer (git-interpret-trailers(1)), with this value if one is given. */
  hasTrailer(commit: Oid, name: string, value?: string): Promise<boolean>
}

export interface SourceFile {
  /** Relative to the root, '/' as separator. */
  readonly path: string
  readonly bytes: number
  readonly executable: boolean
  /** Blob id: equal content, equal id. */
  readonly blob: Oid
}
