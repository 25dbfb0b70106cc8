import { lstat, readdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * Bytes on disk below a folder. Links are not followed. Every entry counts as at least one block, so that a million
 * empty files are no way around the limit. Stops early once over `enough`.
 */
export const diskUsage = async (folder: string, enough: number): Promise<number> => {
  let bytes = 0
  const folders = [folder]
  for (let next = folders.pop(); next !== undefined && bytes <= enough; next = folders.pop()) {
    const here = next
    // A folder that vanished or closed itself to us while we walk counts as empty: the task is at work in there.
    const entries = await readdir(here, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) if (entry.isDirectory()) folders.push(path.join(here, entry.name))
    for (let from = 0; from < entries.length && bytes <= enough; from += ENTRIES_AT_ONCE) {
      const sizes = await Promise.all(entries.slice(from, from + ENTRIES_AT_ONCE).map((entry) => blocks(path.join(here, entry.name))))
      for (const size of sizes) bytes += size
    }
  }
  return bytes
}

const ENTRIES_AT_ONCE = 64
const BLOCK_BYTES = 4096

const blocks = async (file: string): Promise<number> => {
  try {
    return Math.max((await lstat(file)).blocks * 512, BLOCK_BYTES)
  } catch {
    // Removed since it was listed.
    return 0
  }
}
