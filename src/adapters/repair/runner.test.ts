import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChorusError } from '../../core/mod.ts'
import type { AgentReport, AgentRequest } from '../../ports/mod.ts'
import { localBench } from '../../testing/local-bench.ts'
import type { LocalBench, LocalBenchOptions } from '../../testing/local-bench.ts'
import { RepairRunner } from './mod.ts'

let workspace = ''
beforeEach(async () => { workspace = await mkdtemp(path.join(os.tmpdir(), 'repair-')) })
afterEach(() => rm(workspace, { recursive: true, force: true }))

const lay = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(workspace, file)), { recursive: true })
    await writeFile(path.join(workspace, file), text)
  }
}

const repair = async (title: string, options: LocalBenchOptions & { readonly timeoutMs?: number; readonly candidatesMax?: number; readonly checkTimeoutMsMin?: number } = {}): Promise<{ report: AgentReport; bench: LocalBench }> => {
  const bench = localBench(workspace, options)
  const request: AgentRequest = { taskId: 't', title, description: title, prompt: title, environment: {}, timeoutMs: options.timeoutMs ?? 25_000 }
  const { candidatesMax = 400, checkTimeoutMsMin = 5_000 } = options
  const runner = new RepairRunner({ candidatesMax, checkTimeoutMsMin })
  return { report: await runner.run(request, bench), bench }
}

/** A test file in plain assertions: one process, no runner, so that a search stays quick. */
const check = (imports: string, body: string): string => `import assert from 'node:assert/strict'\nimport ${imports}\n${body}\n`
const PLAIN = { check: [process.execPath, 'test/check.test.js'] }
const MODULE = { 'package.json': '{"type":"module"}' }

