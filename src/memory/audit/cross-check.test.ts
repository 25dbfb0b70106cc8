import { describe, expect, it } from 'vitest'
import { canonicalJson, isoTime, sha256 } from '../../core/mod.ts'
import { allEntries, KEY, MemoryHead, never, oidOf, signerOf, startedAuditLog, writeStory } from '../../testing/log-store-audit.ts'
import { MemoryLog, MemoryLogStore } from '../../testing/memory-log-store.ts'
import { crossCheckClaims, judgeHead, signHead, verifyLog, witnessedHeads } from './mod.ts'

const signer = signerOf(1)
const stranger = signerOf(2)

describe('crossCheckClaims()', () => {
  const commits = ['claim', 'delivery'].map((name) => ({ oid: oidOf(name), node: signer.node, epoch: 1, state: name === 'claim' ? 'held' : 'delivered' }))

  it('accepts claims that were announced, and names those that were not', async () => {
    const log = await startedAuditLog(new MemoryLogStore(), new MemoryHead(), signer)
    await writeStory(log)
    const entries = await allEntries(log)
    expect(crossCheckClaims(entries, [{ key: KEY, commits, complete: true }], signer.node)).toEqual([])
    const hidden = { oid: oidOf('hidden'), node: signer.node, epoch: 2, state: 'held' }
    const foreign = { oid: oidOf('foreign'), node: stranger.node, epoch: 3, state: 'held' }
    expect(crossCheckClaims(entries, [{ key: KEY, commits: [...commits, hidden, foreign], complete: true }], signer.node))
      .toEqual([{ index: -1, problem: `claim ${oidOf('hidden')} of ${KEY} (held) was pushed but its intent is not in the log` }])
  })

  it('names a delivery under a claim that the repository does not know, and an intent that says something else', async () => {
    const log = await startedAuditLog(new MemoryLogStore(), new MemoryHead(), signer)
    await writeStory(log)
    const [claim] = commits
    const problems = crossCheckClaims(await allEntries(log), [{ key: KEY, commits: claim === undefined ? [] : [{ ...claim, epoch: 2 }], complete: true }], signer.node)
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
    const peer = await startedAuditLog(new MemoryLogStore(peerMemory), new MemoryHead(), stranger)
    await writeStory(peer)
    const log = await startedAuditLog(new MemoryLogStore(), new MemoryHead(), signer)
    await log.append('head_witnessed', { member: stranger.node, head: canonicalJson(peer.head() ?? never()) })
    const heads = witnessedHeads(await allEntries(log), stranger.node)
    expect(heads).toHaveLength(1)
    expect((await verifyLog(new MemoryLogStore(peerMemory), { heads })).ok).toBe(true)
    peerMemory.entries.pop()
    expect((await verifyLog(new MemoryLogStore(peerMemory), { heads })).ok).toBe(false)
  })
})
