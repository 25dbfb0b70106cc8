import { isoTime, nodeIdOfKey, privateKeyFromSeed, publicKeyBytes, sha256, sign } from '../core/mod.ts'
import type { Epoch, Oid, SessionId, TaskKey } from '../core/mod.ts'
import { AuditLog, decodeEntry, encodeEntry, signableText } from '../memory/audit/mod.ts'
import type { Entry, HeadFile } from '../memory/audit/mod.ts'
import { Redactor } from '../memory/redaction/mod.ts'
import type { Clock, LogStore, Signer } from '../ports/mod.ts'

/** What tests of the audit log share: keys from seeds, a head in memory, and a story to log. */
export const signerOf = (seed: number): Signer => {
  const key = privateKeyFromSeed(new Uint8Array(32).fill(seed))
  return { node: nodeIdOfKey(publicKeyBytes(key)), sign: (data) => sign(key, data) }
}

export const KEY = 'local:demo#1' as TaskKey
export const ABOUT = { task_key: KEY, task_number: '1', repository: 'demo' }
export const oidOf = (text: string): Oid => sha256(text).slice(0, 40) as Oid
export const intent = (name: string, state: 'held' | 'delivered' = 'held') =>
  ({ key: KEY, ref: 'refs/chorus/claims/1-0123456789abcdef', oid: oidOf(name), state, epoch: 1 as Epoch })

export class MemoryHead implements HeadFile {
  text: string | undefined
  failing = false

  write(text: string): Promise<void> {
    if (this.failing) return Promise.reject(new Error('disk full'))
    this.text = text
    return Promise.resolve()
  }

  read(): Promise<string | undefined> { return Promise.resolve(this.text) }
}

/** Each look at it is a millisecond later. */
const tickingClock = (): Clock => {
  let nowMs = Date.parse(isoTime(1_763_800_000_000))
  const now = (): number => { nowMs += 1; return nowMs }
  return { monotonicMs: now, wallMs: now, arm: () => () => undefined, delay: () => Promise.resolve() }
}

export const startedAuditLog = async (store: LogStore, head: HeadFile, signer: Signer): Promise<AuditLog> => {
  const redactor = new Redactor({ hashKey: new Uint8Array(32) })
  const log = new AuditLog({ store, head, signer, clock: tickingClock(), redactor, session: 'session-1' as SessionId })
  await log.start()
  return log
}

/** The life of one task, and the failure of another: ten entries. */
export const writeStory = async (log: AuditLog): Promise<void> => {
  await log.append('session_started', { version: '0.1.0', log_key: 'ab' })
  await log.intents().append(intent('claim'))
  await log.intents().settled(oidOf('claim'), 'happened')
  await log.append('task_claimed', { ...ABOUT, title: 'Fix the parser', required_role: 'backend', priority: 5, epoch: 1, claim_oid: oidOf('claim') })
  await log.append('execution', {
    task_key: KEY, epoch: 1, outcome: 'verified', engine: 'repair', evidence: 'proved', commit: oidOf('work'),
    checks: [{ command: 'npm test', green: true, output_hash: sha256('out') }],
  })
  await log.intents().append(intent('delivery', 'delivered'))
  await log.intents().settled(oidOf('delivery'), 'happened')
  await log.append('task_delivered', { task_key: KEY, commit: oidOf('work'), branch: 'chorus/1', evidence: 'proved', claim_oid: oidOf('delivery') })
  await log.append('task_completed', { ...ABOUT, duration: 12.5, results: { commit: oidOf('work') }, task_type: 'bug_fix' })
  const other = { task_key: 'local:demo#2', task_number: '2', repository: 'demo' }
  await log.append('task_failed', { ...other, reason: 'checks stayed red', attempt: 1, epoch: 1, task_type: 'bug_fix' })
}

export const allEntries = async (log: AuditLog): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  for await (const entry of log.entries()) entries.push(entry)
  return entries
}

/** An entry with other members and a fresh signature. */
export const forged = (bytes: Uint8Array, changes: Partial<Entry>, by: Signer): Uint8Array => {
  const decoded = decodeEntry(bytes)
  if (!decoded.ok) throw new Error(decoded.reason)
  const { signature: _, ...unsigned } = { ...decoded.value, ...changes }
  return encodeEntry({ ...unsigned, signature: by.sign(signableText(unsigned)) })
}

export const never = (): never => { throw new Error('a value was expected') }
