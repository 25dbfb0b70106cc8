import { git } from './command.ts'

/**
 * Which branches have a work tree in the repository at `path`, by full ref name (git-worktree(1), porcelain format;
 * linked work trees and a first branch without commits included).
 */
export const checkedOutBranches = async (path: string): Promise<ReadonlyMap<string, string>> => {
  const output = (await git(['-C', path, 'worktree', 'list', '--porcelain', '-z'])).toString('utf8')
  const branches = new Map<string, string>()
  for (const block of output.split('\0\0')) {
    const fields = block.split('\0').map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)] as const)
    const value = (name: string): string | undefined => fields.find(([key]) => key === name)?.[1]
    const worktree = value('worktree')
    const branch = value('branch')
    const usable = value('bare') === undefined && value('prunable') === undefined
    if (worktree !== undefined && branch !== undefined && usable) branches.set(branch, worktree)
  }
  return branches
}
