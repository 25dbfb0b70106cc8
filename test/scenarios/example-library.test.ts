import { execFile } from 'node:child_process'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GitRepository, GitSourceTree } from '../../src/adapters/git/mod.ts'
import { LocalTasks } from '../../src/adapters/local-tasks/mod.ts'
import { parseConfig } from '../../src/node/config.ts'
import { parseProject } from '../../src/node/project-file.ts'
import type { TaskListing } from '../../src/ports/mod.ts'
import { makeFolder, plainGit } from '../../src/testing/git-fixture.ts'
import type { FixtureFolder } from '../../src/testing/git-fixture.ts'
import { orderTasks, priorityOf, taskType } from '../../src/work/matching/mod.ts'

/** The right edit for each task of examples/textkit, by task number: exactly one place in one file. */
const FIXES: Readonly<Record<string, { readonly file: string; readonly wrong: string; readonly right: string }>> = {
  1: { file: 'duration', wrong: 'rest > size', right: 'rest >= size' },
  2: { file: 'csv', wrong: "text[index - 1] === '\"'", right: "text[index + 1] === '\"'" },
  3: { file: 'table', wrong: 'rows.some(', right: 'rows.every(' },
  4: { file: 'queue', wrong: 'running <= limit', right: 'running < limit' },
  5: { file: 'semver-range', wrong: 'a.patch - b.minor', right: 'a.patch - b.patch' },
  6: { file: 'wrap', wrong: 'longer.length >= width', right: 'longer.length > width' },
  7: { file: 'template', wrong: 'shown = applyFilter(value, filter, filters)', right: 'shown = (await applyFilter(value, filter, filters))' },
  8: { file: 'slug', wrong: '/[^a-z0-9]+/,', right: '/[^a-z0-9]+/g,' },
  9: { file: 'retry', wrong: 'number < attempts', right: 'number <= attempts' },
  10: { file: 'lru', wrong: 'this.keys().pop()', right: 'this.keys().shift()' },
  11: { file: 'diff', wrong: 'common[i + 1][j] <= common[i][j + 1]', right: 'common[i + 1][j] >= common[i][j + 1]' },
  12: { file: 'bytes', wrong: 'amount.toFixed(2)', right: 'amount.toFixed(1)' },
}

let scratch: FixtureFolder
let library: string
let listing: TaskListing
beforeAll(async () => {
  scratch = await makeFolder()
  library = scratch.join('textkit')
  await cp(path.resolve(import.meta.dirname, '../../examples/textkit'), library, { recursive: true })
  await plainGit(library, 'init', '-q', '-b', 'main')
  await plainGit(library, 'add', '-A')
  await plainGit(library, 'commit', '-q', '-m', 'first')
  const repository = new GitRepository({ folder: scratch.join('node.git'), remote: library })
  await repository.start()
  const classify = { typeOf: taskType, priorityOf }
  listing = await new LocalTasks({ source: new GitSourceTree(repository), repository: 'textkit', classify }).list()
  await repository.stop()
})
afterAll(() => scratch.remove())

/** Failing tests by name, which begin with the function that they test; the exit code says whether all is green. */
const failures = async (command: string): Promise<{ readonly green: boolean; readonly failing: readonly string[] }> => {
  const [, ...args] = command.split(' ')
  const options = { cwd: library, env: { PATH: process.env['PATH'] } }
  // Options after a file's name would be the test's own.
  const run = promisify(execFile)(process.execPath, ['--test-reporter=tap', ...args], options)
  const { stdout, green } = await run.then(({ stdout: text }) => ({ stdout: text, green: true }), (error: { readonly stdout: string }) => ({ stdout: error.stdout, green: false }))
  return { green, failing: [...stdout.matchAll(/^not ok \d+ - (.+)$/gm)].map(([, name = '']) => name).sort() }
}

const edit = async (number: string, how: 'fix' | 'break'): Promise<void> => {
  const { file, wrong, right } = FIXES[number] ?? { file: '', wrong: '', right: '' }
  const source = path.join(library, 'src', `${file}.js`)
  const text = await readFile(source, 'utf8')
  const [from, to] = how === 'fix' ? [wrong, right] : [right, wrong]
  expect(text.split(from)).toHaveLength(2)
  await writeFile(source, text.replace(from, () => to))
}

describe('the example library', () => {
  it('has tasks without a problem, each with its own check, and an order in which all of them can be done', () => {
    expect(listing.problems).toEqual([])
    expect(listing.tasks.map((task) => task.number).sort()).toEqual(Object.keys(FIXES).sort())
    expect(new Set(listing.tasks.map((task) => task.check)).size).toBe(listing.tasks.length)
    expect(listing.tasks.filter((task) => task.dependsOn.length > 0).map((task) => task.number).sort()).toEqual(['3', '9'])
    const done = new Set<string>()
    for (let round = 0; round < 3; round += 1) {
      const { candidates, blocked, cycles } = orderTasks(listing.tasks, { score: () => 1, stateOf: (key) => (done.has(key) ? 'finished' : listing.tasks.some((task) => task.key === key) ? 'open' : 'unknown') })
      expect(cycles).toEqual([])
      expect(blocked.length).toBe(round === 0 ? 2 : 0)
      if (round === 0) expect(candidates[0]?.number).toBe('4')
      for (const task of candidates) done.add(task.key)
    }
    expect(done.size).toBe(listing.tasks.length)
  })

  it('has a configuration that merges what is proved, and the same checks on its base commit', async () => {
    const text = await readFile(path.join(library, 'chorus.yaml'), 'utf8')
    expect(parseConfig(text, { env: {} })).toMatchObject({ repositories: [{ path: '.', delivery: 'merge', mergeOn: ['proved'], approveFirst: false }], execution: { engine: 'repair' }, warnings: [] })
    expect(parseProject(Buffer.from(text))).toMatchObject({ ok: true, value: { checks: ['npm test'], policy: { delivery: 'merge', approveFirst: false } } })
  })

  it('names a test file in every check, and no test file without a task', async () => {
    const files = (await readdir(path.join(library, 'test'))).filter((name) => name.endsWith('.test.js'))
    const suite = await readFile(path.join(library, 'test/all.js'), 'utf8')
    expect(files.filter((name) => !suite.includes(`import './${name}'`))).toEqual([])
    expect(listing.tasks.map((task) => task.check).sort()).toEqual(files.map((name) => `node test/${name}`).sort())
  })

  it('every check is red before its edit and green after it, and nothing else changes', { timeout: 120_000 }, async () => {
    const before = await failures('node test/all.js')
    expect(before.green).toBe(false)
    for (const task of listing.tasks) {
      const check = task.check ?? ''
      const red = await failures(check)
      expect([task.number, red.green, red.failing.length > 0]).toEqual([task.number, false, true])
      await edit(task.number, 'fix')
      expect([task.number, await failures(check)]).toEqual([task.number, { green: true, failing: [] }])
      const others = await failures('node test/all.js')
      expect([task.number, others.failing]).toEqual([task.number, before.failing.filter((name) => !red.failing.includes(name))])
      await edit(task.number, 'break')
    }
  })

  it('is green as a whole when all edits are made', async () => {
    for (const task of listing.tasks) await edit(task.number, 'fix')
    expect(await failures('node test/all.js')).toEqual({ green: true, failing: [] })
    const { stdout } = await promisify(execFile)('npm', ['test'], { cwd: library, env: { PATH: process.env['PATH'], HOME: scratch.path } })
    expect(stdout).toMatch(/^. fail 0$/m)
  })
})
