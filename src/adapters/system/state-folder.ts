import { createHash } from 'node:crypto'
import { mkdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import type { Entropy, Logger } from '../../ports/mod.ts'
import { readFileIfPresent, writeFileDurably } from './files.ts'
import { loadIdentity } from './identity.ts'
import type { NodeIdentity } from './identity.ts'
import { lockState } from './state-lock.ts'

export interface StateFolder {
  readonly path: string
  readonly identity: NodeIdentity
  /**
   * `copied`: the folder was copied, restored or moved since it was last opened. A twin may be running, so nothing is
   * resumed: the node takes over its own claims with a new session and the next epoch.
   */
  readonly origin: 'new' | 'same' | 'copied'
  /** Gives the folder free for another process. Idempotent. */
  release(): Promise<void>
}

/**
 * Opens a node's state folder: makes it (0700), locks it, reads or makes the node key, and notices copies. Rejects
 * with STATE_LOCKED while another process has it, and STATE_INVALID when it was written by a newer version.
 */
export const openStateFolder = async (folder: string, options: { readonly entropy: Entropy; readonly logger?: Logger | undefined }): Promise<StateFolder> => {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ChorusError('IO_FAILED', `the state folder ${folder} could not be made: ${messageOf(cause)}`, { cause, setting: '--state' })
  }
  const absolute = await realpath(folder)
  const lock = await lockState(absolute)
  try {
    const key = path.join(absolute, 'node.key')
    const identity = await loadIdentity(key, options)
    const file = path.join(absolute, 'state.json')
    const before = parseState(await readFileIfPresent(file), file)
    const now: State = { version: 1, nodeId: identity.node, place: await placeOf(absolute, key) }
    const same = before?.nodeId === now.nodeId && before.place === now.place
    if (!same) await writeFileDurably(file, `${JSON.stringify(now, undefined, 2)}\n`, 0o600)
    const origin = before === undefined && identity.created ? 'new' : same ? 'same' : 'copied'
    return { path: absolute, identity, origin, release: () => lock.release() }
  } catch (error) {
    await lock.release()
    throw error
  }
}

interface State {
  readonly version: 1
  readonly nodeId: string
  /** Hash of machine, path and key file; a copy differs in at least one. */
  readonly place: string
}

const placeOf = async (folder: string, key: string): Promise<string> => {
  const { ino } = await stat(key)
  return createHash('sha256').update(JSON.stringify([await machineId(), folder, ino])).digest('hex')
}

const machineId = async (): Promise<string> => {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return (await readFile(file, 'latin1')).trim()
    } catch {
      // Containers and macOS have none: path and file number have to do.
    }
  }
  return ''
}

const parseState = (text: string | undefined, file: string): { readonly nodeId: unknown; readonly place: unknown } | undefined => {
  if (text === undefined) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new ChorusError('STATE_INVALID', `${file} is not JSON: restore it, or remove it (the node then takes over its own claims)`, { cause })
  }
  const { version, nodeId, place } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>
  if (version !== 1) throw new ChorusError('STATE_INVALID', `${file} has version ${String(version).slice(0, 20)}, this Chorus reads version 1: run the newer Chorus that wrote it`)
  return { nodeId, place }
}
