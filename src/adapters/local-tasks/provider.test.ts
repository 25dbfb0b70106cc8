import { describe, expect, it } from 'vitest'
import { ChorusError, gitObjectId } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { SourceTree, Task } from '../../ports/mod.ts'
import { LocalTasks } from './provider.ts'

class ShelfTree implements SourceTree {
  readonly files = new Map<string, string>()
  reads = 0
  empty = false
  readonly unreadable = new Set<string>()

  refresh(): Promise<{ branch: string; tip: Oid | undefined }> {
    return Promise.resolve({ branch: 'main', tip: this.empty ? undefined : ('a'.repeat(40) as Oid) })
  }

  list(_commit: Oid, folder: string): ReturnType<SourceTree['list']> {
    return Promise.resolve([...this.files].filter(([path]) => path.startsWith(`${folder}/`)).sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, text]) => ({ path, bytes: Buffer.byteLength(text), executable: false, blob: gitObjectId('blob', Buffer.from(text)) as Oid })))
  }

  read(_commit: Oid, path: string): Promise<Uint8Array | undefined> {
    this.reads += 1
    if (this.unreadable.has(path)) return Promise.reject(new ChorusError('REMOTE_UNAVAILABLE', 'gone'))
    const text = this.files.get(path)
    return Promise.resolve(text === undefined ? undefined : Buffer.from(text))
  }

  addedAtSeconds(): Promise<number> {
    return Promise.resolve(1_700_000_000)
  }

  hasTrailer(): Promise<boolean> {
    return Promise.resolve(false)
  }
}

const shelf = (files: Record<string, string>): { tree: ShelfTree; tasks: LocalTasks } => {
  const tree = new ShelfTree()
  for (const [name, text] of Object.entries(files)) tree.files.set(`.chorus/tasks/${name}`, text)
  return { tree, tasks: new LocalTasks({ source: tree, repository: 'lib', classify: { typeOf: () => 'development', priorityOf: () => 4 } }) }
}
const file = (front: string): string => `---\n${front}\n---\nbody`

describe('LocalTasks', () => {
  it('lists the good ones and names the broken ones with line and reason', async () => {
    const { tasks } = shelf({ '1-a.md': file('title: a'), '2-b.md': file('title: b\npriority: 99'), '3-c.md': 'nothing', '4-d.md': file('title: d'), 'README.md': '# How to', 'notes.txt': 'x', 'deep/9.md': file('title: x') })
    const { tasks: found, problems } = await tasks.list()
    expect(found.map((task) => task.key)).toEqual(['local:lib#1', 'local:lib#4'])
    expect(problems.map(({ place, line }) => [place, line])).toEqual([['.chorus/tasks/2-b.md', 3], ['.chorus/tasks/3-c.md', 1]])
  })

  it('takes the age from the history when the file does not say', async () => {
    const { tasks } = shelf({ '1.md': file('title: a'), '2.md': file('title: b\ncreated: 2026-01-01T00:00:00Z') })
    expect((await tasks.list()).tasks.map((task) => task.createdAtMs)).toEqual([1_700_000_000_000, Date.UTC(2026, 0, 1)])
  })

  it('keeps the first of two files with one id and reports the second', async () => {
    const { tasks } = shelf({ '1-a.md': file('title: first'), '1-b.md': file('title: second'), 'z.md': file('title: third\nid: 1') })
    const { tasks: found, problems } = await tasks.list()
    expect(found.map((task) => task.title)).toEqual(['first'])
    expect(problems.map(({ place, reason }) => [place, reason.includes('.chorus/tasks/1-a.md')])).toEqual([['.chorus/tasks/1-b.md', true], ['.chorus/tasks/z.md', true]])
  })

  it('warns of a dependency that is not there, and lists closed tasks for those that depend on them', async () => {
    const { tasks } = shelf({ '1.md': file('title: a\nstatus: closed\ndepends_on: [77]'), '2.md': file('title: b\ndepends_on: [1]'), '3.md': file('title: c\ndepends_on: [99, "local:other#5"]') })
    const { tasks: found, problems } = await tasks.list()
    expect(found.map((task) => [task.number, task.state])).toEqual([['1', 'closed'], ['2', 'open'], ['3', 'open']])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ place: '.chorus/tasks/3.md', reason: expect.stringContaining('local:lib#99') })
  })

  it('reads an unchanged file once, and a changed one again', async () => {
    const { tree, tasks } = shelf({ '1.md': file('title: a'), '2.md': 'broken' })
    await tasks.list()
    await tasks.list()
    expect(tree.reads).toBe(2)
    tree.files.set('.chorus/tasks/1.md', file('title: changed'))
    expect((await tasks.get('1'))?.title).toBe('changed')
    expect(tree.reads).toBe(3)
    expect(await tasks.get('5')).toBeUndefined()
  })

  it('does not read a file over its bound, nor more files than its bound', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_003 }, (_, index) => [`${index}.md`, file('title: a')]))
    const { tasks, tree } = shelf({ '0-huge.md': 'x'.repeat(300 * 1024), ...many })
    const { tasks: found, problems } = await tasks.list()
    expect(found).toHaveLength(1_999)
    expect(problems.map(({ reason }) => reason)).toContain('expected at most 256 KiB, got 300 KiB')
    expect(problems.filter(({ reason }) => reason.includes('at most 2000 task files'))).toHaveLength(4)
    expect(tree.reads).toBe(1_999)
  })

  it('has no tasks in an empty repository', async () => {
    const { tree, tasks } = shelf({})
    tree.empty = true
    expect(await tasks.list()).toEqual({ tasks: [], problems: [] })
  })

  it('fails as a whole when the repository cannot be read, and remembers nothing of it', async () => {
    const { tree, tasks } = shelf({ '1.md': file('title: a') })
    tree.unreadable.add('.chorus/tasks/1.md')
    await expect(tasks.list()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    tree.unreadable.clear()
    expect((await tasks.list()).tasks).toHaveLength(1)
  })

  it('completes without touching a file, as often as asked', async () => {
    const { tree, tasks } = shelf({ '1.md': file('title: a') })
    const before = [...tree.files]
    const task = await tasks.get('1') as Task
    const result = { success: true, message: '', metadata: {} as never }
    await tasks.report(task, { kind: 'claimed' })
    await tasks.complete(task, result)
    await tasks.complete(task, result)
    expect([...tree.files]).toEqual(before)
  })
})
