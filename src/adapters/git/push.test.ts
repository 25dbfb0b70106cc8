import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { refName } from '../../core/mod.ts'
import type { Oid, RefName } from '../../core/mod.ts'
import { commitInBare, makeBareRepository, makeFolder, plainGit } from '../../testing/git-fixture.ts'
import type { FixtureFolder } from '../../testing/git-fixture.ts'
import { GitHttpServer } from '../../testing/git-http-server.ts'
import { GitRefStore } from './ref-store.ts'
import { GitRepository } from './repository.ts'
import type { GitRepositoryOptions } from './repository.ts'

const CLAIM = refName('refs/chorus/claims/1')
const BRANCH = refName('refs/heads/chorus/1')
const MAIN = refName('refs/heads/main')

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

const setup = async (): Promise<{ folder: FixtureFolder; bare: string; server: GitHttpServer }> => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const bare = await makeBareRepository(folder.join('remotes', 'r'), { 'a.txt': 'a\n' })
  const server = new GitHttpServer(folder.join('remotes'))
  await server.start()
  cleanups.push(() => server.stop())
  return { folder, bare, server }
}

let stores = 0
const open = async (folder: FixtureFolder, remote: string, options: Partial<GitRepositoryOptions> = {}): Promise<GitRefStore & { repository: GitRepository }> => {
  const repository = new GitRepository({ folder: folder.join(`node-${stores += 1}`), remote, networkTimeoutMs: 20_000, ...options })
  const store = new GitRefStore(repository)
  await store.start()
  cleanups.push(() => repository.stop())
  return Object.assign(store, { repository })
}

const record = (store: GitRefStore, message: string, parent: Oid | null = null): Promise<Oid> => store.create({ parent, message, atSeconds: 1 })
const push = async (store: GitRefStore, ref: RefName, from: Oid | null, to: Oid | null) => (await store.push([{ ref, from, to }], { atomic: false })).get(ref)

