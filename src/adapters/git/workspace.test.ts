import { execFileSync } from 'node:child_process'
import { chmod, chown, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Oid } from '../../core/mod.ts'
import type { FileChange, Workspace } from '../../ports/mod.ts'
import { makeFolder, makeWorkRepository, plainGit, WorkRepository } from '../../testing/git-fixture.ts'
import type { FixtureFiles, FixtureFolder } from '../../testing/git-fixture.ts'
import { GitRepository } from './repository.ts'
import { GitWorkspaces } from './workspace.ts'
import type { GitWorkspacesOptions } from './workspace.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => { for (const clean of cleanups.splice(0).reverse()) await clean() })

interface Bench {
  readonly folder: FixtureFolder
  readonly work: WorkRepository
  readonly repository: GitRepository
  readonly workspaces: GitWorkspaces
  readonly base: Oid
  readonly workspace: Workspace
  readonly clone: WorkRepository
}

const setup = async (files: FixtureFiles, options: Partial<GitWorkspacesOptions> = {}): Promise<Bench> => {
  const folder = await makeFolder()
  cleanups.push(() => folder.remove())
  const work = await makeWorkRepository(folder.join('work'), files)
  const repository = new GitRepository({ folder: folder.join('store'), remote: work.path })
  await repository.start()
  cleanups.push(() => repository.stop())
  const { tip } = await repository.refresh()
  const workspaces = new GitWorkspaces({ repository, folder: folder.join('workspaces'), ...options })
  const workspace = await workspaces.open({ name: 'one', base: tip! })
  cleanups.push(() => workspace.dispose())
  return { folder, work, repository, workspaces, base: tip!, workspace, clone: new WorkRepository(workspace.path) }
}

const shown = (changes: readonly FileChange[]): readonly string[] => changes.map(({ path, kind, modeBefore, modeAfter }) => `${kind} ${path} ${modeBefore}>${modeAfter}`).sort()

