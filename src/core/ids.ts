/** Branded identifiers. A brand stops one kind of string from being passed where another is meant. */
declare const brand: unique symbol
export type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** libp2p peer id (base58btc, starts with `12D3KooW`) of the node's Ed25519 key: the public key can be read from it. */
export type NodeId = Branded<string, 'NodeId'>
/** `<provider>:<repository>#<number>`; claims, rooms, threads and log entries are keyed by it. */
export type TaskKey = Branded<string, 'TaskKey'>
/** One run of one node process; a restart is a new session. UUID. */
export type SessionId = Branded<string, 'SessionId'>
/** Ownership generation of a task: 1 for the first claim, +1 at each takeover or re-claim. */
export type Epoch = Branded<number, 'Epoch'>
/** Git object id, 40 lower-case hex digits. */
export type Oid = Branded<string, 'Oid'>
/** Full name of a git ref, `refs/...`. */
export type RefName = Branded<string, 'RefName'>

export interface TaskAddress {
  readonly provider: string
  readonly repository: string
  /** Issue number or local id: 1-64 characters of `A-Z a-z 0-9 . _ -`. */
  readonly number: string
}

const NUMBER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const PROVIDER = /^[a-z][a-z0-9-]{0,31}$/
const REPOSITORY = /^[^\s#:\u0000-\u001f]{1,200}$/u
const OID = /^[0-9a-f]{40}$/

export const taskKey = (address: TaskAddress): TaskKey => {
  if (!PROVIDER.test(address.provider)) throw new RangeError(`provider name expected, got ${JSON.stringify(address.provider)}`)
  if (!REPOSITORY.test(address.repository)) throw new RangeError(`repository name without space, '#' or ':' expected, got ${JSON.stringify(address.repository)}`)
  if (!NUMBER.test(address.number)) throw new RangeError(`task number of letters, digits, '.', '_' or '-' expected, got ${JSON.stringify(address.number)}`)
  return `${address.provider}:${address.repository}#${address.number}` as TaskKey
}

export const parseTaskKey = (text: string): TaskAddress | undefined => {
  const match = /^([^:#]+):([^#]+)#([^#]+)$/.exec(text)
  if (match === null) return undefined
  const [, provider = '', repository = '', number = ''] = match
  if (!PROVIDER.test(provider) || !REPOSITORY.test(repository) || !NUMBER.test(number)) return undefined
  return { provider, repository, number }
}

export const isTaskNumber = (text: string): boolean => NUMBER.test(text)
export const isOid = (text: string): text is Oid => OID.test(text)
export const oid = (text: string): Oid => {
  if (!isOid(text)) throw new RangeError(`object id of 40 hex digits expected, got ${JSON.stringify(text.slice(0, 80))}`)
  return text
}
export const refName = (text: string): RefName => {
  // The subset of git-check-ref-format(1) that Chorus itself writes.
  if (!/^refs\/[A-Za-z0-9_][A-Za-z0-9._/-]{0,200}$/.test(text) || text.includes('..') || text.includes('//') || text.endsWith('/') || text.endsWith('.lock')) {
    throw new RangeError(`full ref name expected, got ${JSON.stringify(text.slice(0, 80))}`)
  }
  return text as RefName
}
export const epoch = (value: number): Epoch => {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`epoch is a whole number from 1, got ${value}`)
  return value as Epoch
}
