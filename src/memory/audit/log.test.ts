import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { headFile, openHypercoreLog, readHypercoreLog, readSignedHead, signedHeadPath } from '../../adapters/hypercore/mod.ts'
import { canonicalJson, isoTime, nodeIdOfKey, privateKeyFromSeed, publicKeyBytes, sha256, sign } from '../../core/mod.ts'
import type { Epoch, Oid, SessionId, TaskKey } from '../../core/mod.ts'
import type { Clock, LogStore, Signer } from '../../ports/mod.ts'
import { MemoryLog, MemoryLogStore } from '../../testing/memory-log-store.ts'
import { Redactor } from '../redaction/mod.ts'
import { AuditLog, crossCheckClaims, decodeEntry, encodeEntry, judgeHead, parseSignedHead, signableText, signHead, taskStory, verifyLog, witnessedHeads } from './mod.ts'
import type { Entry, HeadFile, LogReader } from './mod.ts'

const signerOf = (seed: number): Signer => {
  const key = privateKeyFromSeed(new Uint8Array(32).fill(seed))
  return { node: nodeIdOfKey(publicKeyBytes(key)), sign: (data) => sign(key, data) }
}
const signer = signerOf(1)
const stranger = signerOf(2)
let nowMs = 1_763_800_000_000
const clock: Clock = {
  monotonicMs: () => nowMs, wallMs: () => { nowMs += 1; return nowMs }, arm: () => () => undefined, delay: () => Promise.resolve(),
}
const key = 'local:demo#1' as TaskKey
const oidOf = (text: string): Oid => sha256(text).slice(0, 40) as Oid
const about = { task_key: key, task_number: '1', repository: 'demo' }
const token = ['ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('')

class MemoryHead implements HeadFile {
  text: string | undefined
  failing = false
  write(text: string): Promise<void> {
    if (this.failing) return Promise.reject(new Error('disk full'))
    this.text = text
    return Promise.resolve()
  }
  read(): Promise<string | undefined> { return Promise.resolve(this.text) }
}

const opened = async (store: LogStore, head: HeadFile, by = signer): Promise<AuditLog> => {
  const log = new AuditLog({ store, head, signer: by, clock, redactor: new Redactor({ hashKey: new Uint8Array(32) }), session: 'session-1' as SessionId })
  await log.start()
  return log
}

const intent = (name: string, state = 'held') => ({ key, ref: 'refs/chorus/claims/1-0123456789abcdef', oid: oidOf(name), state, epoch: 1 as Epoch })

/** The life of one task, ten entries. */
const writeStory = async (log: AuditLog): Promise<void> => {
  await log.append('session_started', { version: '0.1.0', log_key: 'ab' })
  await log.intents().append(intent('claim'))
  await log.intents().settled(oidOf('claim'), 'happened')
  await log.append('task_claimed', { ...about, title: 'Fix the parser', required_role: 'backend', priority: 5, epoch: 1, claim_oid: oidOf('claim') })
  await log.append('execution', { task_key: key, epoch: 1, outcome: 'verified', engine: 'repair', evidence: 'proved', commit: oidOf('work'), checks: [{ command: 'npm test', green: true, output_hash: sha256('out') }] })
  await log.intents().append(intent('delivery', 'delivered'))
  await log.intents().settled(oidOf('delivery'), 'happened')
  await log.append('task_delivered', { task_key: key, commit: oidOf('work'), branch: 'chorus/1', evidence: 'proved', claim_oid: oidOf('delivery') })
  await log.append('task_completed', { ...about, duration: 12.5, results: { commit: oidOf('work') }, task_type: 'bug_fix' })
  await log.append('task_failed', { ...about, task_key: 'local:demo#2', task_number: '2', reason: 'checks stayed red', attempt: 1, epoch: 1, task_type: 'bug_fix' })
}

const all = async (log: AuditLog): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  for await (const entry of log.entries()) entries.push(entry)
  return entries
}

