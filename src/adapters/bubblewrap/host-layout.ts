import { access, constants, lstat, readFile, readlink, realpath } from 'node:fs/promises'
import path from 'node:path'

/** What the sandbox takes from the host. */
export interface HostLayout {
  readonly bwrap: string
  readonly node: string
  /** npm's package folder; undefined = no npm on this machine. */
  readonly npmFolder: string | undefined
  /** /bin, /lib and their like: links into /usr on merged systems, folders on others. */
  readonly systemFolders: readonly SystemFolder[]
}

export type SystemFolder = { readonly at: string; readonly linkTo: string | undefined }

export interface HostSearch {
  /** Folders separated by colons, as in $PATH. */
  readonly searchPath: string
  readonly nodePath: string
  readonly npmPath?: string | undefined
}

/** undefined when bwrap is not on the path. */
export const findHost = async (search: HostSearch): Promise<HostLayout | undefined> => {
  const bwrap = await findProgram('bwrap', search.searchPath)
  if (bwrap === undefined) return undefined
  const systemFolders: SystemFolder[] = []
  for (const at of ['/bin', '/sbin', '/lib', '/lib32', '/lib64']) {
    // Not every system has all of them: what is not there is not bound.
    const stat = await lstat(at).catch(() => undefined)
    if (stat?.isSymbolicLink() === true) systemFolders.push({ at, linkTo: await readlink(at) })
    else if (stat?.isDirectory() === true) systemFolders.push({ at, linkTo: undefined })
  }
  const node = await realpath(search.nodePath)
  return { bwrap, node, npmFolder: await findNpm(search, node), systemFolders }
}

export const findProgram = async (name: string, searchPath: string): Promise<string | undefined> => {
  for (const folder of searchPath.split(':')) {
    if (!path.isAbsolute(folder)) continue
    const file = path.join(folder, name)
    if (await access(file, constants.X_OK).then(() => true, () => false)) return file
  }
  return undefined
}

/** The folder of the npm that is on the path (through links, whatever manages the versions), or of the one beside Node. */
const findNpm = async (search: HostSearch, node: string): Promise<string | undefined> => {
  const program = search.npmPath ?? await findProgram('npm', search.searchPath)
  const beside = path.join(path.dirname(node), '../lib/node_modules/npm')
  // A link to nowhere is as good as no npm; the probe tells whether there is one inside.
  const real = program === undefined ? undefined : await realpath(program).catch(() => undefined)
  const guesses = real === undefined ? [beside] : [path.dirname(path.dirname(real)), path.join(path.dirname(real), '../lib/node_modules/npm'), beside]
  for (const guess of guesses) if (await isNpm(guess)) return guess
  return undefined
}

const isNpm = async (folder: string): Promise<boolean> => {
  try {
    const description: unknown = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
    return typeof description === 'object' && description !== null && 'name' in description && description.name === 'npm'
  } catch {
    // Not there, or not a package: the next guess may be.
    return false
  }
}
