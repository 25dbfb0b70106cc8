import { describe, expect, it } from 'vitest'
import { gitObjectId, oid } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'
import { Chance } from './chance.ts'
import { MachineClock, SimProcess } from './process.ts'
import { SimProject, SimRepository } from './repository/mod.ts'
import type { Edits } from './repository/mod.ts'
import { Scheduler } from './scheduler.ts'
import { CALM_WORKSPACES, SimWorkspaces } from './workspaces.ts'
import type { WorkspacesProfile } from './workspaces.ts'

const stage = (profile: Partial<WorkspacesProfile> = {}) => {
  const scheduler = new Scheduler()
  const repository = new SimRepository(new SimProject({ numbers: ['1', '2'] }))
  const base = repository.found({ pin: '', atSeconds: 1 }).id
  const folders = new Set<string>()
  const boot = (life: string) => {
    const process = new SimProcess(life, scheduler, new MachineClock(scheduler, { rate: 1, wallMs: 5_000 }))
    const workspaces = new SimWorkspaces({ process, chance: new Chance(life), repository, profile: () => ({ ...CALM_WORKSPACES, ...profile }), put: (body) => oid(gitObjectId('commit', body)), folders })
    return { process, workspaces }
  }
  const until = async <T>(work: Promise<T>): Promise<T> => {
    let ended = false
    const over = (): void => { ended = true }
    work.then(over, over)
    await scheduler.run(3_600_000, () => ended)
    return work
  }
  const onBase = (edits: Edits): Oid => repository.commit({ files: repository.edited(repository.filesOf(base), edits), parent: base, message: 'theirs\n', atSeconds: 2 }).id
  return { scheduler, repository, base, folders, boot, until, onBase }
}

describe('the simulated work trees', () => {
  it('tell the changes of a clone, and make a commit of them', async () => {
    const { repository, base, boot, until, folders } = stage()
    const { workspaces } = boot('1')
    const workspace = await until(workspaces.open({ name: 'a', base }))
    expect((await until(workspace.snapshot())).changes).toEqual([])
    workspaces.edit(workspace.path, new Map([['src/t1.js', 'new\n'], ['b', 'text'], ['README.md', undefined]]))
    const snapshot = await until(workspace.snapshot())
    expect(snapshot.changes.map(({ path, kind, modeBefore, modeAfter }) => `${path} ${kind} ${modeBefore} ${modeAfter}`)).toEqual(['README.md deleted 100644 000000', 'b added 000000 100644', 'src/t1.js modified 100644 100644'])
    const commit = await until(workspace.commit(snapshot, 'mine\n'))
    expect([repository.parentOf(commit), repository.filesOf(commit).get('b'), repository.filesOf(commit).has('README.md')]).toEqual([base, 'text', false])
    expect(await until(workspace.diff(commit, { bytesMax: 10_000 }))).toContain('+++ b/src/t1.js')
    const laid = await until(workspace.checkout(base, { from: commit, paths: ['b'] }))
    expect([workspaces.look(laid)?.files.get('b'), workspaces.look(laid)?.commit]).toEqual(['text', undefined])
    expect(workspaces.look(await until(workspace.checkout(commit)))?.commit).toBe(commit)
    await until(workspace.dispose())
    expect([workspaces.look(laid), workspaces.look(workspace.path), folders.size]).toEqual([undefined, undefined, 0])
  })

  it('replay a change where nobody touched its files, and name the paths of a conflict', async () => {
    const { repository, base, boot, until, onBase } = stage()
    const { workspaces } = boot('1')
    const workspace = await until(workspaces.open({ name: 'a', base }))
    workspaces.edit(workspace.path, new Map([['src/t1.js', 'mine\n'], ['b', 'same']]))
    const commit = await until(workspace.commit(await until(workspace.snapshot()), 'mine\n'))
    const clean = await until(workspace.rebase(commit, { onto: onBase(new Map([['src/t2.js', 'theirs\n'], ['b', 'same']])), message: 'again\n' }))
    expect(clean.ok && ['src/t1.js', 'src/t2.js', 'b'].map((path) => repository.filesOf(clean.value).get(path))).toEqual(['mine\n', 'theirs\n', 'same'])
    expect(await until(workspace.rebase(commit, { onto: onBase(new Map([['src/t1.js', 'theirs\n']])), message: 'again\n' }))).toEqual({ ok: false, reason: ['src/t1.js'] })
    expect(await until(workspace.rebase(commit, { onto: onBase(new Map([['src/t1.js', undefined]])), message: 'again\n' }))).toEqual({ ok: false, reason: ['src/t1.js'] })
    const later = clean.ok ? await until(workspace.rebase(clean.value, { onto: onBase(new Map([['src/t2.js', 'theirs once more\n']])), message: 'again\n' })) : clean
    expect(later.ok && ['src/t1.js', 'src/t2.js'].map((path) => repository.filesOf(later.value).get(path))).toEqual(['mine\n', 'theirs once more\n'])
  })

  it('keep nothing of a clone that could not be made, and refuse a name twice', async () => {
    const failing = stage({ openFailsShare: 1 })
    await expect(failing.until(failing.boot('1').workspaces.open({ name: 'a', base: failing.base }))).rejects.toMatchObject({ code: 'IO_FAILED' })
    expect(failing.folders.size).toBe(0)
    const { base, boot, until } = stage()
    const { workspaces } = boot('1')
    await until(workspaces.open({ name: 'a', base }))
    await expect(until(workspaces.open({ name: 'a', base }))).rejects.toMatchObject({ code: 'STATE_LOCKED' })
  })

  it('stay when they cannot be removed or their process is killed, until the next one reaps them', async () => {
    const { base, boot, until, folders, scheduler } = stage({ disposeFailsShare: 1 })
    const first = boot('1')
    const workspace = await until(first.workspaces.open({ name: 'a', base }))
    await expect(until(workspace.dispose())).rejects.toMatchObject({ code: 'IO_FAILED' })
    void first.workspaces.open({ name: 'b', base })
    first.process.kill()
    await scheduler.run(60_000)
    expect([...folders]).toEqual(['a', 'b'])
    expect(await until(boot('2').workspaces.reap())).toBe(2)
    expect(folders.size).toBe(0)
  })
})
