import { execFileSync } from 'node:child_process'
import { link, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FILE_LIMITS, isTestFile, listSources, readSource, writeSource } from './workspace-files.ts'

let folder = ''
let workspace = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'repair-files-'))
  workspace = path.join(folder, 'workspace')
  await mkdir(path.join(workspace, 'src'), { recursive: true })
  await writeFile(path.join(workspace, 'src/a.js'), 'a\n')
  await writeFile(path.join(folder, 'secret.js'), 'secret\n')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('listSources()', () => {
  test('lists sources and tests, not what is installed, built, hidden, configured, linked or no regular file', async () => {
    for (const file of ['node_modules/m/i.js', 'dist/i.js', '.git/hooks/x.js', 'src/b.mts', 'src/types.d.ts', 'lib.min.js', 'vite.config.ts', 'test/a.test.js', 'readme.md']) {
      await mkdir(path.dirname(path.join(workspace, file)), { recursive: true })
      await writeFile(path.join(workspace, file), '')
    }
    await symlink(path.join(folder, 'secret.js'), path.join(workspace, 'src/linked.js'))
    await symlink(folder, path.join(workspace, 'out-there'))
    execFileSync('mkfifo', [path.join(workspace, 'src/pipe.js')])
    expect(await listSources(workspace)).toEqual(['src/a.js', 'src/b.mts', 'test/a.test.js'])
  })

  test('stops at the limits', async () => {
    for (let index = 0; index < 5; index++) await writeFile(path.join(workspace, `src/f${index}.js`), '')
    expect(await listSources(workspace, { ...FILE_LIMITS, filesMax: 3 })).toHaveLength(3)
    expect(await listSources(workspace, { ...FILE_LIMITS, entriesMax: 1 })).toEqual([])
  })
})

describe('readSource() and writeSource()', () => {
  test('write back in place: the file keeps its inode and mode, longer or shorter', async () => {
    const file = path.join(workspace, 'src/a.js')
    const before = await stat(file)
    await writeSource(workspace, 'src/a.js', 'longer than before é\n')
    expect(await readSource(workspace, 'src/a.js')).toEqual({ ok: true, value: 'longer than before é\n' })
    await writeSource(workspace, 'src/a.js', 's')
    expect(await readFile(file, 'utf8')).toBe('s')
    expect(await stat(file)).toMatchObject({ ino: before.ino, mode: before.mode, uid: before.uid })
  })

  test('a file swapped for a symbolic link is neither read nor written', async () => {
    await rm(path.join(workspace, 'src/a.js'))
    await symlink(path.join(folder, 'secret.js'), path.join(workspace, 'src/a.js'))
    expect((await readSource(workspace, 'src/a.js')).ok).toBe(false)
    await expect(writeSource(workspace, 'src/a.js', 'x')).rejects.toThrow('regular file')
    expect(await readFile(path.join(folder, 'secret.js'), 'utf8')).toBe('secret\n')
  })

  test('a folder swapped for a symbolic link is not walked through', async () => {
    await mkdir(path.join(folder, 'elsewhere'))
    await rename(path.join(workspace, 'src'), path.join(folder, 'elsewhere/src'))
    await symlink(path.join(folder, 'elsewhere/src'), path.join(workspace, 'src'))
    expect((await readSource(workspace, 'src/a.js')).ok).toBe(false)
    await expect(writeSource(workspace, 'src/a.js', 'x')).rejects.toThrow('symbolic link')
    expect(await readFile(path.join(folder, 'elsewhere/src/a.js'), 'utf8')).toBe('a\n')
  })

  test.each(['../secret.js', 'src/../../secret.js', ''])('the path %j outside is refused', async (file) => {
    expect((await readSource(workspace, file)).ok).toBe(false)
    await expect(writeSource(workspace, file, 'x')).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(await readFile(path.join(folder, 'secret.js'), 'utf8')).toBe('secret\n')
  })

  test('a file with a second name elsewhere, a pipe and a missing file are refused without waiting', async () => {
    await link(path.join(folder, 'secret.js'), path.join(workspace, 'src/hard.js'))
    execFileSync('mkfifo', [path.join(workspace, 'src/pipe.js')])
    for (const file of ['src/hard.js', 'src/pipe.js', 'src/none.js']) {
      expect((await readSource(workspace, file)).ok).toBe(false)
      await expect(writeSource(workspace, file, 'x')).rejects.toThrow()
    }
    expect(await readFile(path.join(folder, 'secret.js'), 'utf8')).toBe('secret\n')
  })

  test('too large and not UTF-8 are refused with the reason', async () => {
    await writeFile(path.join(workspace, 'src/b.js'), Buffer.from([0xff, 0xfe, 0x00]))
    expect(await readSource(workspace, 'src/a.js', 1)).toMatchObject({ ok: false, reason: 'src/a.js has 2 bytes, the limit is 1' })
    expect((await readSource(workspace, 'src/b.js')).ok).toBe(false)
  })
})

test.each([
  ['test/a.js', true], ['src/a.test.ts', true], ['src/a_test.js', true], ['test.js', true], ['src/__tests__/a.js', true], ['spec/a.js', true], ['a.spec.tsx', true], ['test-a.js', true],
  ['src/latest.js', false], ['src/contest.js', false], ['src/attest/a.js', false], ['src/testing.js', false],
])('isTestFile(%j) is %s', (file, expected) => {
  expect(isTestFile(file)).toBe(expected)
})
