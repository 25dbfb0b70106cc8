import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { HostileCase } from './case.ts'

/** Something done to the state folder of a stopped node. */
export interface StateCase extends HostileCase {
  readonly area: 'state folder'
  /** Gives the state folder to start with, when it is not the same. */
  readonly harm: (state: string, other: string) => string | undefined
  readonly because: string
  readonly code: string
  readonly exit: number
  /** As another user than the folder's owner. Only root can become one; others take a folder of the system. */
  readonly asNobody?: true
}

const refused = (name: string, does: string, code: 'STATE_INVALID' | 'LOG_CORRUPT' | 'IO_FAILED', because: string, harm: (state: string, other: string) => string | undefined | void, more: Pick<StateCase, 'asNobody'> = {}): StateCase => {
  const exit = code === 'IO_FAILED' ? 74 : 65
  return { area: 'state folder', name, does, because, code, exit, harm: (state, other) => harm(state, other) ?? undefined, ends: `exit code ${exit}, ${code}: “${because}”; keys, head and journal are left as they are`, ...more }
}

const write = (folder: string, file: string, text: string): void => { writeFileSync(path.join(folder, file), text) }
const read = (folder: string, file: string): string => readFileSync(path.join(folder, file), 'utf8')

export const stateCases: readonly StateCase[] = [
  refused('state-cut', 'the log is cut in the middle', 'LOG_CORRUPT', 'does not fit what was written', (state) => { for (const file of logFiles(state)) truncateSync(file, Math.floor(statSync(file).size / 2)); write(state, 'log/journal', '') }),
  refused('state-log-gone', 'the log is gone, its head is there', 'LOG_CORRUPT', 'it was replaced or lost', (state) => { renameSync(path.join(state, 'log/core'), asideOf(state)); write(state, 'log/journal', '') }),
  refused('state-head-gone', 'the head of the log is gone', 'LOG_CORRUPT', 'a head file expected', (state) => { rmSync(path.join(state, 'log/head')) }),
  refused('state-head-version', 'the head of the log is of another version', 'LOG_CORRUPT', 'head', (state) => { write(state, 'log/head', read(state, 'log/head').replace('"version":1', '"version":2')) }),
  refused('state-version', 'the folder is of another version', 'STATE_INVALID', 'has version 99', (state) => { write(state, 'state.json', read(state, 'state.json').replace('"version": 1', '"version": 99')) }),
  refused('state-no-json', '`state.json` is rubbish', 'STATE_INVALID', 'is not JSON', (state) => { write(state, 'state.json', '\u0000\u001b[2J{') }),
  refused('state-copy', 'a copy of the folder', 'STATE_INVALID', 'was copied or restored', (state) => { cpSync(state, `${state}-copy`, { recursive: true, preserveTimestamps: true }); return `${state}-copy` }),
  refused('state-other-log', 'the log of another node', 'STATE_INVALID', 'was copied or restored', (state, other) => { renameSync(path.join(state, 'log'), asideOf(state)); cpSync(path.join(other, 'log'), path.join(state, 'log'), { recursive: true }) }),
  refused('state-other-key', 'the key of another node', 'STATE_INVALID', 'belongs to another key', (state, other) => { write(state, 'node.key', read(other, 'node.key')) }),
  refused('state-key-rubbish', 'a node key that is none', 'STATE_INVALID', 'is not usable', (state) => { write(state, 'node.key', 'secret-looking rubbish\n') }),
  refused('state-key-name', 'a node key that names another node', 'STATE_INVALID', 'its key belongs to', (state) => { write(state, 'node.key', read(state, 'node.key').replace(/12D3KooW.{4}/, '12D3KooWAAAA')) }),
  refused('state-swarm-key', 'a swarm key that is none', 'STATE_INVALID', 'does not hold a swarm key', (state) => { write(state, 'swarm.key', '/key/swarm/psk/1.0.0/\n') }),
  refused('state-peers', 'addresses to try first that are none', 'STATE_INVALID', 'short list of addresses', (state) => { write(state, 'bootstrap.json', JSON.stringify(Array.from({ length: 5_000 }, () => '/ip4/127.0.0.1/tcp/1'))) }),
  refused('state-read-only', 'a folder that cannot be written to', 'IO_FAILED', 'could not be', (state) => { giveAll(state); chmodSync(state, 0o500); if (existsSync(path.join(state, 'lock'))) chmodSync(path.join(state, 'lock'), 0o500) }, { asNobody: true }),
  refused('state-other-owner', 'a folder of another user', 'IO_FAILED', 'EACCES', (state) => { chmodSync(state, 0o700) }, { asNobody: true }),
]

/** Kept as it is and put back: a folder that was made anew would be taken for a copy. */
export const asideOf = (state: string): string => `${state}-aside`

/** Files of the log's store that hold entries. */
export const logFiles = (state: string): readonly string[] => {
  const folder = path.join(state, 'log/core/db')
  return readdirSync(folder).filter((name) => /^\d+\.(?:log|sst|blob)$/.test(name)).map((name) => path.join(folder, name)).filter((file) => statSync(file).size > 0)
}

export const NOBODY = 65_534
const giveAll = (folder: string): void => {
  if (process.getuid?.() !== 0) return
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) chownSync(path.join(folder, name), NOBODY, NOBODY)
  chownSync(folder, NOBODY, NOBODY)
}

const KEPT = ['node.key', 'swarm.key', 'bootstrap.json', 'log/head', 'log/signed-head', 'log/journal']
/** What a node that refuses to start must not touch. */
export const contentOf = (folder: string): ReadonlyMap<string, string> =>
  new Map(KEPT.map((name) => [name, existsSync(path.join(folder, name)) ? readFileSync(path.join(folder, name)).toString('base64') : 'none']))

/** A change of one bit in the middle. */
export const flip = (file: string, at = 0.5): void => {
  const bytes = readFileSync(file)
  const index = Math.floor(bytes.length * at)
  bytes[index] = (bytes[index] ?? 0) ^ 4
  writeFileSync(file, bytes)
}

export interface LogCase extends HostileCase {
  readonly area: 'log'
  readonly harm: (state: string) => void
  readonly because: string
}

const told = (name: string, does: string, because: string, harm: LogCase['harm']): LogCase => ({ area: 'log', name, does, because, harm, ends: `\`audit verify\` says so: “${because}”` })

export const logCases: readonly LogCase[] = [
  told('log-flip-early', 'one bit of an entry, early in the log', 'cannot be read', (state) => { for (const file of logFiles(state)) flip(file, 0.2); write(state, 'log/journal', '') }),
  told('log-flip-late', 'one bit of an entry, late in the log', 'cannot be read', (state) => { for (const file of logFiles(state)) flip(file, 0.9); write(state, 'log/journal', '') }),
  told('log-flip-head', 'one bit of the head', 'head', (state) => { flip(path.join(state, 'log/head'), 0.7) }),
  told('log-flip-signed', 'one bit of the signed head', 'head', (state) => { flip(path.join(state, 'log/signed-head'), 0.7) }),
  told('log-signed-gone', 'the signed head is gone', 'signed head beside the log is missing', (state) => { rmSync(path.join(state, 'log/signed-head')) }),
  told('log-cut', 'the last entries are cut off, in log and journal', 'cannot be read', (state) => { for (const file of logFiles(state)) truncateSync(file, Math.floor(statSync(file).size * 0.6)); write(state, 'log/journal', '') }),
]

export const makeFolderIn = (folder: string, name: string): string => {
  mkdirSync(path.join(folder, name), { recursive: true })
  return path.join(folder, name)
}
