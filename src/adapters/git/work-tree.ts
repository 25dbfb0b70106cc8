import { lstat, readdir } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import path from 'node:path'
import { git, gitText, runGit } from './command.ts'

/** What stands in the way of a person's work tree following from one commit to another. Reads only. */
export interface Move {
  readonly from: string
  readonly to: string
}

export const PATHS_MAX = 100

/** A merge, rebase or the like that the person has begun: its state file, or undefined. */
export const unfinishedOperation = async (worktree: string): Promise<string | undefined> => {
  const gitDir = await gitText(['-C', worktree, 'rev-parse', '--absolute-git-dir'])
  for (const name of ['MERGE_HEAD', 'rebase-merge', 'rebase-apply', 'CHERRY_PICK_HEAD', 'REVERT_HEAD']) {
    if (await statOf(path.join(gitDir, name)) !== undefined) return name
  }
  return undefined
}

/**
 * Untracked files where the new commit has files. Git itself refuses to overwrite them, but not the ignored ones: a
 * person's `.env` would be gone.
 */
export const ignoredInTheWay = async (worktree: string, move: Move): Promise<readonly string[]> => {
  const added = await changedPaths(worktree, move, ['--diff-filter=A'])
  if (added.length === 0) return []
  const tracked = new Set(names(await git(['-C', worktree, 'ls-files', '-z', '--cached'])))
  const found = new Set<string>()
  for (const file of added) {
    if (tracked.has(file)) continue
    const obstacle = await obstacleAt(worktree, file, tracked)
    if (obstacle !== undefined) found.add(obstacle)
    if (found.size >= PATHS_MAX) break
  }
  return [...found].sort()
}

/** Local changes, staged or not, in paths that the new commit changes; and untracked files there. */
export const editsInTheWay = async (worktree: string, move: Move): Promise<readonly string[]> => {
  const changed = new Set(await changedPaths(worktree, move, []))
  const local = [
    ...names(await git(['-C', worktree, 'diff-files', '--name-only', '-z', '--ignore-submodules'])),
    ...names(await git(['-C', worktree, 'diff-index', '--cached', '--name-only', '-z', '--ignore-submodules', move.from])),
    ...names(await git(['-C', worktree, 'ls-files', '--others', '-z'])),
  ]
  const below = new Set([...changed].flatMap(parents))
  const hits = local.filter((file) => changed.has(file) || below.has(file) || parents(file).some((parent) => changed.has(parent)))
  return [...new Set(hits)].sort().slice(0, PATHS_MAX)
}

export const changedPaths = async (worktree: string, move: Move, filters: readonly string[]): Promise<readonly string[]> =>
  names(await git(['-C', worktree, 'diff-tree', '-r', '-z', '--name-only', '--no-renames', ...filters, move.from, move.to]))

export const statOf = async (file: string): Promise<Stats | undefined> => {
  try {
    return await lstat(file)
  } catch {
    // Absent, or below something that is no folder.
    return undefined
  }
}

/** The branch a work tree is on, as a full ref name. */
export const headOf = async (worktree: string): Promise<string | undefined> => {
  const outcome = await runGit(['-C', worktree, 'symbolic-ref', '--quiet', 'HEAD'])
  return outcome.code === 0 ? outcome.stdout.toString('utf8').trim() : undefined
}

export const names = (output: Buffer): readonly string[] => output.toString('utf8').split('\0').filter((name) => name !== '')

const parents = (file: string): string[] => {
  const parts = file.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

const obstacleAt = async (worktree: string, file: string, tracked: ReadonlySet<string>): Promise<string | undefined> => {
  for (const parent of parents(file)) {
    const stat = await statOf(path.join(worktree, parent))
    if (stat === undefined) return undefined
    if (!stat.isDirectory()) return tracked.has(parent) ? undefined : parent
  }
  const stat = await statOf(path.join(worktree, file))
  if (stat === undefined) return undefined
  if (!stat.isDirectory()) return file
  const inside = await readdir(path.join(worktree, file))
  // A folder of tracked files that the commit replaces by a file is git's to judge.
  return inside.length === 0 || [...tracked].some((name) => name.startsWith(`${file}/`)) ? undefined : `${file}/`
}
