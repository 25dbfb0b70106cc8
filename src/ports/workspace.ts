import type { Oid, Result } from '../core/mod.ts'

/**
 * Work trees for attempts. The agent's clone is thrown away; the coordinator reads it with a git dir of its own (no
 * hooks, no fsmonitor, no filters, no user or system configuration), and checks run on a fresh checkout of the commit,
 * never in the folder in which the agent worked.
 */
export interface Workspaces {
  /** A clone of `base` for one attempt, owned by the sandbox's user. `name` is unique among open ones. */
  open(spec: { readonly name: string; readonly base: Oid }): Promise<Workspace>
  /** Removes what an earlier process left; call before the first `open`. Returns how many. */
  reap(): Promise<number>
}

export interface Workspace {
  readonly base: Oid
  /** Host path of the agent's clone, bound as /workspace in its sandbox. Hostile after the agent ran. */
  readonly path: string
  /** What the clone holds now against `base`, as the coordinator's own git sees it. No process may still run in it. */
  snapshot(): Promise<Snapshot>
  /** A commit of the snapshot's tree on `base`. */
  commit(snapshot: Snapshot, message: string): Promise<Oid>
  /** What the commit changes against its parent, replayed on `onto`; `reason` names the conflicting paths. Takes replayed commits, too. */
  rebase(commit: Oid, options: { readonly onto: Oid; readonly message: string }): Promise<Result<Oid, readonly string[]>>
  /** A fresh folder with exactly the commit's files (no .git), owned by the sandbox's user. `only` and `from` overlay files of another commit. */
  checkout(commit: Oid, overlay?: { readonly from: Oid; readonly paths: readonly string[] }): Promise<string>
  /** Unified diff base..commit, at most `bytesMax` bytes (then marked as cut). */
  diff(commit: Oid, options: { readonly bytesMax: number }): Promise<string>
  dispose(): Promise<void>
}

export interface Snapshot {
  /** Tree id. */
  readonly tree: Oid
  readonly changes: readonly FileChange[]
}

export interface FileChange {
  readonly path: string
  readonly kind: 'added' | 'modified' | 'deleted' | 'type-changed'
  /** Git modes before and after: 100644, 100755, 120000 (symbolic link), 160000 (submodule), 000000 (absent). */
  readonly modeBefore: string
  readonly modeAfter: string
}
