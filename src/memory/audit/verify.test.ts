import { describe, expect, it } from 'vitest'
import { isoTime } from '../../core/mod.ts'
import { forged, MemoryHead, never, signerOf, startedAuditLog, writeStory } from '../../testing/log-store-audit.ts'
import { MemoryLog, MemoryLogStore } from '../../testing/memory-log-store.ts'
import { verifyLog } from './mod.ts'
import type { AuditLog, LogReader } from './mod.ts'

const signer = signerOf(1)
const stranger = signerOf(2)

describe('verifyLog()', () => {
  const written = async (): Promise<{ memory: MemoryLog; log: AuditLog }> => {
    const memory = new MemoryLog()
    const log = await startedAuditLog(new MemoryLogStore(memory), new MemoryHead(), signer)
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
    memory.entries[9] = forged(memory.entries[9] ?? never(), { session: 'other' }, stranger)
    expect((await judge(memory, log)).problems).toContainEqual({ index: 9, problem: 'the signature does not hold' })
  })

  it('notices a history that the node itself rewrote, by a head that others keep', async () => {
    const { log } = await written()
    const rewritten = new MemoryLog()
    const again = await startedAuditLog(new MemoryLogStore(rewritten), new MemoryHead(), signer)
    await again.append('system_error', { error: 'it was never claimed' })
    await writeStory(again)
    expect((await verifyLog(new MemoryLogStore(rewritten), { heads: [again.head() ?? never()] })).ok).toBe(true)
    expect((await judge(rewritten, log)).problems).toEqual([{ index: 9, problem: 'head of 10 entries: it names another entry 9, the log was rewritten' }])
  })

  it('notices a missing tail, an entry out of place and another node\'s entry', async () => {
    const { memory, log } = await written()
    const foreign = forged(memory.entries[9] ?? never(), { node: stranger.node }, stranger)
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
