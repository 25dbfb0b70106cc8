import { symlink } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { makeBareRepository, makeFolder, makeWorkRepository } from '../../testing/git-fixture.ts'
import type { FixtureFolder, FixtureFiles, WorkRepository } from '../../testing/git-fixture.ts'
import { GitRepository } from './repository.ts'
import { GitSourceTree } from './source-tree.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

const open = async (folder: FixtureFolder, remote: string, branch?: string): Promise<GitSourceTree> => {
  const repository = new GitRepository({ folder: folder.join('store'), remote, branch })
  await repository.start()
  cleanups.push(() => repository.stop())
  return new GitSourceTree(repository)
}

const setup = async (files: FixtureFiles, branch?: string): Promise<{ folder: FixtureFolder; work: WorkRepository; tree: GitSourceTree }> => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const work = await makeWorkRepository(folder.join('work'), files)
  return { folder, work, tree: await open(folder, work.path, branch) }
}

describe('refresh()', () => {
  test('names the default branch and follows its tip', async () => {
    const { work, tree } = await setup({ 'a.txt': 'a\n' })
    expect(await tree.refresh()).toEqual({ branch: 'main', tip: await work.tip('main') })
    const next = await work.commit({ 'a.txt': 'b\n' })
    expect(await tree.refresh()).toEqual({ branch: 'main', tip: next })
    const [parent] = [await work.tip('main~1')]
    await work.git('update-ref', 'refs/heads/main', parent)
    expect(await tree.refresh()).toEqual({ branch: 'main', tip: parent })
  })

  test('an empty repository has a branch and no tip', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const tree = await open(folder, await makeBareRepository(folder.join('bare')))
    expect(await tree.refresh()).toEqual({ branch: 'main', tip: undefined })
  })

  test('a detached HEAD does not hide main, and a configured branch wins', async () => {
    const { folder, work, tree } = await setup({ 'a.txt': 'a\n' })
    await work.git('branch', 'other')
    await work.commit({ 'a.txt': 'b\n' })
    await work.git('checkout', '-q', '--detach', 'other')
    expect(await tree.refresh()).toEqual({ branch: 'main', tip: await work.tip('main') })
    const repository = new GitRepository({ folder: folder.join('second'), remote: work.path, branch: 'other' })
    await repository.start()
    cleanups.push(() => repository.stop())
    expect(await repository.refresh()).toEqual({ branch: 'other', tip: await work.tip('other') })
  })

  test('a remote that is not there is a retryable failure that names it', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const tree = await open(folder, folder.join('nowhere'))
    await expect(tree.refresh()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', retryable: true, message: expect.stringContaining(folder.join('nowhere')) as string })
  })
})

