import type { Oid, RefName, Result } from '../core/mod.ts'

/**
 * Refs that move by compare-and-swap, and the chain of small commits behind each. The claim protocol
 * (docs/protocol.md §3) is written over this; adapters: git over any transport, and a double in testing/.
 * Every call that talks to the remote rejects with a retryable ChorusError (REMOTE_UNAVAILABLE) when it does not
 * answer, except `push`, which then answers `unclear` per ref.
 */
export interface RefStore {
  /** The tip of each ref whose name starts with the prefix, read from the remote now. */
  tips(prefix: string): Promise<ReadonlyMap<RefName, Oid>>
  /**
   * The commit `tip` of `ref` and its first-parent ancestors, newest first, at most `limit`, stopping early at `until`
   * (not included). `reason` when the tip is not a commit, has two parents, or a message over 16 KiB.
   */
  history(ref: RefName, tip: Oid, options: { readonly limit: number; readonly until?: Oid | undefined }): Promise<Result<readonly RefRecord[]>>
  /** Makes the commit object locally (empty tree); no network. Same draft, same oid. */
  create(draft: RefDraft): Promise<Oid>
  /**
   * Moves refs, each only if it still points to `from`. `atomic`: all or none. An `accepted` create or move was made
   * by this very push (an "up to date" answer is `refused`, since another may have pushed the same object).
   */
  push(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>>
}

export interface RefUpdate {
  readonly ref: RefName
  /** What the caller last saw there; null = it must not exist. */
  readonly from: Oid | null
  /** null deletes (guarded by `from`). The object must be known locally. */
  readonly to: Oid | null
}

export type PushAnswer =
  | { readonly kind: 'accepted' }
  /** It did not move, by this push. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The answer was lost: it may or may not have moved. Read again. */
  | { readonly kind: 'unclear'; readonly reason: string }
  /** A checked-out branch whose work tree has changes in these paths: nothing was touched. */
  | { readonly kind: 'in-the-way'; readonly paths: readonly string[] }

export interface RefDraft {
  readonly parent: Oid | null
  /** UTF-8, at most 16 KiB, no NUL. */
  readonly message: string
  /** Seconds since 1970, for the commit's dates. */
  readonly atSeconds: number
}

export interface RefRecord {
  readonly oid: Oid
  readonly parent: Oid | null
  readonly message: string
}
