import { afterEach, expect, test } from 'vitest'
import { refName } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { PushAnswer } from '../../ports/mod.ts'
import { makeBareRepository, makeFolder } from '../../testing/git-fixture.ts'
import { GitRefStore } from './ref-store.ts'
import { withoutRepeats } from './repeated-push.ts'
import { GitRepository } from './repository.ts'

const CLAIM = refName('refs/chorus/claims/1')
const BRANCH = refName('refs/heads/chorus/1')

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

const setup = async () => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const remote = await makeBareRepository(folder.join('r'))
  const open = async (name: string): Promise<{ store: GitRefStore; repository: GitRepository }> => {
    const repository = new GitRepository({ folder: folder.join(name), remote })
    const store = new GitRefStore(repository)
    await store.start()
    cleanups.push(() => repository.stop())
    return { store, repository }
  }
  const [mine, other] = [await open('mine'), await open('other')]
  /** The same object in both stores: whoever pushes has it. */
  const record = async (message: string, parent: Oid | null = null): Promise<Oid> => {
    await other.store.create({ parent, message, atSeconds: 1 })
    return mine.store.create({ parent, message, atSeconds: 1 })
  }
  const put = async (from: Oid | null, to: Oid): Promise<void> => { await mine.store.push([{ ref: CLAIM, from, to }], { atomic: false }) }
  const putTheirs = async (): Promise<void> => { await put(null, await mine.store.create({ parent: null, message: 'theirs', atSeconds: 1 })) }
  /** As if the server had refused claim and branch of a push. */
  const judge = async (from: Oid | null, to: Oid, atomic: boolean): Promise<readonly string[]> => {
    const updates = [{ ref: CLAIM, from, to }, { ref: BRANCH, from: null, to }]
    const refused: PushAnswer = { kind: 'refused', reason: '[remote rejected] (failed to update ref)' }
    const answers = await withoutRepeats(other.repository, { updates, answers: new Map(updates.map(({ ref }) => [ref, refused])), doubtful: new Set([CLAIM, BRANCH]), atomic })
    return [...answers.values()].map((answer) => answer.kind)
  }
  return { record, put, putTheirs, judge }
}

test('a ref that did not move was refused', async () => {
  const { record, judge } = await setup()
  expect(await judge(null, await record('x'), true)).toEqual(['refused', 'refused'])
})

test('a ref that another moved was refused', async () => {
  const { record, putTheirs, judge } = await setup()
  await putTheirs()
  expect(await judge(null, await record('x'), true)).toEqual(['refused', 'refused'])
})

test('a ref that shows our object is unclear, and with it every ref of an atomic push', async () => {
  const { record, put, judge } = await setup()
  const ours = await record('ours')
  await put(null, ours)
  expect(await judge(null, ours, false)).toEqual(['unclear', 'refused'])
  expect(await judge(null, ours, true)).toEqual(['unclear', 'unclear'])
})

test('a ref that has moved on from our object is unclear', async () => {
  const { record, put, judge } = await setup()
  const ours = await record('ours')
  await put(null, ours)
  await put(ours, await record('next', ours))
  expect(await judge(null, ours, true)).toEqual(['unclear', 'unclear'])
})
