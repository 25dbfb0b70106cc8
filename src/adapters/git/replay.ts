import { fail, isOid, ok, oid } from '../../core/mod.ts'
import type { Oid, Result } from '../../core/mod.ts'
import { commandError, runGit } from './command.ts'
import { TREE_GUARDS } from './environment.ts'
import type { GitRepository } from './repository.ts'

export interface Replay {
  /** One commit on its parent: what it changes there is replayed. */
  readonly commit: Oid
  readonly onto: Oid
  /** Says who commits. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * The tree of `onto` with what the commit changes, without a work tree (git-merge-tree(1), --write-tree, git 2.38).
 * The reason of a failure is the conflicting paths.
 */
export const replay = async (repository: GitRepository, step: Replay): Promise<Result<Oid, readonly string[]>> => {
  const { commit, onto, environment } = step
  // With onto's tree and the commit's own parent: that is the merge base then, whatever the history between. A replayed
  // commit has another parent than the first one: from the first base on, what others did meanwhile would count as its own.
  const stand = oid((await repository.local(['commit-tree', `${onto}^{tree}`, '-p', `${commit}^`, '-m', 'onto'], { environment })).toString('utf8').trim())
  const args = ['--git-dir', repository.gitDir, 'merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', stand, commit]
  const outcome = await runGit([...TREE_GUARDS, ...args], { environment, timeoutMs: 300_000 })
  const [tree = '', ...paths] = outcome.stdout.toString('utf8').split('\0')
  if (outcome.end !== 'exited' || !isOid(tree)) throw commandError(args, outcome)
  if (outcome.code === 0) return ok(tree)
  if (outcome.code === 1) return fail([...new Set(paths.filter((name) => name !== ''))].sort())
  throw commandError(args, outcome)
}
