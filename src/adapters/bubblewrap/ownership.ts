import { chown, lchown, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError } from '../../core/mod.ts'
import type { SandboxMount } from '../../ports/mod.ts'

/**
 * Whom the sandbox runs as on the host. Never the real root: for a process of uid 0 even a sandbox without any
 * capability can write /proc/sys. A coordinator that is root lends one of a range of numbers that belong to nobody.
 */
export interface Identity {
  readonly isRoot: boolean
  /** The caller's own uid; when root, the first of the range. */
  readonly uid: number
  readonly uidCount: number
}

/**
 * The uid for a run on this workspace: its owner, when that is in the range; a workspace of root's is given to the
 * first of the range, with all that is in it. Other people's folders are refused.
 */
export const ownerFor = async (workspace: { readonly path: string; readonly writable: boolean }, identity: Identity): Promise<number> => {
  // What cannot be looked at is refused below, as what is not there.
  const found = await stat(workspace.path).catch(() => undefined)
  if (found?.isDirectory() !== true) throw new ChorusError('INPUT_INVALID', `the workspace must be a folder: ${workspace.path}`)
  if (!identity.isRoot) return identity.uid
  if (found.uid >= identity.uid && found.uid < identity.uid + identity.uidCount) return found.uid
  if (!workspace.writable) return identity.uid
  if (found.uid !== 0) {
    throw new ChorusError('INPUT_INVALID', `the workspace ${workspace.path} belongs to uid ${found.uid}; a writable one must belong to root or to a sandbox user (${identity.uid} to ${identity.uid + identity.uidCount - 1})`)
  }
  await giveAll(workspace.path, identity.uid)
  return identity.uid
}

/** The folder itself last: as long as it is root's, no process of a sandbox can have changed anything below. */
const giveAll = async (folder: string, uid: number): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) await giveAll(file, uid)
    else await lchown(file, uid, uid)
  }
  await chown(folder, uid, uid)
}

/** The name can be guessed, and everybody may write beside it: a link or a folder that somebody else put there is not ours to empty. */
export const isOwnFolder = async (folder: string): Promise<boolean> => {
  try {
    const found = await lstat(folder)
    return found.isDirectory() && found.uid === process.getuid?.()
  } catch {
    // Gone since it was listed.
    return false
  }
}

/**
 * Makes the places below /workspace where something will be mounted: bwrap cannot, when the workspace is read-only or
 * not its own. Refuses to walk through links, which an earlier task may have left to lead us astray.
 */
export const makeMountPoints = async (workspacePath: string, mounts: readonly SandboxMount[], owner: { readonly uid: number; readonly give: boolean }): Promise<void> => {
  for (const mount of mounts) {
    if (!mount.target.startsWith('/workspace/')) continue
    if ((await stat(mount.source)).isDirectory() === false) {
      throw new ChorusError('INPUT_INVALID', `only a folder can be mounted inside the workspace: ${mount.source}`)
    }
    let here = workspacePath
    for (const part of mount.target.slice('/workspace/'.length).split('/')) {
      here = path.join(here, part)
      // Most often not there yet, and made below; if it is there and closed to us, making it fails.
      const found = await lstat(here).catch(() => undefined)
      if (found === undefined) {
        await mkdir(here)
        if (owner.give) await chown(here, owner.uid, owner.uid)
      } else if (!found.isDirectory()) {
        throw new ChorusError('INPUT_INVALID', `a folder was expected at ${mount.target} in the workspace, there is something else`)
      }
    }
  }
}

/** Whether this uid, with no group that counts, may walk to the path (path_resolution(7)). */
export const canReach = async (uid: number, file: string): Promise<boolean> => {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const found = await stat(folder)
    const bits = found.uid === uid ? found.mode >> 6 : found.mode
    if ((bits & 1) === 0) return false
    if (folder === '/') return true
  }
}