describe('RepairRunner', () => {
  test('repairs a wrong operator under node --test, and says what it did', async () => {
    await lay({
      ...MODULE,
      'src/add.js': 'export const add = (a, b) => a - b\n',
      'src/more.js': 'export const twice = (a) => a * 2\n',
      'test/add.test.js': 'import test from \'node:test\'\nimport assert from \'node:assert\'\nimport { add } from \'../src/add.js\'\ntest(\'adds\', () => assert.equal(add(1, 2), 3))\n',
    })
    const { report, bench } = await repair('add() subtracts')
    expect(report).toMatchObject({ outcome: 'finished', detail: expect.stringMatching(/^found after 1 of \d+ candidates: src\/add\.js:1: - -> \+$/) as unknown, tokens: { input: 0, output: 0 } })
    expect(await readFile(path.join(workspace, 'src/add.js'), 'utf8')).toBe('export const add = (a, b) => a + b\n')
    // Once to see what fails, once for the candidate, once more to be sure.
    expect(bench.checks()).toBe(3)
    expect(report.commandsExecuted).toBe(3)
    expect(report.usage).toHaveLength(1)
    expect(bench.events.at(-1)).toMatchObject({ kind: 'step', text: expect.stringMatching(/^step 1 of \d+: src\/add\.js:1: - -> \+$/) as unknown })
  })

  test('repairs a missing await that a stack does not point to', async () => {
    await lay({
      ...MODULE,
      'src/store.js': 'const load = async () => ({ n: 1 })\nexport async function count() {\n  const item = load()\n  return item.n ?? 0\n}\n',
      'test/check.test.js': check('{ count } from \'../src/store.js\'', 'assert.equal(await count(), 1)'),
    })
    const { report } = await repair('count is always 0', PLAIN)
    expect(report.outcome).toBe('finished')
    expect(await readFile(path.join(workspace, 'src/store.js'), 'utf8')).toContain('const item = (await load())')
  })

  test('repairs TypeScript', async () => {
    await lay({
      ...MODULE,
      'src/page.ts': 'export const lastPage = (items: number, size: number): number => Math.floor(items / size)\n',
      'test/check.test.js': check('{ lastPage } from \'../src/page.ts\'', 'assert.equal(lastPage(11, 5), 3)\nassert.equal(lastPage(10, 5), 2)'),
    })
    const { report } = await repair('lastPage loses the rest', PLAIN)
    expect(report.detail).toContain('src/page.ts:1: floor -> ceil')
  })

  test('an edit that loops forever is cut off, and the search goes on', async () => {
    await lay({
      ...MODULE,
      'src/sum.js': 'export function sum(list) {\n  let total = 0\n  for (let i = 0; i < list.length; i++) total += list[i]\n  return Math.max(total, 50)\n}\n',
      'test/check.test.js': check('{ sum } from \'../src/sum.js\'', 'assert.equal(sum([1, 2, 3]), 6)\nassert.equal(sum([60]), 60)'),
    })
    const { report, bench } = await repair('sum() is never small', { ...PLAIN, checkTimeoutMsMin: 1_000 })
    expect(bench.events).toContainEqual({ kind: 'step', text: expect.stringContaining('src/sum.js:3: ++ -> --') as unknown })
    expect(report.detail).toContain('src/sum.js:4: drop the last argument')
  })

  test('a program that loops forever from the start can be repaired too', async () => {
    await lay({
      ...MODULE,
      'src/count.js': 'export function count(n) {\n  let seen = 0\n  while (n > 0) { n++; seen += 1 }\n  return seen\n}\n',
      'test/check.test.js': check('{ count } from \'../src/count.js\'', 'assert.equal(count(3), 3)'),
    })
    const { report } = await repair('count() hangs', { ...PLAIN, timeoutMs: 20_000, checkTimeoutMsMin: 500 })
    expect(report.detail).toContain('src/count.js:3: ++ -> --')
  })

  test('says honestly that nothing was found, and leaves every file as it was', async () => {
    const source = 'export const greeting = (name) => name + 1\n'
    await lay({ ...MODULE, 'src/a.js': source, 'test/check.test.js': check('{ greeting } from \'../src/a.js\'', 'assert.equal(greeting(\'Ada\'), \'Good evening, Ada!\')') })
    const { report, bench } = await repair('greeting is not friendly', PLAIN)
    expect(report).toMatchObject({ outcome: 'failed', detail: expect.stringMatching(/^not found after \d+ of \d+ candidates: no single small edit/) as unknown })
    expect(await readFile(path.join(workspace, 'src/a.js'), 'utf8')).toBe(source)
    expect(bench.running()).toBe(0)
  })

  test('never edits a test, though that would make it green', async () => {
    const text = check('{ one } from \'../src/one.js\'', 'assert.equal(one() * 7, 8)')
    await lay({ ...MODULE, 'src/one.js': 'export const one = () => "x"\n', 'test/check.test.js': text })
    expect((await repair('one', PLAIN)).report.outcome).toBe('failed')
    expect(await readFile(path.join(workspace, 'test/check.test.js'), 'utf8')).toBe(text)
  })

  test('stops at the limit of candidates and at the time', async () => {
    const source = 'export const f = (a, b, c) => a > b && b > c ? a + 1 : c - 2\n'
    await lay({ ...MODULE, 'src/f.js': source, 'test/check.test.js': check('\'../src/f.js\'', 'assert.fail(\'never green\')') })
    const limited = await repair('f', { ...PLAIN, candidatesMax: 3 })
    expect(limited.report).toMatchObject({ outcome: 'failed', detail: expect.stringMatching(/^not found after 3 of \d+ candidates, which is the most/) as unknown })
    const late = await repair('f', { ...PLAIN, timeoutMs: 700 })
    expect(late.report.outcome).toBe('timeout')
    expect(await readFile(path.join(workspace, 'src/f.js'), 'utf8')).toBe(source)
  })

  test('a cancelled search restores the file it was trying', async () => {
    const source = 'export const f = (a, b) => a > b ? a + 1 : b - 2\n'
    await lay({ ...MODULE, 'src/f.js': source, 'test/check.test.js': check('\'../src/f.js\'', 'assert.fail(\'never green\')') })
    const stop = new AbortController()
    const { report, bench } = await repair('f', { ...PLAIN, signal: stop.signal, onCheck: (count) => { if (count === 3) stop.abort() } })
    expect(report.outcome).toBe('cancelled')
    expect(bench.checks()).toBe(3)
    expect(await readFile(path.join(workspace, 'src/f.js'), 'utf8')).toBe(source)
  })

  test('green checks and a project without sources are no work for it', async () => {
    await lay({ ...MODULE, 'src/f.js': 'export const f = 1\n', 'test/check.test.js': '' })
    expect((await repair('f', PLAIN)).report).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('green already') as unknown })
    await rm(path.join(workspace, 'src'), { recursive: true })
    await writeFile(path.join(workspace, 'test/check.test.js'), 'throw new Error()\n')
    expect((await repair('f', PLAIN)).report).toMatchObject({ outcome: 'failed', detail: 'no JavaScript or TypeScript source to edit was found' })
  })

  test('checks that swap a source for a link do not lead it outside', async () => {
    const outside = `${workspace}-outside.js`
    await writeFile(outside, 'export const f = (a) => a + 1\n')
    await lay({ ...MODULE, 'src/f.js': 'export const f = (a) => a + 1\n', 'test/check.test.js': 'throw new Error()\n' })
    const swap = async (count: number): Promise<void> => {
      if (count !== 2) return
      await rm(path.join(workspace, 'src/f.js'))
      await symlink(outside, path.join(workspace, 'src/f.js'))
    }
    try {
      const { report } = await repair('f', { ...PLAIN, onCheck: swap })
      expect(report).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('expected a regular file') as unknown })
      expect(await readFile(outside, 'utf8')).toBe('export const f = (a) => a + 1\n')
    } finally {
      await rm(outside)
    }
  })

  test('a sandbox that fails is not taken for a failure of the engine', async () => {
    await lay({ ...MODULE, 'src/f.js': 'export const f = 1\n' })
    const broken = { ...localBench(workspace), check: () => Promise.reject(new ChorusError('SANDBOX_UNAVAILABLE', 'no sandbox')) }
    const request = { taskId: 't', title: 'f', description: 'f', prompt: 'f', environment: {}, timeoutMs: 1_000 }
    await expect(new RepairRunner().run(request, broken)).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' })
  })
})
