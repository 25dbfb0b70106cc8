import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { refName } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { PushAnswer } from '../../ports/mod.ts'
import { makeFolder, makeWorkRepository, WorkRepository } from '../../testing/git-fixture.ts'
import type { FixtureFiles, FixtureFolder } from '../../testing/git-fixture.ts'
import { CheckedOutDelivery } from './checked-out-delivery.ts'
import { DeliveryJournal } from './delivery-journal.ts'
import { GitRefStore } from './ref-store.ts'
import { GitRepository } from './repository.ts'
import { GitWorkspaces } from './workspace.ts'

const MAIN = refName('refs/heads/main')
const CLAIM = refName('refs/chorus/claims/1')
const BASE: FixtureFiles = { 'a.txt': 'a\n', 'b.txt': 'b\n', 'gone.txt': 'g\n' }
const CHANGE: FixtureFiles = { 'a.txt': 'A\n', 'gone.txt': null, 'new/n.txt': 'n\n' }

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

interface Bench {
  readonly folder: FixtureFolder
  readonly work: WorkRepository
  readonly repository: GitRepository
  readonly store: GitRefStore
  readonly base: Oid
  /** A finished commit of the change, in the node's store alone. */
  readonly result: Oid
  /** The claim as it is held, and the record that delivers it. */
  readonly held: Oid
  readonly delivered: Oid
  deliver(): Promise<ReadonlyMap<string, PushAnswer>>
}

const setup = async (options: { readonly change?: FixtureFiles; readonly worktree?: string } = {}): Promise<Bench> => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const work = await makeWorkRepository(folder.join('work'), BASE)
  const repository = new GitRepository({ folder: folder.join('store'), remote: work.path, branch: 'main' })
  const store = new GitRefStore(repository)
  await store.start()
  cleanups.push(() => repository.stop())
  const base = (await repository.refresh()).tip!
  const workspace = await new GitWorkspaces({ repository, folder: folder.join('workspaces') }).open({ name: 'w', base })
  await new WorkRepository(workspace.path).write(options.change ?? CHANGE)
  const result = await workspace.commit(await workspace.snapshot(), 'result')
  await workspace.dispose()
  const held = await store.create({ parent: null, message: 'held', atSeconds: 1 })
  await store.push([{ ref: CLAIM, from: null, to: held }], { atomic: true })
  const delivered = await store.create({ parent: held, message: 'delivered', atSeconds: 2 })
  const deliver = (): Promise<ReadonlyMap<string, PushAnswer>> =>
    store.push([{ ref: CLAIM, from: held, to: delivered }, { ref: MAIN, from: base, to: result }], { atomic: true })
  return { folder, work, repository, store, base, result, held, delivered, deliver }
}

const read = (bench: Bench, name: string): Promise<string> => readFile(`${bench.work.path}/${name}`, 'utf8')
const kinds = (answers: ReadonlyMap<string, PushAnswer>): readonly string[] => [...answers.values()].map((answer) => answer.kind)

/** Refs and work tree are exactly as before the delivery. */
const expectUntouched = async (bench: Bench, status: string): Promise<void> => {
  expect(await bench.work.tip(MAIN)).toBe(bench.base)
  expect(await bench.work.tip(CLAIM)).toBe(bench.held)
  expect(await bench.work.git('status', '--porcelain')).toBe(status)
}

