import { describe, expect, it } from 'vitest'
import { commitParts, EMPTY_TREE, gitObjectId, oid } from '../../core/mod.ts'
import { formatPin, parsePin } from '../../node/pin.ts'
import { parseProject } from '../../node/project-file.ts'
import { Chance } from '../chance.ts'
import { checkOf, differing, GENERAL_CHECK, SimProject, SimRepository, SimSources } from './mod.ts'
import type { Edits, Files } from './mod.ts'

const NUMBERS = ['1', '2', '3', '12']

const stage = () => {
  const project = new SimProject({ numbers: NUMBERS, sharing: [['2', '3']] })
  const repository = new SimRepository(project)
  const base = repository.found({ pin: formatPin({ repository: 'r1', namespace: 'refs/chorus' }), atSeconds: 1 })
  return { project, repository, base: base.id, body: base.body, files: repository.filesOf(base.id) }
}

describe('the repository of the simulator', () => {
  it('holds what a node wants to find', async () => {
    const { repository, base, body, files } = stage()
    const sources = new SimSources({ repository, tipOfMain: () => Promise.resolve(base) })
    expect(await sources.refresh()).toEqual({ branch: 'main', tip: base })
    expect(parsePin(files.get('.chorus/swarm.yaml') ?? '')).toMatchObject({ ok: true, value: { repository: 'r1' } })
    expect(parseProject(await sources.read(base, 'chorus.yaml', { bytesMax: 1_000 }) ?? new Uint8Array())).toMatchObject({ ok: true, value: { checks: [GENERAL_CHECK] } })
    expect(gitObjectId('commit', body)).toBe(base)
    expect(commitParts(body)).toMatchObject({ tree: repository.treeOf(files), parents: [] })
    expect((await sources.list(base, 'src')).map(({ path }) => path)).toEqual(['src/shared-1.js', 'src/t1.js', 'src/t12.js'])
    await expect(sources.read(base, 'README.md', { bytesMax: 3 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(sources.list(oid('1'.repeat(40)), '')).rejects.toMatchObject({ code: 'IO_FAILED' })
  })

  it('has a check for each task that is red until its own line is right', () => {
    const { project, repository, files } = stage()
    for (const number of NUMBERS) {
      const solved = repository.edited(files, project.solve(number, files, 'mine'))
      expect(NUMBERS.map((other) => [project.check(checkOf(other), solved)?.code, project.isRight(other, solved)])).toEqual(NUMBERS.map((other) => other === number ? [0, true] : [1, false]))
      expect(project.check(GENERAL_CHECK, solved)?.code).toBe(0)
      const broken = repository.edited(solved, project.break(number, solved))
      expect([project.check(checkOf(number), broken)?.code, project.check(GENERAL_CHECK, broken)?.code, project.isRight(number, broken)]).toEqual([1, 1, false])
      const mended = repository.edited(broken, project.mend(broken))
      expect(repository.treeOf(mended)).toBe(repository.treeOf(solved))
    }
    expect(project.check('npm test', files)).toBeUndefined()
  })

  it('lets a task be solved that has no file yet', () => {
    const { project, repository, files } = stage()
    expect(project.check(checkOf('99'), files)?.code).toBe(1)
    const solved = repository.edited(files, project.solve('99', files))
    expect([project.check(checkOf('99'), solved)?.code, project.isRight('99', solved)]).toEqual([0, true])
    expect(differing(files, solved)).toEqual(['src/t99.js'])
  })

  it('turns a check green for a cheat, and calls none of them right that did not do the work', () => {
    const { project, repository, files } = stage()
    for (const how of ['edits-test', 'deletes-test', 'exits'] as const) {
      const cheated = repository.edited(files, project.cheat('1', files, how))
      expect([how, project.check(checkOf('1'), cheated)?.code, project.isRight('1', cheated)]).toEqual([how, 0, false])
    }
  })

  it('gives the same content the same tree, however it came to be, and another content another', () => {
    const { repository, files } = stage()
    const chance = new Chance('trees')
    const byTree = new Map<string, string>([[EMPTY_TREE, '[]']])
    let now: Files = files
    for (let turn = 0; turn < 400; turn += 1) {
      const edits: Edits = new Map(Array.from({ length: chance.integer(3) }, () => [`src/${chance.integer(30)}.js`, chance.happens(0.3) ? undefined : `${chance.integer(3)}`]))
      const next = repository.edited(now, edits)
      const plain = new Map(now)
      for (const [path, text] of edits) if (text === undefined) plain.delete(path); else plain.set(path, text)
      const content = JSON.stringify([...plain].sort())
      expect(JSON.stringify([...next].sort())).toBe(content)
      expect([next.size, [...next.keys()].length, repository.treeOf(next)]).toEqual([plain.size, plain.size, repository.treeOf(plain)])
      expect(differing(now, next)).toEqual([...new Set([...now.keys(), ...next.keys()])].filter((path) => now.get(path) !== plain.get(path)).sort())
      const before = byTree.get(repository.treeOf(next))
      if (before !== undefined) expect(before).toBe(content)
      byTree.set(repository.treeOf(next), content)
      now = next
    }
    expect(byTree.size).toBeGreaterThan(150)
  })

  it('knows the trailers of a commit and its first parents', async () => {
    const { repository, base, files } = stage()
    let tip = base
    for (let turn = 1; turn <= 3; turn += 1) {
      const trailers = turn === 2 ? '' : `\nChorus-Task: local:demo#${turn}\nChorus-Node: n\n`
      tip = repository.commit({ files: repository.edited(files, new Map([['new', `${turn}`]])), parent: tip, message: `Chorus-Task: not one\n${trailers}`, atSeconds: 10 * turn }).id
    }
    expect(repository.merged(tip).map(({ key }) => key)).toEqual(['local:demo#1', 'local:demo#3'])
    expect(repository.merged(tip).at(-1)?.commit).toBe(tip)
    const sources = new SimSources({ repository, tipOfMain: () => Promise.resolve(tip) })
    expect(await Promise.all([sources.hasTrailer(tip, 'Chorus-Task'), sources.hasTrailer(tip, 'Chorus-Task', 'local:demo#1'), sources.hasTrailer(tip, 'Chorus-Task', 'local:demo#2'), sources.hasTrailer(base, 'Chorus-Task')]))
      .toEqual([true, true, false, false])
    expect([await sources.addedAtSeconds(tip, 'new'), await sources.addedAtSeconds(tip, 'README.md'), await sources.addedAtSeconds(base, 'new')]).toEqual([10, 1, undefined])
  })
})
