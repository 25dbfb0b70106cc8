import { constants } from 'node:fs'
import { lstat, open, opendir, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, fail, messageOf, ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'

/** Bounds on what is looked at; what lies beyond is left alone. */
export interface FileLimits {
  readonly entriesMax: number
  readonly filesMax: number
  readonly fileBytesMax: number
  readonly totalBytesMax: number
}

export const FILE_LIMITS: FileLimits = { entriesMax: 20_000, filesMax: 400, fileBytesMax: 256 * 1024, totalBytesMax: 8 * 1024 * 1024 }

const DEPTH_MAX = 12
const SOURCE = /\.([cm]?[jt]s|[jt]sx)$/
const NOT_SOURCE = /\.d\.[cm]?ts$|\.min\.[cm]?js$|\.config\.[cm]?[jt]s$/
const FOLDERS_LEFT_OUT = new Set(['node_modules', 'dist', 'build', 'out', 'coverage', 'vendor', 'bower_components'])
const TEST_FOLDER = /(^|\/)(tests?|__tests__|__mocks__|specs?|e2e|fixtures|benchmarks?|examples?)\//
const TEST_FILE = /(^|[./_-])(tests?|spec|e2e)\.([cm]?[jt]s|[jt]sx)$|^test-[^/]*$/

/** Tests and what they stand on are never edited: a repair that weakens its judge is none. */
export const isTestFile = (file: string): boolean => TEST_FOLDER.test(file) || TEST_FILE.test(path.posix.basename(file))

/**
 * The JavaScript and TypeScript files of a workspace that others have written: relative paths, sorted, test files
 * included. Symbolic links, devices and pipes are passed over, and so are installed and built folders.
 */
export const listSources = async (workspace: string, limits: FileLimits = FILE_LIMITS): Promise<readonly string[]> => {
  const root = await realpath(workspace)
  const files: string[] = []
  const folders: string[] = ['']
  let entries = 0
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const absolute = path.join(root, folder)
    // A folder that was swapped for a link since it was listed is somebody else's.
    if (!(await lstat(absolute)).isDirectory() || await realpath(absolute) !== absolute) continue
    const here: string[] = []
    for await (const entry of await opendir(absolute)) {
      entries += 1
      if (entries > limits.entriesMax) return files.sort()
      const relative = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory() && !entry.name.startsWith('.') && !FOLDERS_LEFT_OUT.has(entry.name) && relative.split('/').length < DEPTH_MAX) folders.push(relative)
      if (entry.isFile() && SOURCE.test(entry.name) && !NOT_SOURCE.test(entry.name)) here.push(relative)
    }
    for (const file of here.sort()) if (files.length < limits.filesMax) files.push(file)
  }
  return files.sort()
}

/** The text of a regular file under the workspace; `reason` when it is anything else, too large, or not UTF-8. */
export const readSource = async (workspace: string, file: string, bytesMax: number = FILE_LIMITS.fileBytesMax): Promise<Result<string>> => {
  try {
    const handle = await openInside(workspace, file, constants.O_RDONLY)
    try {
      const { size } = await handle.stat()
      if (size > bytesMax) return fail(`${file} has ${size} bytes, the limit is ${bytesMax}`)
      const bytes = Buffer.alloc(size)
      const { bytesRead } = await handle.read(bytes, 0, size, 0)
      return ok(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, bytesRead)))
    } finally {
      await handle.close()
    }
  } catch (thrown) {
    return fail(messageOf(thrown))
  }
}

/**
 * Writes an existing regular file under the workspace in place: owner and mode stay. The workspace may belong to
 * another user while this process is root, so no link is followed. No process may run in the workspace meanwhile.
 */
export const writeSource = async (workspace: string, file: string, text: string): Promise<void> => {
  const handle = await openInside(workspace, file, constants.O_WRONLY)
  try {
    const bytes = Buffer.from(text)
    await handle.truncate(0)
    for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at, at)).bytesWritten
  } finally {
    await handle.close()
  }
}

/** Opens what `file` names and nothing else: no link on the way or at the end, a regular file with one name. */
const openInside = async (workspace: string, file: string, flags: number): Promise<FileHandle> => {
  const root = await realpath(workspace)
  const absolute = path.join(root, file)
  const refuse = (what: string): ChorusError => new ChorusError('INPUT_INVALID', `expected a regular file of the workspace, got ${what}: ${file}`)
  if (!absolute.startsWith(root + path.sep)) throw refuse('a path outside')
  if (await realpath(path.dirname(absolute)) !== path.dirname(absolute)) throw refuse('a symbolic link on the way')
  const before = await lstat(absolute)
  if (!before.isFile() || before.nlink !== 1) throw refuse(before.isFile() ? 'a file with several names' : 'something else')
  // O_NONBLOCK: should it have become a pipe in between, opening must not wait for a writer.
  const handle = await open(absolute, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const now = await handle.stat()
  if (now.isFile() && now.ino === before.ino && now.dev === before.dev && now.nlink === 1) return handle
  await handle.close()
  throw refuse('a file that was changed meanwhile')
}
