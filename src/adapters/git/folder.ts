import { rm } from 'node:fs/promises'
import { ChorusError } from '../../core/mod.ts'
import { commandError, runProgram } from './command.ts'

/** The user of the sandbox. */
export interface FolderOwner {
  readonly uid: number
  readonly gid: number
}

const TIMEOUT_MS = 120_000

/** Hands a folder that no other process has seen yet to the sandbox's user. Without root there is one user for all. */
export const giveTo = async (folder: string, owner: FolderOwner | undefined): Promise<void> => {
  if (owner === undefined || process.getuid?.() !== 0) return
  const args = ['-hR', `${owner.uid}:${owner.gid}`, '--', folder]
  const outcome = await runProgram('chown', args, { timeoutMs: TIMEOUT_MS })
  if (outcome.end === 'exited' && outcome.code === 0) return
  throw new ChorusError('IO_FAILED', `${folder} could not be given to user ${owner.uid}`, { cause: commandError(args, outcome) })
}

/**
 * Opens what an agent closed to itself (chmod 000), and to us where we are the same user: what git cannot read it would
 * leave out without a word. Root is never kept out. Symbolic links are not followed.
 */
export const openToOwner = async (folder: string): Promise<void> => {
  if (process.getuid?.() === 0) return
  // What it cannot open is somebody else's, and is told by whoever reads it next.
  await runProgram('chmod', ['-R', 'u+rwX', '--', folder], { timeoutMs: TIMEOUT_MS })
}

/** Removes a folder with content that may resist: folders without permissions. Symbolic links are removed, not followed. */
export const removeFolder = async (folder: string): Promise<void> => {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 })
    return
  } catch {
    await openToOwner(folder)
  }
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 })
  } catch (cause) {
    throw new ChorusError('IO_FAILED', `${folder} could not be removed: remove it by hand`, { cause })
  }
}
