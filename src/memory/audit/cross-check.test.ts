import { describe, expect, it } from 'vitest'
import { allEntries, KEY, MemoryHead, oidOf, signerOf, startedAuditLog, writeStory } from '../../testing/log-store-audit.ts'
import { MemoryLogStore } from '../../testing/memory-log-store.ts'
import { crossCheckClaims } from './mod.ts'

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
