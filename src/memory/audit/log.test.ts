import { beforeEach, describe, expect, it } from 'vitest'
import type { TaskKey } from '../../core/mod.ts'
import { ABOUT, allEntries, forged, intent, KEY, MemoryHead, never, oidOf, signerOf, startedAuditLog, writeStory } from '../../testing/log-store-audit.ts'
import { MemoryLog, MemoryLogStore } from '../../testing/memory-log-store.ts'
import { decodeEntry, parseSignedHead, taskStory, verifyLog } from './mod.ts'
import type { AuditLog } from './mod.ts'

const signer = signerOf(1)
const stranger = signerOf(2)
const token = ['ghp', '_', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('')

describe('the audit log', () => {
  let memory: MemoryLog
  let head: MemoryHead
  beforeEach(() => {
    memory = new MemoryLog()
    head = new MemoryHead()
  })
  const open = (): Promise<AuditLog> => startedAuditLog(new MemoryLogStore(memory), head, signer)

  it('keeps entries with the original\'s types and fields, chained and signed', async () => {
    const log = await open()
    await writeStory(log)
    const entries = await allEntries(log)
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
    expect((await log.find(KEY)).map((entry) => entry.type)).toEqual(['claim_intent', 'task_claimed', 'execution', 'claim_intent', 'task_delivered', 'task_completed'])
    const story = taskStory(await allEntries(log), KEY)
    expect(story.map((line) => line.index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(story[2]?.text).toBe('claimed in epoch 1: Fix the parser (priority 5)')
    expect(story[3]?.text).toContain('1 of 1 checks green')
  })

  it('redacts before anything is written, and refuses what is denied without its content', async () => {
    const log = await open()
    await log.append('task_failed', { ...ABOUT, reason: `push to https://bot:hunter2222@git.example failed with ${token}`, attempt: 1, epoch: 1 })
    await log.append('system_error', { error: 'bad', invitation: `chorus-1-${'abcDEF123'.repeat(10)}` })
    const [failed, denied] = await allEntries(log)
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
    await log.record('execution', { task_key: KEY, epoch: 1, output: 'é'.repeat(10_000), many: Array.from({ length: 1_000 }, (_, number) => ({ number, text: 'y'.repeat(500) })), gone: undefined, odd: NaN })
    const bytes = memory.entries[0] ?? new Uint8Array()
    expect(bytes.byteLength).toBeLessThan(64 * 1024)
    expect(decodeEntry(bytes).ok).toBe(true)
  })

  it('refuses unknown types, missing fields and data that is not plain', async () => {
    const log = await open()
    await expect(log.record('gossip', {})).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(log.record('task_claimed', { task_key: KEY })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(log.record('system_error', { error: 'x', call: () => 1 })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(log.length).toBe(0)
  })

  it('refuses everything once the store or the head could not be written', async () => {
    const store = new MemoryLogStore(memory)
    const log = await startedAuditLog(store, head, signer)
    head.failing = true
    await expect(log.append('system_error', { error: 'x' })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    head.failing = false
    await expect(log.append('system_error', { error: 'y' })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    expect(await log.broken).toMatchObject({ code: 'LOG_UNAVAILABLE' })
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
      ['the last entry was replaced', () => { memory.entries[9] = forged(memory.entries[9] ?? never(), { session: 'other' }, signer) }],
      ['an entry in the middle was replaced', () => { memory.entries[4] = forged(memory.entries[4] ?? never(), { session: 'other' }, signer) }],
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
    await expect(startedAuditLog(new MemoryLogStore(memory), head, stranger)).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await open()
  })
})
