import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ChorusError, messageOf } from '../core/mod.ts'

/** Where a configuration's files lie on this machine. */
export interface Places {
  readonly configFile: string
  /** Keys, log and repository copies: private to the user. */
  readonly stateFolder: string
  /** Work trees, caches and sockets: the sandbox's user must be able to reach them, so it is not below a private home. */
  readonly scratchFolder: string
  readonly controlSocket: string
}

export interface PlaceOptions {
  readonly config?: string | undefined
  readonly state?: string | undefined
}

export const CONFIG_NAME = 'chorus.yaml'

/** The nearest chorus.yaml from here upwards; CONFIG_MISSING when there is none. */
export const findConfig = (options: PlaceOptions): string => {
  const named = options.config ?? process.env.CHORUS_CONFIG
  if (named !== undefined) {
    const file = path.resolve(named)
    if (!existsSync(file)) throw new ChorusError('CONFIG_MISSING', `no configuration at ${file}`, { setting: '--config' })
    return file
  }
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    const file = path.join(folder, CONFIG_NAME)
    if (existsSync(file)) return file
    if (path.dirname(folder) === folder) throw new ChorusError('CONFIG_MISSING', `no ${CONFIG_NAME} here or above: run \`chorus init\` in your repository`, { setting: '--config' })
  }
}

export const placesOf = (options: PlaceOptions): Places => {
  const configFile = findConfig(options)
  const folder = realpathSync(path.dirname(configFile))
  const stateHome = process.env.XDG_STATE_HOME ?? path.join(os.homedir(), '.local', 'state')
  const stateFolder = path.resolve(options.state ?? process.env.CHORUS_STATE ?? path.join(stateHome, 'chorus', `${slug(path.basename(folder))}-${shortHash(folder)}`))
  makeFolder(stateFolder, 0o700, '--state')
  const scratchFolder = path.join(ownFolder(path.join('/var/tmp', `chorus-${ownUid()}`)), shortHash(realpathSync(stateFolder)))
  return { configFile, stateFolder, scratchFolder, controlSocket: path.join(scratchFolder, 'control', 'node.sock') }
}

/** Others may walk through, not read. One that somebody else put there first is refused. */
export const ownFolder = (folder: string): string => {
  makeFolder(folder, 0o711)
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== ownUid() || (found.mode & 0o022) !== 0) {
    throw new ChorusError('STATE_INVALID', `${folder} must be a folder of your own that others cannot write: remove it and try again`)
  }
  return folder
}

const makeFolder = (folder: string, mode: number, setting?: string): void => {
  try {
    mkdirSync(folder, { recursive: true, mode })
  } catch (cause) {
    throw new ChorusError('STATE_INVALID', `a folder cannot be made at ${folder}: ${messageOf(cause)}`, { cause, ...(setting === undefined ? {} : { setting }) })
  }
}

/** Also where the user has no name, as in a container. */
const ownUid = (): number => process.getuid?.() ?? 0

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)
const slug = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 24) || 'node'