describe('the audit log', () => {
  let memory: MemoryLog
  let head: MemoryHead
  beforeEach(() => {
    memory = new MemoryLog()
    head = new MemoryHead()
  })
  const open = (): Promise<AuditLog> => opened(new MemoryLogStore(memory), head)

  it('keeps entries with the original\'s types and fields, chained and signed', async () => {
    const log = await open()
    await writeStory(log)
    const entries = await all(log)
    expect(entries.map((entry) => entry.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(entries[3]).toMatchObject({ type: 'task_claimed', node: signer.node, session: 'session-1', data: { task_number: '1', repository: 'demo', title: 'Fix the parser', required_role: 'backend', priority: 5 } })
    expect(entries[8]).toMatchObject({ type: 'task_completed', data: { duration: 12.5, results: { commit: oidOf('work') } } })
    expect(await verifyLog(new MemoryLogStore(memory), { expectedNode: signer.node, heads: [log.head() ?? never()] })).toEqual({ ok: true, entries: 10, node: signer.node, problems: [], problemsLeftOff: 0 })
  })

  it('resolves an append only when the signed head covers it', async () => {
    const log = await open()
    const indices = await Promise.all(Array.from({ length: 50 }, async () => {
      const index = await log.append('system_error', { error: 'one of many' })
      expect(parseSignedHead(head.text ?? '')?.length).toBeGreaterThan(index)
      return index
    }))
    expect([...indices].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect((await verifyLog(new MemoryLogStore(memory), { heads: [log.head() ?? never()] })).ok).toBe(true)
  })

  it('knows after a restart which intents are unsettled, oldest first', async () => {
    const log = await open()
    for (const name of ['a', 'b', 'c']) await log.intents().append(intent(name))
    await log.intents().settled(oidOf('b'), 'did-not-happen')
    const again = await open()
    expect(await again.intents().unsettled()).toEqual([intent('a'), intent('c')])
    await again.intents().settled(oidOf('a'), 'happened')
    expect(await again.intents().unsettled()).toEqual([intent('c')])
  })

  it('counts what this node completed and failed, by task type, also after a restart', async () => {
    await writeStory(await open())
    const again = await open()
    expect(again.history()).toEqual({ overall: { done: 1, failed: 1 }, byType: { bug_fix: { done: 1, failed: 1 } } })
  })

  it('finds the entries of a task and tells its story', async () => {
    await writeStory(await open())
    const log = await open()
    expect((await log.find(key)).map((entry) => entry.type)).toEqual(['claim_intent', 'task_claimed', 'execution', 'claim_intent', 'task_delivered', 'task_completed'])
    const story = taskStory(await all(log), key)
    expect(story.map((line) => line.index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(story[2]?.text).toBe('claimed in epoch 1: Fix the parser (priority 5)')
    expect(story[3]?.text).toContain('1 of 1 checks green')
  })

  it('redacts before anything is written, and refuses what is denied without its content', async () => {
    const log = await open()
    await log.append('task_failed', { ...about, reason: `push to https://bot:hunter2222@git.example failed with ${token}`, attempt: 1, epoch: 1 })
    await log.append('system_error', { error: 'bad', invitation: `chorus-1-${'abcDEF123'.repeat(10)}` })
    const [failed, denied] = await all(log)
    expect(failed?.data).toMatchObject({ reason: 'push to https://bot:[REDACTED:url-credentials]@git.example failed with [REDACTED:oauth-token]' })
    expect(denied).toMatchObject({ type: 'system_error', data: { error: 'an entry was refused because it held a secret', refused_type: 'system_error', rules: ['chorus-join-token'] } })
    const stored = Buffer.concat(memory.entries).toString()
    for (const secret of [token, 'hunter2222', 'abcDEF123']) expect(stored).not.toContain(secret)
  })

  it('finds a secret before a long text is cut through it', async () => {
    const log = await open()
    await log.append('system_error', { error: `${'x'.repeat(2_030)} ${token}` })
    expect(Buffer.concat(memory.entries).toString()).not.toContain(token.slice(0, 10))
  })

  it('rejects an intent that cannot be logged as it is, so that its push is not made', async () => {
    const log = await open()
    await expect(log.intents().append({ ...intent('a'), key: `local:${token}#1` as TaskKey })).rejects.toMatchObject({ code: 'SECRET_DENIED' })
    expect(log.length).toBe(0)
  })

  it('bounds long texts, long lists and depth', async () => {
    const log = await open()
    await log.record('execution', { task_key: key, epoch: 1, output: 'é'.repeat(10_000), many: Array.from({ length: 1_000 }, (_, number) => ({ number, text: 'y'.repeat(500) })), gone: undefined, odd: NaN })
    const bytes = memory.entries[0] ?? new Uint8Array()
    expect(bytes.byteLength).toBeLessThan(64 * 1024)
    expect(decodeEntry(bytes).ok).toBe(true)
  })

  it('refuses unknown types, missing fields and data that is not plain', async () => {
    const log = await open()
    await expect(log.record('gossip', {})).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(log.record('task_claimed', { task_key: key })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(log.record('system_error', { error: 'x', call: () => 1 })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(log.length).toBe(0)
  })

  it('refuses everything once the store or the head could not be written', async () => {
    const store = new MemoryLogStore(memory)
    const log = await opened(store, head)
    head.failing = true
    await expect(log.append('system_error', { error: 'x' })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    head.failing = false
    await expect(log.append('system_error', { error: 'y' })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    const again = await open()
    expect(again.head()?.length).toBe(1)
    await again.append('system_error', { error: 'z' })
    expect((await verifyLog(new MemoryLogStore(memory), { heads: [again.head() ?? never()] })).ok).toBe(true)
  })

  it('refuses to start on a log that is not the one it wrote', async () => {
    await writeStory(await open())
    const text = head.text
    const cases: readonly (readonly [string, () => void])[] = [
      ['a tail was cut off', () => { memory.entries.pop() }],
      ['the last entry was replaced', () => { memory.entries[9] = forged(memory.entries[9], { session: 'other' }) }],
      ['an entry in the middle was replaced', () => { memory.entries[4] = forged(memory.entries[4], { session: 'other' }) }],
      ['the head was deleted', () => { head.text = undefined }],
      ['the head is damaged', () => { head.text = head.text?.replace('"length":10', '"length":9') }],
    ]
    const kept = [...memory.entries]
    for (const [name, damage] of cases) {
      damage()
      await expect(open(), name).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
      memory.entries.splice(0, Infinity, ...kept)
      head.text = text
    }
    await expect(opened(new MemoryLogStore(memory), head, stranger)).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await open()
  })
})

describe('verifyLog()', () => {
  const written = async (): Promise<{ memory: MemoryLog; log: AuditLog }> => {
    const memory = new MemoryLog()
    const log = await opened(new MemoryLogStore(memory), new MemoryHead())
    await writeStory(log)
    return { memory, log }
  }
  const judge = async (memory: MemoryLog, log: AuditLog) => verifyLog(new MemoryLogStore(memory), { expectedNode: signer.node, heads: [log.head() ?? never()] })

  it('names the entry whose byte was flipped', async () => {
    const { memory, log } = await written()
    const bytes = memory.entries[4] ?? never()
    const at = Buffer.from(bytes).indexOf('proved')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    expect((await judge(memory, log)).problems.map(({ index }) => index)).toEqual(expect.arrayContaining([4, 5]))
  })

  it('names an entry that a stranger signed in this node\'s name', async () => {
    const { memory, log } = await written()
    memory.entries[9] = forged(memory.entries[9], { session: 'other' }, stranger)
    expect((await judge(memory, log)).problems).toContainEqual({ index: 9, problem: 'the signature does not hold' })
  })

  it('notices a history that the node itself rewrote, by a head that others keep', async () => {
    const { log } = await written()
    const rewritten = await written()
    expect((await verifyLog(new MemoryLogStore(rewritten.memory))).ok).toBe(true)
    const verdict = await judge(rewritten.memory, log)
    expect(verdict.problems[0]?.problem).toContain('the log was rewritten')
  })

  it('notices a missing tail, an entry out of place and another node\'s entry', async () => {
    const { memory, log } = await written()
    const foreign = forged(memory.entries[9], { node: stranger.node }, stranger)
    const tail = memory.entries.pop() ?? never()
    expect((await judge(memory, log)).problems).toEqual([{ index: -1, problem: 'head of 10 entries: 9 entries found, the tail is missing' }])
    memory.entries.push(foreign)
    expect((await judge(memory, log)).problems[0]?.problem).toContain(`node ${signer.node} expected`)
    memory.entries.splice(8, 2, tail)
    expect((await judge(memory, log)).problems[0]).toEqual({ index: 8, problem: 'index 8 expected, got 9' })
  })

  it('goes on behind an entry that cannot be read, and says so once', async () => {
    const { memory, log } = await written()
    const store = new MemoryLogStore(memory)
    const reader: LogReader = {
      key: store.key, length: store.length, treeHash: (length) => store.treeHash(length),
      read: (index) => (index === 2 ? Promise.reject(new Error('checksum')) : store.read(index)),
    }
    expect((await verifyLog(reader, { heads: [log.head() ?? never()] })).problems).toEqual([{ index: 2, problem: 'the entry cannot be read' }])
  })

  it('refuses a head that the node did not sign', async () => {
    const { memory, log } = await written()
    const head = log.head() ?? never()
    const { problems } = await verifyLog(new MemoryLogStore(memory), { heads: [{ ...head, at: isoTime(0) }] })
    expect(problems).toEqual([{ index: -1, problem: 'head of 10 entries: the signature does not hold' }])
  })

  it('bounds what it reports about a log full of rubbish', async () => {
    const memory = new MemoryLog()
    for (let index = 0; index < 300; index += 1) memory.entries.push(new TextEncoder().encode(`{"version":${index}}`))
    const verdict = await verifyLog(new MemoryLogStore(memory))
    expect([verdict.ok, verdict.problems.length, verdict.problemsLeftOff]).toEqual([false, 100, 200])
  })
})

describe('crossCheckClaims()', () => {
  const commits = ['claim', 'delivery'].map((name) => ({ oid: oidOf(name), node: signer.node, epoch: 1, state: name === 'claim' ? 'held' : 'delivered' }))

  it('accepts claims that were announced, and names those that were not', async () => {
    const log = await opened(new MemoryLogStore(), new MemoryHead())
    await writeStory(log)
    const entries = await all(log)
    expect(crossCheckClaims(entries, [{ key, commits, complete: true }], signer.node)).toEqual([])
    const hidden = { oid: oidOf('hidden'), node: signer.node, epoch: 2, state: 'held' }
    const foreign = { oid: oidOf('foreign'), node: stranger.node, epoch: 3, state: 'held' }
    expect(crossCheckClaims(entries, [{ key, commits: [...commits, hidden, foreign], complete: true }], signer.node))
      .toEqual([{ index: -1, problem: `claim ${oidOf('hidden')} of ${key} (held) was pushed but its intent is not in the log` }])
  })

  it('names a delivery under a claim that the repository does not know, and an intent that says something else', async () => {
    const log = await opened(new MemoryLogStore(), new MemoryHead())
    await writeStory(log)
    const [claim] = commits
    const problems = crossCheckClaims(await all(log), [{ key, commits: claim === undefined ? [] : [{ ...claim, epoch: 2 }], complete: true }], signer.node)
    expect(problems.map(({ index }) => index)).toEqual([1, 7])
  })
})

describe('heads of others', () => {
  const headAt = (length: number, last: string, at: string, by = signer) =>
    signHead(by, { key: 'ab'.repeat(32), length, last: sha256(last), treeHash: sha256('tree'), at })

  it('are judged beside the last one that was seen', () => {
    const known = headAt(5, 'five', isoTime(5_000))
    expect(judgeHead(undefined, known)).toBe('first')
    expect(judgeHead(known, headAt(6, 'six', isoTime(6_000)))).toBe('grew')
    expect(judgeHead(known, known)).toBe('same')
    expect(judgeHead(known, headAt(4, 'four', isoTime(4_000)))).toBe('older')
    expect(judgeHead(known, headAt(5, 'other five', isoTime(6_000)))).toBe('contradicts')
    expect(judgeHead(known, headAt(3, 'three', isoTime(9_000)))).toBe('contradicts')
    expect(judgeHead(known, { ...known, length: 9 })).toBe('invalid')
  })

  it('are kept in this node\'s log and catch a peer that rewrote its own', async () => {
    const peerMemory = new MemoryLog()
    const peer = await opened(new MemoryLogStore(peerMemory), new MemoryHead(), stranger)
    await writeStory(peer)
    const log = await opened(new MemoryLogStore(), new MemoryHead())
    await log.append('head_witnessed', { member: stranger.node, head: canonicalJson(peer.head() ?? never()) })
    const heads = witnessedHeads(await all(log), stranger.node)
    expect(heads).toHaveLength(1)
    expect((await verifyLog(new MemoryLogStore(peerMemory), { heads })).ok).toBe(true)
    peerMemory.entries.pop()
    expect((await verifyLog(new MemoryLogStore(peerMemory), { heads })).ok).toBe(false)
  })
})

describe('the audit log over Hypercore', () => {
  let folder: string
  beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-test-audit-')) })
  afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

  it('is verified from its folder without the node\'s key, and holds no secret on disk', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await opened(store, headFile(signedHeadPath(folder)))
    await writeStory(log)
    await log.append('task_failed', { ...about, reason: `refused: ${token}`, attempt: 1, epoch: 1 })
    // Read while the node runs: what is not yet flushed comes from the journal.
    const reader = await readHypercoreLog(folder)
    const head = parseSignedHead(await readSignedHead(folder) ?? '')
    expect(await verifyLog(reader, { heads: [head ?? never()] })).toMatchObject({ ok: true, entries: 11, node: signer.node })
    await reader.close()
    await store.close()
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      expect((await readFile(path.join(entry.parentPath, entry.name))).includes(token.slice(4)), entry.name).toBe(false)
    }
  })

  it('notices a record that was rewritten in the store, with all its checksums right', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await opened(store, headFile(signedHeadPath(folder)))
    await writeStory(log)
    const entry = await store.read(8)
    await store.close()
    await rewriteBlock(folder, 8, forged(entry, { session: 'other' }, stranger))
    const reader = await readHypercoreLog(folder)
    const head = parseSignedHead(await readSignedHead(folder) ?? '')
    const verdict = await verifyLog(reader, { heads: [head ?? never()] })
    expect(verdict.problems.map(({ index }) => index)).toEqual(expect.arrayContaining([8, 9]))
    await reader.close()
    const again = await openHypercoreLog({ folder })
    await expect(opened(again, headFile(signedHeadPath(folder)))).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    await again.close()
  })

  it('notices that both the tail and the store\'s own head were set back', async () => {
    const store = await openHypercoreLog({ folder })
    const log = await opened(store, headFile(signedHeadPath(folder)))
    await writeStory(log)
    const signed = await readFile(signedHeadPath(folder))
    const short = { key: Buffer.from(store.key).toString('hex'), length: 7, treeHash: Buffer.from(await store.treeHash(7)).toString('hex') }
    await store.close()
    await setBack(folder, 7)
    await writeFile(path.join(folder, 'head'), JSON.stringify({ version: 1, ...short }))
    await truncate(path.join(folder, 'journal'), 8)
    const again = await openHypercoreLog({ folder })
    expect(again.length).toBe(7)
    await expect(opened(again, headFile(signedHeadPath(folder)))).rejects.toMatchObject({ code: 'LOG_CORRUPT', message: expect.stringContaining('10 entries expected by the signed head, 7 found') as string })
    expect(await readFile(signedHeadPath(folder))).toEqual(signed)
    await again.close()
  })
})

const never = (): never => { throw new Error('a value was expected') }

/** An entry with other members and a fresh signature. */
const forged = (bytes: Uint8Array | undefined, changes: Partial<Entry>, by = signer): Uint8Array => {
  const decoded = decodeEntry(bytes ?? never())
  if (!decoded.ok) throw new Error(decoded.reason)
  const { signature: _, ...unsigned } = { ...decoded.value, ...changes }
  return encodeEntry({ ...unsigned, signature: by.sign(signableText(unsigned)) })
}

interface InnerCore {
  ready(): Promise<void>
  close(): Promise<void>
  truncate(length: number): Promise<void>
  readonly core: { readonly state: { readonly storage: { write(): { putBlock(index: number, block: Uint8Array): void; flush(): Promise<void> } } } }
}

const innerCore = async (folder: string): Promise<InnerCore> => {
  const { default: Hypercore } = await import('hypercore')
  const core = new Hypercore(Hypercore.defaultStorage(path.join(folder, 'core'))) as unknown as InnerCore
  await core.ready()
  return core
}

/** As someone with write access to the disk would, through the store's own code. */
const rewriteBlock = async (folder: string, index: number, block: Uint8Array): Promise<void> => {
  const core = await innerCore(folder)
  const write = core.core.state.storage.write()
  write.putBlock(index, Buffer.from(block))
  await write.flush()
  await core.close()
}

const setBack = async (folder: string, length: number): Promise<void> => {
  const core = await innerCore(folder)
  await core.truncate(length)
  await core.close()
}