describe('a delivery into a checked-out branch', () => {
  test('moves both refs and the clean work tree with them', async () => {
    const bench = await setup()
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    expect(await bench.work.tip('HEAD')).toBe(bench.result)
    expect(await bench.work.tip(CLAIM)).toBe(bench.delivered)
    expect(await bench.work.git('status', '--porcelain')).toBe('')
    expect(await read(bench, 'a.txt')).toBe('A\n')
    expect(await read(bench, 'new/n.txt')).toBe('n\n')
    await expect(read(bench, 'gone.txt')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await bench.work.git('reflog', '-1', '--format=%gs', 'main')).toBe('chorus: deliver')
  })

  test('keeps unrelated edits, staged, unstaged and untracked', async () => {
    const bench = await setup()
    await bench.work.write({ 'b.txt': 'edited\n', 'staged.txt': 's\n', 'untracked.txt': 'u\n' })
    await bench.work.git('add', 'staged.txt')
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    expect(await bench.work.git('status', '--porcelain')).toBe(' M b.txt\nA  staged.txt\n?? untracked.txt')
    expect(await read(bench, 'a.txt')).toBe('A\n')
  })

  test.each<{ readonly what: string; readonly edit: (bench: Bench) => Promise<void>; readonly paths: readonly string[]; readonly status: string }>([
    { what: 'an edit of a changed file', edit: ({ work }) => work.write({ 'a.txt': 'mine\n' }), paths: ['a.txt'], status: ' M a.txt' },
    { what: 'a staged edit of a changed file', edit: async ({ work }) => { await work.write({ 'a.txt': 'mine\n' }); await work.git('add', 'a.txt') }, paths: ['a.txt'], status: 'M  a.txt' },
    { what: 'an edit of a deleted file', edit: ({ work }) => work.write({ 'gone.txt': 'mine\n' }), paths: ['gone.txt'], status: ' M gone.txt' },
    { what: 'an untracked file where one is added', edit: ({ work }) => work.write({ 'new/n.txt': 'mine\n' }), paths: ['new/n.txt'], status: '?? new/' },
    { what: 'an untracked file where a folder is added', edit: ({ work }) => work.write({ 'new': 'mine\n' }), paths: ['new'], status: '?? new' },
  ])('$what is in the way: nothing is touched', async ({ edit, paths, status }) => {
    const bench = await setup()
    await edit(bench)
    const answers = await bench.deliver()
    expect([...answers.values()]).toEqual([{ kind: 'in-the-way', paths }, { kind: 'in-the-way', paths }])
    await expectUntouched(bench, status)
    await bench.work.git('stash', '-qu')
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
  })

  test('an ignored file is in the way too: it would be lost without a word', async () => {
    const bench = await setup({ change: { 'prod.env': 'theirs\n' } })
    await bench.work.write({ '.git/info/exclude': '*.env\n', 'prod.env': 'SECRET=mine\n' })
    expect((await bench.deliver()).get(MAIN)).toEqual({ kind: 'in-the-way', paths: ['prod.env'] })
    expect(await read(bench, 'prod.env')).toBe('SECRET=mine\n')
    await expectUntouched(bench, '')
  })

  test('a merge that the person has begun is in the way', async () => {
    const bench = await setup()
    await bench.work.git('checkout', '-q', '-b', 'side')
    await bench.work.commit({ 'side.txt': 's\n' })
    await bench.work.git('checkout', '-q', 'main')
    await bench.work.git('merge', '-q', '--no-ff', '--no-commit', 'side')
    expect((await bench.deliver()).get(MAIN)).toEqual({ kind: 'in-the-way', paths: ['MERGE_HEAD'] })
    await expectUntouched(bench, 'A  side.txt')
  })

  test('a claim that was taken over refuses the whole and leaves the work tree alone', async () => {
    const bench = await setup()
    const taken = await bench.store.create({ parent: bench.held, message: 'taken over', atSeconds: 3 })
    expect(kinds(await bench.store.push([{ ref: CLAIM, from: bench.held, to: taken }], { atomic: true }))).toEqual(['accepted'])
    expect(kinds(await bench.deliver())).toEqual(['refused', 'refused'])
    expect(await bench.work.tip(MAIN)).toBe(bench.base)
    expect(await bench.work.git('status', '--porcelain')).toBe('')
    expect(await read(bench, 'a.txt')).toBe('a\n')
  })

  test('a main that moved refuses the whole and leaves the work tree alone', async () => {
    const bench = await setup()
    const moved = await bench.work.commit({ 'b.txt': 'their commit\n' })
    expect(kinds(await bench.deliver())).toEqual(['refused', 'refused'])
    expect(await bench.work.tip(MAIN)).toBe(moved)
    expect(await bench.work.tip(CLAIM)).toBe(bench.held)
    expect(await bench.work.git('status', '--porcelain')).toBe('')
    expect(await read(bench, 'a.txt')).toBe('a\n')
  })

  test('raced by takeovers, one side wins and the work tree agrees with the refs', async () => {
    for (let round = 0; round < 4; round += 1) {
      const bench = await setup()
      const taken = await bench.store.create({ parent: bench.held, message: `taken over ${round}`, atSeconds: 3 })
      const [delivery, takeover] = await Promise.all([bench.deliver(), bench.store.push([{ ref: CLAIM, from: bench.held, to: taken }], { atomic: true })])
      const delivered = delivery.get(MAIN)?.kind === 'accepted'
      expect([...kinds(delivery), ...kinds(takeover)].filter((kind) => kind === 'accepted')).toHaveLength(delivered ? 2 : 1)
      expect(await bench.work.tip(CLAIM)).toBe(delivered ? bench.delivered : taken)
      expect(await bench.work.tip(MAIN)).toBe(delivered ? bench.result : bench.base)
      expect(await read(bench, 'a.txt')).toBe(delivered ? 'A\n' : 'a\n')
      expect(await bench.work.git('status', '--porcelain')).toBe('')
    }
  })

  test('goes to the linked work tree that has the branch, and not to the main one', async () => {
    const bench = await setup()
    await bench.work.git('checkout', '-q', '-b', 'mine')
    await bench.work.git('worktree', 'add', '-q', bench.folder.join('linked'), 'main')
    const linked = new WorkRepository(bench.folder.join('linked'))
    await linked.write({ 'b.txt': 'edited\n' })
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    expect(await readFile(bench.folder.join('linked', 'a.txt'), 'utf8')).toBe('A\n')
    expect(await linked.git('status', '--porcelain')).toBe(' M b.txt')
    expect(await read(bench, 'a.txt')).toBe('a\n')
    expect(await bench.work.git('status', '--porcelain')).toBe('')
  })

  test('into a branch that is not checked out is an ordinary push', async () => {
    const bench = await setup()
    await bench.work.git('checkout', '-q', '-b', 'mine')
    await bench.work.write({ 'a.txt': 'mine\n' })
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    expect(await bench.work.tip(MAIN)).toBe(bench.result)
    expect(await read(bench, 'a.txt')).toBe('mine\n')
  })

  test('never rewrites the work tree by updateInstead, even when the person configured it', async () => {
    const bench = await setup()
    await bench.work.git('config', 'receive.denyCurrentBranch', 'updateInstead')
    const taken = await bench.store.create({ parent: bench.held, message: 'taken over', atSeconds: 3 })
    await bench.store.push([{ ref: CLAIM, from: bench.held, to: taken }], { atomic: true })
    expect(kinds(await bench.deliver())).toEqual(['refused', 'refused'])
    expect(await read(bench, 'a.txt')).toBe('a\n')
    expect(await bench.work.git('status', '--porcelain')).toBe('')
  })

  test('runs no hook or watcher of the repository', async () => {
    const bench = await setup()
    const marker = bench.folder.join('ran')
    for (const hook of ['post-checkout', 'reference-transaction', 'post-merge', 'post-index-change']) {
      await writeFile(`${bench.work.path}/.git/hooks/${hook}`, `#!/bin/sh\necho ${hook} >> ${marker}\n`, { mode: 0o755 })
    }
    await bench.work.git('config', 'core.fsmonitor', `${bench.work.path}/.git/hooks/post-merge`)
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    await expect(stat(marker)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('into a first branch without commits fills the work tree', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const work = await makeWorkRepository(folder.join('work'))
    const repository = new GitRepository({ folder: folder.join('store'), remote: work.path })
    const store = new GitRefStore(repository)
    await store.start()
    cleanups.push(() => repository.stop())
    const source = await makeWorkRepository(folder.join('source'), { 'a.txt': 'a\n' })
    const tip = await source.tip('main')
    await source.git('push', '-q', repository.gitDir, 'main')
    expect(kinds(await store.push([{ ref: MAIN, from: null, to: tip }], { atomic: true }))).toEqual(['accepted'])
    expect(await readFile(folder.join('work', 'a.txt'), 'utf8')).toBe('a\n')
    expect(await work.git('status', '--porcelain')).toBe('')
  })
})

describe('a delivery that was cut off', () => {
  /** Another process delivers and is killed at the most awkward moment. */
  const killedBetween = async (bench: Bench): Promise<void> => {
    await bench.repository.stop()
    const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)))
    const script = `
      const { CheckedOutDelivery } = await import(${here('./checked-out-delivery.ts')})
      const { GitRepository } = await import(${here('./repository.ts')})
      const { checkedOutBranches } = await import(${here('./checked-out.ts')})
      const repository = new GitRepository({ folder: ${JSON.stringify(bench.repository.gitDir)}, remote: ${JSON.stringify(bench.work.path)} })
      await repository.start()
      const delivery = new CheckedOutDelivery(repository, ${JSON.stringify(bench.work.path)}, async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}) })
      await delivery.deliver(${JSON.stringify([{ ref: CLAIM, from: bench.held, to: bench.delivered }, { ref: MAIN, from: bench.base, to: bench.result }])}, await checkedOutBranches(${JSON.stringify(bench.work.path)}))`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
    const [, signal] = await once(child, 'close') as [number | null, string | null]
    expect({ signal, said: signal === 'SIGKILL' ? '' : said }).toEqual({ signal: 'SIGKILL', said: '' })
    // The locks of the transaction go when git sees the end of its input.
    for (let wait = 0; wait < 100 && await stat(`${bench.work.path}/.git/${MAIN}.lock`).then(() => true, () => false); wait += 1) await new Promise((resolve) => { setTimeout(resolve, 50) })
  }

  test('between work tree and refs is taken back at the next start, edits made since kept', async () => {
    const bench = await setup()
    await bench.work.write({ 'b.txt': 'edited before\n' })
    await killedBetween(bench)
    expect(await read(bench, 'a.txt')).toBe('A\n')
    expect(await bench.work.tip(MAIN)).toBe(bench.base)
    await bench.work.write({ 'later.txt': 'later\n' })

    const store = new GitRefStore(bench.repository)
    await store.start()
    await expectUntouched(bench, ' M b.txt\n?? later.txt')
    expect(await read(bench, 'a.txt')).toBe('a\n')
    expect(await read(bench, 'gone.txt')).toBe('g\n')
    await expect(stat(`${bench.work.path}/new`)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    expect(await read(bench, 'a.txt')).toBe('A\n')
  })

  test('with edits on top that cannot be kept is left for the person, who is told', async () => {
    const bench = await setup()
    await killedBetween(bench)
    await bench.work.write({ 'a.txt': 'edited after the crash\n' })
    const answers = await bench.deliver()
    expect(answers.get(MAIN)).toMatchObject({ kind: 'in-the-way', paths: [expect.stringContaining(bench.work.path)] })
    expect(await read(bench, 'a.txt')).toBe('edited after the crash\n')
    await bench.work.git('checkout', '-q', bench.result, '--', 'a.txt')
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
  })

  const journal = (bench: Bench): DeliveryJournal => new DeliveryJournal(bench.repository.gitDir)
  const written = async (bench: Bench): Promise<DeliveryJournal> => {
    await bench.work.git('fetch', '-q', bench.repository.gitDir, bench.result)
    await rm(`${bench.work.path}/.git/FETCH_HEAD`)
    await journal(bench).write({ worktree: bench.work.path, branch: MAIN, from: bench.base, to: bench.result })
    return journal(bench)
  }

  test('before the work tree was touched leaves staged edits as they are', async () => {
    const bench = await setup()
    const cut = await written(bench)
    await bench.work.write({ 'a.txt': 'mine\n' })
    await bench.work.git('add', 'a.txt')
    expect(await cut.repair()).toBeUndefined()
    await expectUntouched(bench, 'M  a.txt')
  })

  test('in the middle of the work tree is put right file by file, and a person\'s edit is not', async () => {
    const bench = await setup()
    const cut = await written(bench)
    await bench.work.write({ 'a.txt': 'A\n', 'new/n.txt': 'n\n', 'gone.txt': null, 'b.txt': 'mine\n' })
    expect(await cut.repair()).toBeUndefined()
    await expectUntouched(bench, ' M b.txt')
    expect(await read(bench, 'a.txt')).toBe('a\n')
    expect(await read(bench, 'gone.txt')).toBe('g\n')
  })

  test('whose refs had moved is done, and one whose branch went elsewhere is dropped', async () => {
    const bench = await setup()
    expect(kinds(await bench.deliver())).toEqual(['accepted', 'accepted'])
    const done = journal(bench)
    await done.write({ worktree: bench.work.path, branch: MAIN, from: bench.base, to: bench.result })
    expect(await done.repair()).toBeUndefined()
    expect(await read(bench, 'a.txt')).toBe('A\n')
    const later = await bench.work.commit({ 'a.txt': 'later\n' })
    await done.write({ worktree: bench.work.path, branch: MAIN, from: bench.base, to: bench.result })
    expect(await done.repair()).toBeUndefined()
    expect(await bench.work.tip(MAIN)).toBe(later)
    expect(await bench.work.git('status', '--porcelain')).toBe('')
  })

  test('under an index lock that nobody holds asks for a person', async () => {
    const bench = await setup()
    const cut = await written(bench)
    const lock = `${bench.work.path}/.git/index.lock`
    await writeFile(lock, '')
    expect(await cut.repair()).toContain(lock)
    await unlink(lock)
    expect(await cut.repair()).toBeUndefined()
  })
})

test('one delivery moves one checked-out branch', async () => {
  const bench = await setup()
  await bench.work.git('branch', 'second')
  await bench.work.git('worktree', 'add', '-q', bench.folder.join('linked'), 'second')
  const delivery = new CheckedOutDelivery(bench.repository, bench.work.path)
  const both = [MAIN, refName('refs/heads/second')].map((ref) => ({ ref, from: bench.base, to: bench.result }))
  expect(kinds(await delivery.deliver(both, new Map([[MAIN, bench.work.path], ['refs/heads/second', bench.folder.join('linked')]])))).toEqual(['refused', 'refused'])
})