describe('open()', () => {
  test('gives an ordinary repository on its branch, with history, and nothing of this machine in it', async () => {
    const { folder, clone, base } = await setup({ 'a.txt': 'a\n', 'dir/b.sh': '#!/bin/sh\n' })
    expect(await clone.git('status', '--porcelain', '--branch')).toBe('## main')
    expect(await clone.tip('HEAD')).toBe(base)
    expect(await clone.git('remote')).toBe('')
    const names = (await readdir(`${clone.path}/.git`, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && !entry.parentPath.includes('objects'))
    for (const entry of names) expect(await readFile(`${entry.parentPath}/${entry.name}`, 'latin1')).not.toContain(folder.path)
    await clone.commit({ 'a.txt': 'agent commits as it likes\n' })
  })

  test('clones no more history than asked for', async () => {
    const { work, repository, workspaces } = await setup({ 'a.txt': '0\n' }, { depth: 3 })
    for (const step of [1, 2, 3, 4]) await work.commit({ 'a.txt': `${step}\n` })
    const { tip } = await repository.refresh()
    const workspace = await workspaces.open({ name: 'two', base: tip! })
    expect(await plainGit(workspace.path, 'rev-list', '--count', 'HEAD')).toBe('3')
    await workspace.dispose()
  })

  test('belongs to the user of the sandbox when this process is root', async () => {
    const { workspace } = await setup({ 'a.txt': 'a\n' }, { owner: { uid: 10_001, gid: 10_001 } })
    const expected = process.getuid?.() === 0 ? 10_001 : process.getuid?.()
    for (const name of ['', 'a.txt', '.git', '.git/HEAD']) expect((await lstat(`${workspace.path}/${name}`)).uid).toBe(expected)
    const { base } = workspace
    expect((await stat(`${await workspace.checkout(base)}/a.txt`)).uid).toBe(expected)
    expect((await workspace.snapshot()).changes).toEqual([])
  })

  test('refuses a second workspace of the same name, and reap() removes what was left', async () => {
    const { workspaces, workspace, base, clone } = await setup({ 'a.txt': 'a\n' })
    await expect(workspaces.open({ name: 'one', base })).rejects.toMatchObject({ code: 'STATE_LOCKED' })
    await expect(workspaces.open({ name: '../one', base })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await mkdir(`${clone.path}/locked`, { mode: 0o000 })
    expect(await workspaces.reap()).toBe(1)
    await expect(stat(workspace.path)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await workspaces.reap()).toBe(0)
  })
})

describe('snapshot() and commit()', () => {
  test('an untouched clone has no changes and the tree of its base', async () => {
    const { work, workspace } = await setup({ 'a.txt': 'a\n', 'c.bat': 'x\r\n', '.gitattributes': '*.bat text eol=crlf\n' })
    const snapshot = await workspace.snapshot()
    expect(snapshot).toEqual({ tree: await work.tip('HEAD^{tree}'), changes: [] })
  })

  test('every kind of change is seen, whatever the agent did with its own git', async () => {
    const { clone, workspace, repository, base } = await setup({ 'edit.txt': 'a\n', 'gone.txt': 'a\n', 'exec.sh': 'a\n', 'link-me.txt': 'a\n', 'folder/x.txt': 'x\n', 'dir/y.txt': 'y\n' })
    await clone.write({ 'edit.txt': 'b\n', 'gone.txt': null, 'new/deep.txt': 'n\n', 'folder': null })
    await writeFile(`${clone.path}/folder`, 'now a file\n')
    await chmod(`${clone.path}/exec.sh`, 0o755)
    await rm(`${clone.path}/link-me.txt`)
    await symlink('/etc/passwd', `${clone.path}/link-me.txt`)
    await clone.git('add', '-A')
    await clone.git('commit', '-qm', 'the agent commits')
    const snapshot = await workspace.snapshot()
    expect(shown(snapshot.changes)).toEqual([
      'added folder 000000>100644', 'added new/deep.txt 000000>100644', 'deleted folder/x.txt 100644>000000', 'deleted gone.txt 100644>000000',
      'modified edit.txt 100644>100644', 'modified exec.sh 100644>100755', 'type-changed link-me.txt 100644>120000',
    ])
    const commit = await workspace.commit(snapshot, 'Fix it\n\nTask: 1\n')
    expect(await plainGit(repository.gitDir, 'log', '-1', '--format=%P|%an|%ae|%cn|%B', commit)).toBe(`${base}|Chorus|chorus@localhost|Chorus|Fix it\n\nTask: 1`)
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${commit}:link-me.txt`)).toBe('/etc/passwd')
  })

  test('a change that keeps size and times is seen in a second snapshot', async () => {
    const { clone, workspace } = await setup({ 'a.txt': 'aaaa\n' })
    expect((await workspace.snapshot()).changes).toEqual([])
    const before = await stat(`${clone.path}/a.txt`)
    await writeFile(`${clone.path}/a.txt`, 'bbbb\n')
    await utimes(`${clone.path}/a.txt`, before.atime, before.mtime)
    expect(shown((await workspace.snapshot()).changes)).toEqual(['modified a.txt 100644>100644'])
  })

  test('what the base ignores stays out, and the agent\'s own .gitignore hides nothing', async () => {
    const { clone, workspace } = await setup({ '.gitignore': 'node_modules/\n*.log\n', 'sub/.gitignore': '/out\n', 'a.txt': 'a\n' })
    await clone.write({
      'node_modules/m/index.js': 'x\n', 'x.log': 'x\n', 'sub/out/o.js': 'x\n', 'out/kept.js': 'x\n', 'payload.txt': 'x\n',
      '.gitignore': 'node_modules/\n*.log\npayload.txt\n', '.git/info/exclude': 'payload.txt\n',
    })
    expect(shown((await workspace.snapshot()).changes)).toEqual([
      'added out/kept.js 000000>100644', 'added payload.txt 000000>100644', 'modified .gitignore 100644>100644',
    ])
  })

  test('a folder turned into a link out of the workspace is not followed', async () => {
    const { folder, clone, workspace, repository } = await setup({ 'src/a.txt': 'a\n', 'top.txt': 't\n' })
    await mkdir(folder.join('outside'))
    await writeFile(folder.join('outside', 'a.txt'), 'SECRET\n')
    await writeFile(folder.join('outside', 'other.txt'), 'SECRET\n')
    await rm(`${clone.path}/src`, { recursive: true })
    await symlink(folder.join('outside'), `${clone.path}/src`)
    const snapshot = await workspace.snapshot()
    expect(shown(snapshot.changes)).toEqual(['added src 000000>120000', 'deleted src/a.txt 100644>000000'])
    const commit = await workspace.commit(snapshot, 'x')
    expect(await plainGit(repository.gitDir, 'ls-tree', '-r', '--name-only', commit)).toBe('src\ntop.txt')
    const checkout = await workspace.checkout(commit)
    expect(await readlink(`${checkout}/src`)).toBe(folder.join('outside'))
  })

  test('a repository inside the workspace is reported and not taken', async () => {
    const { clone, workspace } = await setup({ 'src/a.txt': 'a\n' })
    await makeWorkRepository(`${clone.path}/nested`, { 'x.txt': 'x\n' })
    await mkdir(`${clone.path}/empty`)
    await plainGit(`${clone.path}/empty`, 'init', '-q')
    await plainGit(`${clone.path}/src`, 'init', '-q')
    await clone.write({ 'src/b.txt': 'b\n' })
    const snapshot = await workspace.snapshot()
    expect(shown(snapshot.changes)).toEqual(['added empty 000000>160000', 'added nested 000000>160000', 'added src/b.txt 000000>100644'])
    await workspace.commit(snapshot, 'x')
  })

  test('a git dir under another spelling is refused, and odd names are kept byte by byte', async () => {
    const { clone, workspace } = await setup({ 'a.txt': 'a\n' })
    await writeFile(Buffer.concat([Buffer.from(`${clone.path}/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]), 'latin1\n')
    await clone.write({ 'new\nline.txt': 'x\n', '-dash "quote".txt': 'x\n' })
    expect(shown((await workspace.snapshot()).changes)).toEqual(['added -dash "quote".txt 000000>100644', 'added caf\uFFFD.txt 000000>100644', 'added new\nline.txt 000000>100644'])
    await clone.write({ 'sub/.GIT/config': '[core]\n' })
    await expect(workspace.snapshot()).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('sub/.GIT/config') as string })
  })

  test('special files are left out: a tracked file that became a pipe counts as deleted', async () => {
    const { clone, workspace } = await setup({ 'a.txt': 'a\n' })
    await rm(`${clone.path}/a.txt`)
    execFileSync('mkfifo', [`${clone.path}/a.txt`, `${clone.path}/new-pipe`])
    expect(shown((await workspace.snapshot()).changes)).toEqual(['deleted a.txt 100644>000000'])
  })

  test('what is too large or too much is refused, not cut', async () => {
    const { clone, workspace } = await setup({ 'big.bin': 'x'.repeat(5_000), 'a.txt': 'a\n' }, { limits: { fileBytesMax: 1_000, totalBytesMax: 2_500, changedFilesMax: 5 } })
    await clone.write({ 'big.bin': 'y'.repeat(5_000) })
    await expect(workspace.snapshot()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('big.bin') as string })
    await clone.write({ 'big.bin': 'x'.repeat(5_000), 'a.txt': 'z'.repeat(1_001) })
    await expect(workspace.snapshot()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('a.txt') as string })
    await clone.write({ 'a.txt': 'a\n', 'n1': '1'.repeat(900), 'n2': '2'.repeat(900), 'n3': '3'.repeat(900) })
    await expect(workspace.snapshot()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await clone.write({ 'n1': '1', 'n2': '2', 'n3': '3', 'n4': '4', 'n5': '5', 'n6': '6' })
    await expect(workspace.snapshot()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('6') as string })
  })

  test('no hook, watcher, filter or textconv that the agent planted runs', async () => {
    const { folder, clone, workspace, repository } = await setup({ 'a.txt': 'a\n', 'b.txt': 'b\n' })
    const marker = folder.join('ran')
    const script = `#!/bin/sh\necho ran >> ${marker}\nexit 0\n`
    await writeFile(`${clone.path}/evil.sh`, script, { mode: 0o755 })
    await mkdir(`${clone.path}/.git/hooks`, { recursive: true })
    for (const hook of ['pre-commit', 'post-checkout', 'post-index-change', 'reference-transaction', 'post-commit', 'pre-push', 'update']) {
      await writeFile(`${clone.path}/.git/hooks/${hook}`, script, { mode: 0o755 })
    }
    const evil = `${clone.path}/evil.sh`
    for (const [key, value] of [
      ['core.fsmonitor', evil], ['core.hooksPath', `${clone.path}/.git/hooks`], ['filter.evil.clean', evil], ['filter.evil.smudge', evil], ['filter.evil.required', 'true'],
      ['diff.evil.textconv', evil], ['diff.evil.command', evil], ['diff.external', evil], ['merge.evil.driver', `${evil} %A`], ['core.pager', evil], ['uploadpack.packObjectsHook', evil],
    ] as const) await clone.git('config', key, value)
    await clone.write({ '.gitattributes': '* filter=evil diff=evil merge=evil\n', 'a.txt': 'changed\n', 'new.txt': 'new\n' })
    const snapshot = await workspace.snapshot()
    expect(shown(snapshot.changes)).toContain('added .gitattributes 000000>100644')
    const commit = await workspace.commit(snapshot, 'x')
    await workspace.diff(commit, { bytesMax: 10_000 })
    await workspace.rebase(commit, { onto: workspace.base, message: 'y' })
    const checkout = await workspace.checkout(commit)
    expect(await readFile(`${checkout}/a.txt`, 'utf8')).toBe('changed\n')
    await expect(stat(marker)).rejects.toMatchObject({ code: 'ENOENT' })
    // The trap is real: an ordinary git in the clone springs it.
    await plainGit(clone.path, 'status').catch(() => undefined)
    expect((await stat(marker)).isFile()).toBe(true)
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${commit}:a.txt`)).toBe('changed')
  })

  test('the agent may have removed or replaced its .git', async () => {
    const { clone, workspace } = await setup({ 'a.txt': 'a\n' })
    await rename(`${clone.path}/.git`, `${clone.path}/../moved`)
    await clone.write({ '.git': 'gitdir: /nowhere\n', 'a.txt': 'b\n' })
    expect(shown((await workspace.snapshot()).changes)).toEqual(['modified a.txt 100644>100644'])
  })

  test('line ends follow the attributes of the tree, and binary content stays as it is', async () => {
    const { clone, workspace, repository } = await setup({ '.gitattributes': '*.txt text\n*.bin -text\n', 'a.txt': 'a\n' })
    await clone.write({ 'a.txt': 'a\r\nb\r\n', 'x.bin': 'a\r\n\0b\r\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${commit}:a.txt`)).toBe('a\nb')
    expect(await plainGit(repository.gitDir, 'cat-file', '-s', `${commit}:x.bin`)).toBe('7')
  })
})