describe('a lost answer over http', () => {
  test('is unclear, and reading again shows that the push was applied', async () => {
    const { folder, server } = await setup()
    const store = await open(folder, server.url('r'))
    const mine = await record(store, 'mine')
    server.loseNextPushAnswer()
    expect((await push(store, CLAIM, null, mine))?.kind).toBe('unclear')
    expect(server.answersLost).toBe(1)
    expect((await store.tips('refs/chorus/')).get(CLAIM)).toBe(mine)
    expect((await push(store, CLAIM, null, mine))?.kind).toBe('refused')
  })

  test('of an atomic delivery is unclear for every ref, and all of them moved', async () => {
    const { folder, server, bare } = await setup()
    const store = await open(folder, server.url('r'))
    const { tip } = await store.repository.refresh()
    const claim = await record(store, 'claim')
    server.loseNextPushAnswer()
    const answers = await store.push([{ ref: CLAIM, from: null, to: claim }, { ref: BRANCH, from: null, to: tip! }], { atomic: true })
    expect([...answers.values()].map((answer) => answer.kind)).toEqual(['unclear', 'unclear'])
    expect(await plainGit(bare, 'for-each-ref', '--format=%(refname)')).toBe(`${CLAIM}\n${BRANCH}\n${MAIN}`)
  })

  test('a server that goes away in the middle is unclear, and fine again when it is back', async () => {
    const { folder, server } = await setup()
    const store = await open(folder, server.url('r'))
    const mine = await record(store, 'mine')
    const release = server.hold()
    const pushed = push(store, CLAIM, null, mine)
    await expect.poll(() => server.requests.length).toBeGreaterThan(0)
    server.goAway()
    release()
    expect((await pushed)?.kind).toBe('unclear')
    await expect(store.tips('refs/chorus/')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', retryable: true })
    server.comeBack()
    expect((await push(store, CLAIM, null, mine))?.kind).toBe('accepted')
  })

  test('a server that does not answer in time is unclear', async () => {
    const { folder, server } = await setup()
    const store = await open(folder, server.url('r'), { networkTimeoutMs: 500 })
    const mine = await record(store, 'mine')
    const release = server.hold()
    expect(await push(store, CLAIM, null, mine)).toEqual({ kind: 'unclear', reason: 'the push did not end in time' })
    release()
  })
})

describe('what a push may do', () => {
  test('a remote without atomic pushes refuses a delivery, and says why', async () => {
    const { folder, server, bare } = await setup()
    await plainGit(bare, 'config', 'receive.advertiseAtomic', 'false')
    for (const remote of [bare, server.url('r')]) {
      const store = await open(folder, remote)
      const [one, two] = [await record(store, 'one'), await record(store, 'two')]
      const answers = await store.push([{ ref: CLAIM, from: null, to: one }, { ref: BRANCH, from: null, to: two }], { atomic: true })
      expect([...answers.values()]).toEqual([0, 1].map(() => ({ kind: 'refused', reason: expect.stringContaining('atomic') as string })))
      expect((await store.tips('refs/chorus/')).size).toBe(0)
    }
  })

  test('a hook of the server that refuses one ref refuses an atomic push whole', async () => {
    const { folder, bare } = await setup()
    await mkdir(`${bare}/hooks`, { recursive: true })
    await writeFile(`${bare}/hooks/update`, '#!/bin/sh\ncase "$1" in refs/chorus/*) echo no claims here >&2; exit 1;; esac\n')
    await chmod(`${bare}/hooks/update`, 0o755)
    const store = await open(folder, bare)
    const answers = await store.push([{ ref: CLAIM, from: null, to: await record(store, 'one') }, { ref: BRANCH, from: null, to: await record(store, 'two') }], { atomic: true })
    expect([...answers.values()].map((answer) => answer.kind)).toEqual(['refused', 'refused'])
    expect(await plainGit(bare, 'for-each-ref', '--format=%(refname)')).toBe(MAIN)
  })

  test('a claim only moves to its child, main only forward, and a branch of ours anywhere', async () => {
    const { folder, bare } = await setup()
    const store = await open(folder, bare)
    const { tip } = await store.repository.refresh()
    const [one, stranger] = [await record(store, 'one'), await record(store, 'stranger')]
    expect((await push(store, CLAIM, null, one))?.kind).toBe('accepted')
    expect(await push(store, CLAIM, one, stranger)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('does not follow') as string })
    expect(await push(store, MAIN, tip!, stranger)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('does not follow') as string })
    expect((await push(store, BRANCH, null, one))?.kind).toBe('accepted')
    expect((await push(store, BRANCH, one, stranger))?.kind).toBe('accepted')
    expect((await push(store, BRANCH, one, tip!))?.kind).toBe('refused')
    expect((await push(store, BRANCH, stranger, stranger))?.kind).toBe('refused')
    // One refused for its form refuses the rest of an atomic push, before anything is sent.
    const answers = await store.push([{ ref: CLAIM, from: one, to: await record(store, 'next', one) }, { ref: MAIN, from: tip!, to: stranger }], { atomic: true })
    expect([...answers.values()].map((answer) => answer.kind)).toEqual(['refused', 'refused'])
    expect((await store.tips(CLAIM)).get(CLAIM)).toBe(one)
  })

  test('a grandchild of main is delivered although the store has not seen main move', async () => {
    const { folder, bare } = await setup()
    const store = await open(folder, bare)
    const second = await commitInBare(bare, { branch: 'main', files: { 'b.txt': 'b\n' } })
    const child = await record(store, 'on a commit that is only on the server', second)
    expect((await push(store, MAIN, second, child))?.kind).toBe('accepted')
    expect((await store.tips(MAIN)).get(MAIN)).toBe(child)
  })

  test('an object that was never made is a defect, not an answer', async () => {
    const { folder, bare } = await setup()
    const store = await open(folder, bare)
    await expect(push(store, CLAIM, null, 'a'.repeat(40) as Oid)).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  test('a hundred renewals go in one push, each judged by itself', async () => {
    const { folder, server } = await setup()
    const store = await open(folder, server.url('r'))
    const refs = Array.from({ length: 100 }, (_, index) => refName(`refs/chorus/claims/${index}`))
    const first = await Promise.all(refs.map((ref) => record(store, `first ${ref}`)))
    const made = await store.push(refs.map((ref, index) => ({ ref, from: null, to: first[index]! })), { atomic: false })
    expect([...made.values()].every((answer) => answer.kind === 'accepted')).toBe(true)
    const zombie = await open(folder, server.url('r'))
    const taken = await record(zombie, 'taken', first[7]!)
    expect((await push(zombie, refs[7]!, first[7]!, taken))?.kind).toBe('accepted')
    const second = await Promise.all(refs.map((ref, index) => record(store, `second ${ref}`, first[index]!)))
    const before = server.requests.length
    const renewed = await store.push(refs.map((ref, index) => ({ ref, from: first[index]!, to: second[index]! })), { atomic: false })
    expect(refs.filter((ref) => renewed.get(ref)?.kind !== 'accepted')).toEqual([refs[7]])
    expect(server.requests.length - before).toBe(2)
  })
})

describe('history()', () => {
  test('of a tip that has moved on is still found, and of one that is gone is retryable', async () => {
    const { folder, bare } = await setup()
    const [writer, reader, late] = [await open(folder, bare), await open(folder, bare), await open(folder, bare)]
    const one = await record(writer, 'one')
    await push(writer, CLAIM, null, one)
    const two = await record(writer, 'two', one)
    await push(writer, CLAIM, one, two)
    expect(await reader.history(CLAIM, one, { limit: 5 })).toMatchObject({ ok: true, value: [{ oid: one }] })
    await push(writer, CLAIM, two, null)
    await plainGit(bare, 'reflog', 'expire', '--expire=now', '--all')
    await plainGit(bare, 'prune', '--expire=now')
    await expect(late.history(CLAIM, two, { limit: 5 })).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', retryable: true })
    expect(await writer.history(CLAIM, two, { limit: 5 })).toMatchObject({ ok: true })
  })
})
