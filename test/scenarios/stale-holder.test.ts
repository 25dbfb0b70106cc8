import { afterEach, describe, expect, test } from 'vitest'
import { GitRefStore, GitRepository } from '../../src/adapters/git/mod.ts'
import { refName, taskKey } from '../../src/core/mod.ts'
import type { Oid } from '../../src/core/mod.ts'
import type { Logger, RefUpdate } from '../../src/ports/mod.ts'
import { MemoryIntentLog } from '../../src/testing/claims-bench.ts'
import { makeBareRepository, makeFolder, plainGit } from '../../src/testing/git-fixture.ts'
import { GitHttpServer } from '../../src/testing/git-http-server.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { SeededEntropy } from '../../src/testing/seeded-entropy.ts'
import { SeededSigner } from '../../src/testing/seeded-signer.ts'
import { Claims } from '../../src/work/claims/mod.ts'

/** docs/protocol.md §3: a holder that was taken over delivers nothing, neither by its own insight nor by the server's. */
const KEY = taskKey({ provider: 'local', repository: 'demo', number: '7' })
const BRANCH = refName('refs/heads/chorus/7')
const MAIN = refName('refs/heads/main')
const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

interface Node {
  readonly repository: GitRepository
  readonly store: GitRefStore
  readonly claims: Claims
  readonly clock: ManualClock
}

const setup = async (transport: 'path' | 'http') => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const bare = await makeBareRepository(folder.join('remotes', 'r'), { 'a.txt': 'a\n' })
  const server = new GitHttpServer(folder.join('remotes'))
  await server.start()
  cleanups.push(() => server.stop())
  const node = async (name: string): Promise<Node> => {
    const repository = new GitRepository({ folder: folder.join(name), remote: transport === 'http' ? server.url('r') : bare })
    const store = new GitRefStore(repository)
    await store.start()
    cleanups.push(() => repository.stop())
    const clock = new ManualClock()
    const claims = new Claims({
      store, signer: new SeededSigner(name), clock, entropy: new SeededEntropy(name), logger: SILENT, intents: new MemoryIntentLog(),
      isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
    })
    return { repository, store, claims, clock }
  }
  const [holder, taker] = [await node('holder'), await node('taker')]
  const base = (await holder.repository.refresh()).tip as Oid
  // A result as a commit on main; what it changes does not matter here.
  const work = await holder.store.create({ parent: base, message: 'the work', atSeconds: 2 })
  const claim = await holder.claims.acquire(KEY)
  if (!claim.ok) throw new Error(claim.reason)
  // A claim shows its newest record; this is the one that the holder has in mind.
  const held = claim.value.oid
  /** The holder's clock stands still, as that of a machine that sleeps; the taker's goes on. */
  const takeOver = async (): Promise<Oid> => {
    await taker.claims.refresh()
    expect((await taker.claims.acquire(KEY)).ok).toBe(false)
    await taker.clock.advance(100_000)
    const taken = await taker.claims.acquire(KEY)
    if (!taken.ok) throw new Error(taken.reason)
    expect(taken.value.epoch).toBe(2)
    return taken.value.oid
  }
  const refs = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await plainGit(bare, 'for-each-ref', '--format=%(refname) %(objectname)')).split('\n').map((line) => line.split(' ')))
  return { holder, base, work, claim: claim.value, held, takeOver, refs }
}

describe.each(['path', 'http'] as const)('over %s', (transport) => {
  const targets = [
    { what: 'the result branch', alongside: (_: Oid, work: Oid): RefUpdate => ({ ref: BRANCH, from: null, to: work }) },
    { what: 'main', alongside: (base: Oid, work: Oid): RefUpdate => ({ ref: MAIN, from: base, to: work }) },
  ]

  test.each(targets)('a stale holder\'s delivery of claim and $what is refused whole', async ({ alongside }) => {
    const { holder, base, work, claim, takeOver, refs } = await setup(transport)
    const taken = await takeOver()
    const before = await refs()
    expect(before).toEqual({ [claim.ref]: taken, [MAIN]: base })
    expect(await holder.claims.deliver(claim, { result: {}, alongside: [alongside(base, work)] })).toEqual({ kind: 'superseded' })
    expect(await refs()).toEqual(before)
    expect(claim.signal.aborted).toBe(true)
  })

  test.each(targets)('the server refuses it too, when the holder does not look: claim and $what', async ({ alongside }) => {
    const { holder, base, work, claim, held, takeOver, refs } = await setup(transport)
    await takeOver()
    const before = await refs()
    const forged = await holder.store.create({ parent: held, message: 'delivered by a zombie', atSeconds: 3 })
    const answers = await holder.store.push([{ ref: claim.ref, from: held, to: forged }, alongside(base, work)], { atomic: true })
    expect([...answers.values()].map((answer) => answer.kind)).toEqual(['refused', 'refused'])
    expect(await refs()).toEqual(before)
  })

  test.each(targets)('a holder that nobody took over delivers claim and $what together', async ({ alongside }) => {
    const { holder, base, work, claim, held, refs } = await setup(transport)
    const update = alongside(base, work)
    expect(await holder.claims.deliver(claim, { result: {}, alongside: [update] })).toEqual({ kind: 'delivered' })
    const after = await refs()
    expect(after[update.ref]).toBe(work)
    expect(after[claim.ref]).not.toBe(held)
  })
})
