import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import path from 'node:path'

const MEMORY = '/dev/shm'
const PREFIX = 'chorus-chaos-'
const BYTES_MIN = 2 * 1024 ** 3

/**
 * A folder in memory, for what nobody would mind to lose: the drill's own forge, and work trees. Ten nodes on one disk make
 * and remove so many files that the file system looks for free inodes longer than it writes (a tenth of a drill). State folders
 * stay on the disk. Undefined where there is no such place, or little room.
 */
export const makeMemoryFolder = (): string | undefined => {
  try {
    clearOldMemoryFolders()
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize < BYTES_MIN ? undefined : mkdtempSync(path.join(MEMORY, `${PREFIX}${process.pid}-`))
  } catch {
    // Elsewhere than on Linux, or not ours to write: the disk will do.
    return undefined
  }
}

/** Of drills whose process has ended without doing so. */
const clearOldMemoryFolders = (): void => {
  for (const name of readdirSync(MEMORY)) {
    const owner = /^chorus-chaos-(\d+)-/.exec(name)?.[1]
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) rmSync(path.join(MEMORY, name), { recursive: true, force: true })
  }
}
