import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ChorusError } from '../core/mod.ts'

/** The swarm's pre-shared key and the peers to try first, in the node's state folder; both come from `init` or `join`. */
export interface SwarmAccess {
  /** 32 bytes, 64 lower-case hex digits. */
  readonly swarmKey: string
  readonly bootstrap: readonly string[]
}

const KEY_FILE = 'swarm.key'
const PEERS_FILE = 'bootstrap.json'

export const readSwarmAccess = (stateFolder: string): SwarmAccess | undefined => {
  const file = path.join(stateFolder, KEY_FILE)
  if (!existsSync(file)) return undefined
  const swarmKey = readFileSync(file, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(swarmKey)) throw new ChorusError('STATE_INVALID', `${file} does not hold a swarm key of 64 hex digits: run \`chorus join <token>\` again`)
  return { swarmKey, bootstrap: readPeers(path.join(stateFolder, PEERS_FILE)) }
}

export const writeSwarmAccess = (stateFolder: string, access: SwarmAccess): void => {
  writePrivate(path.join(stateFolder, KEY_FILE), `${access.swarmKey}\n`)
  writePrivate(path.join(stateFolder, PEERS_FILE), `${JSON.stringify(access.bootstrap)}\n`)
}

/** The key that is there, or a new one. */
export const ensureSwarmAccess = (stateFolder: string): SwarmAccess & { readonly created: boolean } => {
  const present = readSwarmAccess(stateFolder)
  if (present !== undefined) return { ...present, created: false }
  const made = { swarmKey: randomBytes(32).toString('hex'), bootstrap: [] }
  writeSwarmAccess(stateFolder, made)
  return { ...made, created: true }
}

const readPeers = (file: string): readonly string[] => {
  if (!existsSync(file)) return []
  const value = parsed(readFileSync(file, 'utf8'))
  if (!Array.isArray(value) || value.length > 16 || !value.every((item) => typeof item === 'string' && item.length < 300)) {
    throw new ChorusError('STATE_INVALID', `${file} does not hold a short list of addresses: run \`chorus join <token>\` again`)
  }
  return value as string[]
}

/** Undefined when it is no JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const writePrivate = (file: string, text: string): void => {
  writeFileSync(file, text, { mode: 0o600 })
  // An existing file keeps its mode on writing.
  chmodSync(file, 0o600)
}