describe('checkout(), rebase() and diff()', () => {
  test('a checkout has exactly the files of the commit, with files of another laid over', async () => {
    const { clone, workspace, base } = await setup({ 'a.txt': 'a\n', 'test/t.js': 'old test\n', 'check.sh': 'strict\n' })
    await clone.write({ 'a.txt': 'b\n', 'check.sh': 'exit 0\n', 'test/t.js': null, 'test/new.js': 'n\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    const plain = await workspace.checkout(commit)
    expect((await readdir(plain)).sort()).toEqual(['a.txt', 'check.sh', 'test'])
    expect(await readdir(`${plain}/test`)).toEqual(['new.js'])
    const overlaid = await workspace.checkout(commit, { from: base, paths: ['check.sh', 'test/t.js', 'test/new.js', 'nowhere.txt'] })
    expect(overlaid).not.toBe(plain)
    expect(await readFile(`${overlaid}/check.sh`, 'utf8')).toBe('strict\n')
    expect(await readFile(`${overlaid}/a.txt`, 'utf8')).toBe('b\n')
    expect(await readdir(`${overlaid}/test`)).toEqual(['t.js'])
  })

  test('rebase() replays onto a moved main, and names the paths that conflict', async () => {
    const { work, clone, workspace, repository } = await setup({ 'a.txt': 'one\ntwo\nthree\n', 'b.txt': 'b\n' })
    await clone.write({ 'a.txt': 'ONE\ntwo\nthree\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    await work.commit({ 'b.txt': 'B\n' })
    const clean = (await repository.refresh()).tip!
    const rebased = await workspace.rebase(commit, { onto: clean, message: 'replayed' })
    expect(rebased.ok).toBe(true)
    if (!rebased.ok) return
    expect(await plainGit(repository.gitDir, 'log', '-1', '--format=%P %s %an', rebased.value)).toBe(`${clean} replayed Chorus`)
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${rebased.value}:a.txt`)).toBe('ONE\ntwo\nthree')
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${rebased.value}:b.txt`)).toBe('B')
    await work.commit({ 'a.txt': 'uno\ntwo\nthree\n' })
    expect(await workspace.rebase(commit, { onto: (await repository.refresh()).tip!, message: 'x' })).toEqual({ ok: false, reason: ['a.txt'] })
  })

  test('rebase() replays a replayed change once more, and takes the side of nobody in what it never touched', async () => {
    const { work, clone, workspace, repository } = await setup({ 'a.txt': 'one\ntwo\nthree\n', 'moving.txt': '0\n', 'undone.txt': 'kept\n' })
    await clone.write({ 'a.txt': 'ONE\ntwo\nthree\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    await work.commit({ 'moving.txt': '1\n', 'undone.txt': 'mistaken\n', 'gone.txt': 'g\n' })
    const once = await workspace.rebase(commit, { onto: (await repository.refresh()).tip!, message: 'once' })
    expect(once.ok).toBe(true)
    if (!once.ok) return
    await work.commit({ 'moving.txt': '2\n', 'undone.txt': 'kept\n', 'gone.txt': null })
    const onto = (await repository.refresh()).tip!
    const twice = await workspace.rebase(once.value, { onto, message: 'twice' })
    expect(twice).toMatchObject({ ok: true })
    if (!twice.ok) return
    expect(await plainGit(repository.gitDir, 'diff', '--name-status', onto, twice.value)).toBe('M\ta.txt')
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${twice.value}:undone.txt`)).toBe('kept')
  })

  test('rebase() never gives back what others undid between two replays', async () => {
    const { work, clone, workspace, repository } = await setup({ 'a.txt': 'a\n', 'undone.txt': 'kept\n' })
    await clone.write({ 'a.txt': 'A\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    await work.commit({ 'undone.txt': 'mistaken\n', 'added.txt': 'by mistake\n' })
    const once = await workspace.rebase(commit, { onto: (await repository.refresh()).tip!, message: 'once' })
    await work.commit({ 'undone.txt': 'kept\n', 'added.txt': null })
    const onto = (await repository.refresh()).tip!
    const twice = once.ok ? await workspace.rebase(once.value, { onto, message: 'twice' }) : once
    expect(twice).toMatchObject({ ok: true })
    if (!twice.ok) return
    expect(await plainGit(repository.gitDir, 'diff', '--name-status', onto, twice.value)).toBe('M\ta.txt')
  })

  test('diff() is bounded and says so', async () => {
    const { clone, workspace } = await setup({ 'a.txt': 'a\n' })
    await clone.write({ 'a.txt': 'b\n', 'long.txt': 'é\n'.repeat(5_000) })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    expect(await workspace.diff(commit, { bytesMax: 100_000 })).toMatch(/-a\n\+b\n/)
    const cut = await workspace.diff(commit, { bytesMax: 1_000 })
    expect(Buffer.byteLength(cut)).toBeLessThan(1_100)
    expect(cut).toMatch(/after 1000 bytes, is cut/)
  })

  test('dispose() leaves nothing, and the commits stay', async () => {
    const { clone, workspace, repository, folder } = await setup({ 'a.txt': 'a\n' })
    await clone.write({ 'a.txt': 'b\n' })
    const commit = await workspace.commit(await workspace.snapshot(), 'x')
    if (process.getuid?.() === 0) await chown(`${clone.path}/a.txt`, 10_001, 10_001)
    await workspace.dispose()
    await workspace.dispose()
    expect(await readdir(folder.join('workspaces'))).toEqual([])
    expect(await plainGit(repository.gitDir, 'cat-file', '-p', `${commit}:a.txt`)).toBe('b')
    expect(await repository.objects.has(commit)).toBe(true)
  })
})

describe('a workspace that its agent closed', () => {
  test('is read and removed all the same by a node that is not root', async () => {
    const folder = await makeFolder()
    cleanups.push(() => folder.remove())
    const script = folder.join('closed.ts')
    await writeFile(script, `
      import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
      import { GitRepository, GitWorkspaces } from ${JSON.stringify(path.join(import.meta.dirname, 'mod.ts'))}
      import { makeWorkRepository } from ${JSON.stringify(path.join(import.meta.dirname, '../../testing/git-fixture.ts'))}
      const home = process.argv[2]
      const work = await makeWorkRepository(home + '/work', { 'a.txt': 'a', 'src/b.txt': 'b', 'src/deep/c.txt': 'c' })
      const repository = new GitRepository({ folder: home + '/store', remote: work.path })
      await repository.start()
      const { tip } = await repository.refresh()
      const workspace = await new GitWorkspaces({ repository, folder: home + '/workspaces' }).open({ name: 'one', base: tip })
      writeFileSync(workspace.path + '/a.txt', 'changed')
      mkdirSync(workspace.path + '/new')
      writeFileSync(workspace.path + '/new/d.txt', 'd')
      chmodSync(workspace.path + '/new', 0o333)
      chmodSync(workspace.path + '/src/deep', 0)
      chmodSync(workspace.path + '/src/b.txt', 0)
      chmodSync(workspace.path + '/src', 0)
      chmodSync(workspace.path, 0)
      const { changes } = await workspace.snapshot()
      chmodSync(workspace.path + '/src', 0)
      await workspace.dispose()
      await repository.stop()
      console.log(JSON.stringify({ changes: changes.map(({ path }) => path), left: existsSync(workspace.path) }))
    `)
    const home = folder.join('home')
    await mkdir(home)
    // Root is never kept out: this has to be somebody else.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    if (nobody.uid !== undefined) {
      await chown(home, nobody.uid, nobody.gid)
      await chmod(folder.path, 0o755)
    }
    const output = execFileSync(process.execPath, [script, home], { ...nobody, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: home } })
    expect(JSON.parse(output)).toEqual({ changes: ['a.txt', 'new/d.txt'], left: false })
  })
})