describe('list() and read()', () => {
  test('give regular files alone, sorted, with size and mode', async () => {
    const { work, tree } = await setup({ 'b/two.txt': 'two\n', 'a.txt': 'a\n', 'b c/ü.txt': 'é\n' })
    await symlink('/etc/passwd', `${work.path}/link`)
    await work.git('update-index', '--add', '--cacheinfo', `160000,${await work.tip('main')},sub`)
    await work.git('add', 'link')
    await work.git('update-index', '--chmod=+x', 'a.txt')
    await work.git('commit', '-qm', 'more')
    const { tip } = await tree.refresh()
    expect((await tree.list(tip!, '')).map(({ path, bytes, executable }) => [path, bytes, executable]))
      .toEqual([['a.txt', 2, true], ['b c/ü.txt', 3, false], ['b/two.txt', 4, false]])
    expect((await tree.list(tip!, 'b')).map(({ path }) => path)).toEqual(['b/two.txt'])
    expect(await tree.list(tip!, 'missing')).toEqual([])
    expect(Buffer.from((await tree.read(tip!, 'b c/ü.txt', { bytesMax: 10 }))!).toString()).toBe('é\n')
    expect(await tree.read(tip!, 'link', { bytesMax: 100 })).toBeUndefined()
    expect(await tree.read(tip!, 'b', { bytesMax: 100 })).toBeUndefined()
    expect(await tree.read(tip!, 'a.txt/x', { bytesMax: 100 })).toBeUndefined()
  })

  test('a file over the limit, and a path that leaves the repository, are refused', async () => {
    const { tree } = await setup({ 'a.txt': 'x'.repeat(100) })
    const { tip } = await tree.refresh()
    await expect(tree.read(tip!, 'a.txt', { bytesMax: 99 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    for (const path of ['../a.txt', '/a.txt', 'a//b', './a.txt', 'a\0b']) {
      await expect(tree.read(tip!, path, { bytesMax: 1 })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    }
  })

  test('addedAtSeconds() is the date of the commit that first added the path', async () => {
    const { work, tree } = await setup({ 'a.txt': 'a\n' })
    await work.commit({ 't.md': 'one\n' }, 'add', { atSeconds: 1_600_000_000 })
    await work.commit({ 't.md': 'two\n' }, 'edit', { atSeconds: 1_700_000_000 })
    const { tip } = await tree.refresh()
    expect(await tree.addedAtSeconds(tip!, 't.md')).toBe(1_600_000_000)
    expect(await tree.addedAtSeconds(tip!, 'none.md')).toBeUndefined()
  })

  test('hasTrailer() finds a trailer in the history, and no line that only looks like one', async () => {
    const { work, tree } = await setup({ 'a.txt': 'a\n' })
    await work.commit({ 'a.txt': 'b\n' }, 'Talk of it\n\nChorus-Task: is a trailer that we write.\n\nMore text follows here.')
    expect(await tree.hasTrailer((await tree.refresh()).tip!, 'Chorus-Task')).toBe(false)
    await work.commit({ 'a.txt': 'c\n' }, 'Fix it\n\nWhy.\n\nChorus-Task: local:x#1\nChorus-Claim: abc')
    await work.commit({ 'a.txt': 'd\n' }, 'later')
    const { tip } = await tree.refresh()
    expect(await tree.hasTrailer(tip!, 'Chorus-Task')).toBe(true)
    expect(await tree.hasTrailer(tip!, 'Chorus-Node')).toBe(false)
    expect(await tree.hasTrailer(tip!, 'Chorus-Task', 'local:x#1')).toBe(true)
    expect(await tree.hasTrailer(tip!, 'Chorus-Task', 'local:x#')).toBe(false)
    await expect(tree.hasTrailer(tip!, '--all')).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  test('addedAtSeconds() of a thousand files is one walk through history, not one for each', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `tasks/${index}.md`)
    const { work, tree } = await setup({ '1500000000': 'a name like a date\n' })
    await work.commit(Object.fromEntries(names.map((name) => [name, `${name}\n`])), 'many', { atSeconds: 1_600_000_000 })
    await work.commit({ 'tasks/a\nb.md': 'x\n', 'tasks/1700000000': 'x\n', '1700000001': 'x\n' }, 'names', { atSeconds: 1_650_000_000 })
    const { tip } = await tree.refresh()
    const startedMs = performance.now()
    for (const name of names) expect(await tree.addedAtSeconds(tip!, name)).toBe(1_600_000_000)
    // One process for each file takes half a minute and more.
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    for (const name of ['tasks/a\nb.md', 'tasks/1700000000', '1700000001']) expect(await tree.addedAtSeconds(tip!, name)).toBe(1_650_000_000)
    expect(await tree.addedAtSeconds(tip!, '1500000000')).not.toBe(1_650_000_000)
    await work.commit({ 'tasks/new.md': 'x\n' }, 'later', { atSeconds: 1_660_000_000 })
    expect(await tree.addedAtSeconds((await tree.refresh()).tip!, 'tasks/new.md')).toBe(1_660_000_000)
  })
})
