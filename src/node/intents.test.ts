import { beforeEach, describe, expect, it } from 'vitest'
import type { Epoch, Oid, RefName, SessionId, TaskKey } from '../core/mod.ts'
import type { AuditLog } from '../memory/audit/mod.ts'
import { MemoryHead, oidOf, signerOf, startedAuditLog } from '../testing/log-store-audit.ts'
import { MemoryLog, MemoryLogStore } from '../testing/memory-log-store.ts'
import type { Intent } from '../work/claims/mod.ts'
import { intentsOf } from './intents.ts'

const REPOSITORY = 'local:demo'
const intent = (name: string, fields: Partial<Intent> = {}): Intent => ({
  oid: oidOf(name), from: null, ref: 'refs/chorus/claims/1-0123456789abcdef' as RefName, key: 'local:demo#1' as TaskKey, epoch: 1 as Epoch, attempt: 0,
  state: 'held', session: 'session-1' as SessionId, alongside: [], ...fields,
})

describe('intents in the audit log', () => {
  let memory: MemoryLog
  let head: MemoryHead
  beforeEach(() => { memory = new MemoryLog(); head = new MemoryHead() })
  /** A process: the same log, opened anew. */
  const open = async () => {
    const store = new MemoryLogStore(memory)
    const audit: AuditLog = await startedAuditLog(store, head, signerOf(1))
    return { store, audit, intents: intentsOf(audit, REPOSITORY) }
  }

  it('come back after a restart as they were, oldest first', async () => {
    const first = intent('claim')
    const second = intent('delivery', { from: oidOf('claim'), state: 'delivered', attempt: 2, epoch: 3 as Epoch, alongside: [{ ref: 'refs/heads/main' as RefName, to: oidOf('work') }, { ref: 'refs/heads/old' as RefName, to: null }] })
    const { intents } = await open()
    await intents.append(first)
    await intents.append(second)
    expect(await (await open()).intents.unsettled()).toMatchObject([first, second])
  })

  it.each([['happened', 'happened'], ['did not happen', 'did-not-happen'], ['unknown', 'unknown']] as const)('that %s are settled for good', async (outcome, logged) => {
    const { intents, audit } = await open()
    await intents.append(intent('claim'))
    await intents.append(intent('other'))
    await intents.settled(oidOf('claim'), outcome)
    expect((await intents.unsettled()).map(({ oid }) => oid)).toEqual([oidOf('other')])
    expect((await (await open()).intents.unsettled()).map(({ oid }) => oid)).toEqual([oidOf('other')])
    const entries = []
    for await (const entry of audit.entries()) entries.push(entry)
    expect(entries.at(-1)).toMatchObject({ type: 'intent_settled', data: { oid: oidOf('claim'), outcome: logged } })
  })

  it('of one repository are not settled by what another looks at', async () => {
    const { audit, intents } = await open()
    const others = intentsOf(audit, 'local:other')
    await intents.append(intent('mine'))
    await others.append(intent('theirs', { key: 'local:other#1' as TaskKey }))
    expect((await intents.unsettled()).map(({ oid }) => oid)).toEqual([oidOf('mine')])
    expect((await others.unsettled()).map(({ oid }) => oid)).toEqual([oidOf('theirs')])
  })

  it('that cannot be made durable reject, so that nothing is pushed', async () => {
    const { store, intents } = await open()
    store.fail()
    await expect(intents.append(intent('claim'))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
  })

  it('that an older version wrote without the further refs are read all the same', async () => {
    const unsettled = [{ key: 'local:demo#1' as TaskKey, ref: 'refs/chorus/claims/1-0123456789abcdef' as RefName, oid: oidOf('old') as Oid, state: 'held' as const, epoch: 1 as Epoch }]
    const entry = { type: 'claim_intent', data: { ...unsettled[0], repository: REPOSITORY } }
    const intents = intentsOf({ append: () => Promise.resolve(0), find: () => Promise.resolve([entry as never]), intents: () => ({ unsettled: () => Promise.resolve(unsettled), settled: () => Promise.resolve() }) }, REPOSITORY)
    expect(await intents.unsettled()).toMatchObject([{ oid: oidOf('old'), alongside: [] }])
  })
})
