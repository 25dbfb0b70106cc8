import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refName, taskKey } from '../../core/mod.ts'
import type { RefStore } from '../../ports/mod.ts'
import { GitRefStore, GitRepository } from '../../adapters/git/mod.ts'
import { makeBareRepository, makeFolder, plainGit } from '../../testing/git-fixture.ts'
import type { FixtureFolder } from '../../testing/git-fixture.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { MemoryRemote } from '../../testing/memory-ref-store.ts'
import type { MemoryRefStore } from '../../testing/memory-ref-store.ts'
import { SeededEntropy } from '../../testing/seeded-entropy.ts'
import { SeededSigner } from '../../testing/seeded-signer.ts'
import { SILENT } from '../../testing/coordinator-node.ts'
import { claimNames } from '../claims/mod.ts'
import { MergeTurns } from './mod.ts'
import type { LinedUp, MergeTurn } from './mod.ts'

const TURN = claimNames().turn('main')
const turnOf = (name: string, store: RefStore, clock: ManualClock, warn: (message: string) => void = () => undefined): MergeTurn =>
  new MergeTurns({ store, signer: new SeededSigner(name), clock, entropy: new SeededEntropy(name), logger: { ...SILENT, warn } }, { leaseMs: 90_000 })
    .of(taskKey({ provider: 'local', repository: 'demo', number: name }))

describe('the turn to merge', () => {
  let clock: ManualClock
  let remote: MemoryRemote
  beforeEach(() => { clock = new ManualClock(); remote = new MemoryRemote() })
  afterEach(() => { expect(clock.armed).toBe(0) })

  const open = (name: string): { readonly turn: MergeTurn; readonly store: MemoryRefStore; readonly said: LinedUp[]; lineUp(needed?: boolean): Promise<LinedUp>; readonly warnings: string[] } => {
    const store = remote.open(name)
    const said: LinedUp[] = []
    const warnings: string[] = []
    const turn = turnOf(name, store, clock, (message) => { warnings.push(message) })
    return { turn, store, said, warnings, lineUp: async (needed = true) => { const how = await turn.lineUp('main', { needed }); said.push(how); return how } }
  }

  it('is passed by who needs no turn while nobody merges, without a push', async () => {
    const ada = open('ada')
    expect(await ada.lineUp(false)).toBe('passed')
    await ada.turn.leave()
    expect(ada.store.pushes()).toBe(0)
  })

  it('is one task\'s at a time, and everybody\'s in the end', async () => {
    const people = ['a', 'b', 'c', 'd', 'e'].map(open)
    for (const person of people) void person.lineUp()
    const had = new Set<string>()
    for (const _turn of people) {
      await clock.advance(10_000)
      const holders = people.filter(({ turn }) => turn.holds)
      expect(holders).toHaveLength(1)
      expect(had.has(holders[0]?.store.name ?? '')).toBe(false)
      had.add(holders[0]?.store.name ?? '')
      await holders[0]?.turn.leave()
    }
    expect(had.size).toBe(5)
    expect(remote.refs.has(TURN)).toBe(false)
  })

  it('waits for one that is at work for long, and a length for one that has died', async () => {
    const ada = open('ada')
    const bob = open('bob')
    expect(await clock.drive(ada.lineUp())).toBe('mine')
    void bob.lineUp()
    await clock.advance(300_000)
    expect(bob.said).toEqual([])
    ada.store.gone = true
    await clock.advance(22_500 - 7_500 - 4_500)
    expect(bob.said).toEqual([])
    await clock.advance(20_000)
    expect(bob.said).toEqual(['mine'])
    await Promise.all([ada.turn.leave(), bob.turn.leave()])
  })

  it('is asked for once only by who has it, and anew after it was given back', async () => {
    const ada = open('ada')
    expect(await clock.drive(ada.lineUp())).toBe('mine')
    expect(await ada.lineUp(false)).toBe('passed')
    await ada.turn.leave()
    expect(await clock.drive(ada.lineUp())).toBe('mine')
    await ada.turn.leave()
    expect(remote.refs.has(TURN)).toBe(false)
  })

  it('is waited for no longer by who leaves', async () => {
    const ada = open('ada')
    const bob = open('bob')
    await clock.drive(ada.lineUp())
    void bob.lineUp()
    await clock.advance(5_000)
    await bob.turn.leave()
    expect(bob.said).toEqual(['without'])
    await ada.turn.leave()
    expect(remote.refs.has(TURN)).toBe(false)
  })

  it('is gone without when the remote does not answer, or takes no such ref', async () => {
    const ada = open('ada')
    ada.store.gone = true
    expect(await clock.drive(ada.lineUp())).toBe('without')
    await ada.turn.leave()
    const bob = open('bob')
    for (let times = 0; times < 3; times += 1) bob.store.fault('push', 'refuse')
    void bob.lineUp()
    await clock.advance(10_000)
    expect(bob.warnings).toEqual(['the remote takes no merge turns: nodes race for the branch'])
    await bob.turn.leave()
    expect(await bob.lineUp()).toBe('without')
  })

  it.each(['answer-lost', 'request-lost'] as const)('is taken, and given back, when the answer to a push is missing (%s)', async (fault) => {
    const ada = open('ada')
    ada.store.fault('push', fault)
    expect(await clock.drive(ada.lineUp())).toBe('mine')
    await ada.turn.leave()
    expect(remote.refs.has(TURN)).toBe(false)
  })
})

describe('the turn to merge, with git', () => {
  let folder: FixtureFolder
  const repositories: GitRepository[] = []
  beforeEach(async () => { folder = await makeFolder() })
  afterEach(async () => {
    for (const repository of repositories.splice(0)) await repository.stop()
    await folder.remove()
  })

  it('is taken, waited for, handed on and taken away', async () => {
    const path = folder.join('remote')
    await makeBareRepository(path)
    const clock = new ManualClock()
    const [ada, bob] = await Promise.all(['ada', 'bob'].map(async (name) => {
      const repository = new GitRepository({ folder: folder.join(name), remote: path, networkTimeoutMs: 20_000 })
      repositories.push(repository)
      const store = new GitRefStore(repository)
      await store.start()
      return turnOf(name, store, clock)
    }))
    if (ada === undefined || bob === undefined) throw new Error('there are two')
    expect(await ada.lineUp('main', { needed: true })).toBe('mine')
    let said: LinedUp | undefined
    const waiting = bob.lineUp('main', { needed: false }).then((how) => { said = how })
    const inLine = async (): Promise<string> => plainGit(path, 'for-each-ref', '--format=%(subject)', refName(TURN))
    await expect.poll(() => clock.armed, { timeout: 20_000 }).toBe(2)
    expect(said).toBeUndefined()
    expect(await inLine()).toMatch(/^chorus-turn: ada-/)
    await ada.leave()
    expect(await inLine()).toBe('')
    await expect.poll(async () => { await clock.advance(500); return said }, { timeout: 20_000 }).toBe('mine')
    await waiting
    expect(await inLine()).toMatch(/^chorus-turn: bob-/)
    await bob.leave()
    expect(await inLine()).toBe('')
  })
})
