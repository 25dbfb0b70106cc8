import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commitFiles, listOnDefaultBranch, openUserRepository, readOnDefaultBranch } from './mod.ts'

let folder = ''
const git = (...args: string[]): string =>
  execFileSync('git', ['-C', path.join(folder, 'repo'), '-c', 'user.name=A', '-c', 'user.email=a@localhost', ...args], { encoding: 'utf8' })

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'user-repository-'))
  execFileSync('git', ['init', '-q', '-b', 'main', path.join(folder, 'repo')])
  writeFileSync(path.join(folder, 'repo', 'a.txt'), 'one\n')
  git('add', 'a.txt')
  git('commit', '-qm', 'first')
})
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

describe('commitFiles()', () => {
  it('commits only its own files and leaves staged and unstaged changes as they were', async () => {
    writeFileSync(path.join(folder, 'repo', 'a.txt'), 'two\n')
    writeFileSync(path.join(folder, 'repo', 'staged.txt'), 'staged\n')
    git('add', 'staged.txt')
    const before = git('status', '--porcelain')
    const made = await commitFiles(await openUserRepository(path.join(folder, 'repo')), new Map([['.chorus/tasks/1.md', 'task\n']]), 'chorus: add task 1')
    expect(git('status', '--porcelain')).toBe(before)
    expect(git('show', '--name-only', '--format=%s', 'main').trim().split('\n')).toEqual(['chorus: add task 1', '', '.chorus/tasks/1.md'])
    expect(made.push).toBeUndefined()
    expect(readFileSync(path.join(folder, 'repo', '.chorus/tasks/1.md'), 'utf8')).toBe('task\n')
  })

  it('pushes to origin, and says so when origin refuses', async () => {
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', path.join(folder, 'origin.git')])
    git('remote', 'add', 'origin', path.join(folder, 'origin.git'))
    git('push', '-q', 'origin', 'main')
    const repository = await openUserRepository(path.join(folder, 'repo'))
    expect((await commitFiles(repository, new Map([['x', '1']]), 'x')).push).toEqual({ done: true, reason: '' })
    execFileSync('git', ['clone', '-q', path.join(folder, 'origin.git'), path.join(folder, 'other')])
    execFileSync('git', ['-C', path.join(folder, 'other'), '-c', 'user.name=B', '-c', 'user.email=b@localhost', 'commit', '-q', '--allow-empty', '-m', 'ahead'])
    execFileSync('git', ['-C', path.join(folder, 'other'), 'push', '-q'])
    expect((await commitFiles(repository, new Map([['y', '1']]), 'y')).push?.done).toBe(false)
  })

  it('commits to the default branch without touching another one that is checked out', async () => {
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', path.join(folder, 'origin.git')])
    git('remote', 'add', 'origin', path.join(folder, 'origin.git'))
    git('push', '-q', 'origin', 'main')
    git('checkout', '-q', '-b', 'feature')
    const repository = await openUserRepository(path.join(folder, 'repo'))
    await commitFiles(repository, new Map([['.chorus/tasks/1.md', 'task\n']]), 'chorus: add task 1')
    expect(git('status', '--porcelain')).toBe('')
    expect(git('rev-parse', '--abbrev-ref', 'HEAD').trim()).toBe('feature')
    expect(await listOnDefaultBranch(repository, '.chorus/tasks')).toEqual(['.chorus/tasks/1.md'])
    expect(await readOnDefaultBranch(repository, '.chorus/tasks/1.md')).toBe('task\n')
  })

  it('refuses a folder outside any repository', async () => {
    await expect(openUserRepository(folder)).rejects.toMatchObject({ code: 'REPOSITORY_INVALID' })
  })
})
