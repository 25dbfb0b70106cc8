import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rmdir, stat, unlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { canReach, isOwnFolder } from './ownership.ts'

/**
 * Host folders that the sandbox's user could not walk to (a repository or a Node below /root) are bound to a place
 * that it can reach, in a mount namespace of this one run: nothing changes on the host, no mode is widened, and the
 * mounts go with the run. Only a coordinator that is root needs and can do this.
 */
export interface Stage {
  /** What to start instead of bwrap itself; empty = nothing needed to be staged. */
  readonly prefix: readonly string[]
  /** Where a host path is to be found by bwrap. */
  readonly sourceOf: (hostPath: string) => string
  dispose(): Promise<void>
}

export const NO_STAGE: Stage = { prefix: [], sourceOf: (hostPath) => hostPath, dispose: () => Promise.resolve() }

export const openStage = async (hostPaths: readonly string[], options: { readonly uid: number; readonly instance: string }): Promise<Stage> => {
  const hidden: [given: string, real: string][] = []
  for (const given of new Set(hostPaths)) {
    const real = await realpath(given)
    if (!await canReach(options.uid, real) || !await canReach(options.uid, given)) hidden.push([given, real])
  }
  if (hidden.length === 0) return NO_STAGE
  const folder = await mkdtemp(path.join(os.tmpdir(), `${PREFIX}${options.instance}-${process.pid}-`))
  await chmod(folder, 0o711)
  const places = new Map<string, string>()
  const pairs: string[] = []
  for (const [given, real] of hidden) {
    const place = path.join(folder, String(places.size))
    if ((await stat(real)).isDirectory()) await mkdir(place)
    else await writeFile(place, '')
    places.set(given, place)
    pairs.push(real, place)
  }
  return {
    prefix: ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', SCRIPT, 'sh', String(options.uid), ...pairs, '--'],
    sourceOf: (hostPath) => places.get(hostPath) ?? hostPath,
    dispose: () => removeStage(folder),
  }
}

/** Removes the stages of earlier processes of this instance. Returns how many. */
export const reapStages = async (instance: string): Promise<number> => {
  const left = (await readdir(os.tmpdir())).filter((name) => name.startsWith(`${PREFIX}${instance}-`) && !name.startsWith(`${PREFIX}${instance}-${process.pid}-`))
  let removed = 0
  for (const name of left) {
    const folder = path.join(os.tmpdir(), name)
    if (!await isOwnFolder(folder)) continue
    await removeStage(folder)
    removed += 1
  }
  return removed
}

const PREFIX = 'chorus-stage-'

/** Outside of the run's own mount namespace these are empty places; never a recursive removal, should they not be. */
const removeStage = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    const place = path.join(folder, name)
    await ((await lstat(place)).isDirectory() ? rmdir(place) : unlink(place))
  }
  await rmdir(folder)
}

/** Runs as root, on paths that the coordinator chose; gives root up before bwrap sees the first byte. */
const SCRIPT = `
uid=$1; shift
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done
shift
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups -- "$@"`
