import { mkdir, mkdtemp, readFile, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DiskSetupCache } from './disk-setup-cache.ts'

let home: string
beforeEach(async () => { home = await mkdtemp(join(tmpdir(), 'chorus-setup-cache-')) })
afterEach(async () => { await rm(home, { recursive: true, force: true }) })

const workspaceWith = async (name: string, content: string): Promise<string> => {
  const path = join(home, name)
  await mkdir(join(path, 'node_modules/dep'), { recursive: true })
  await writeFile(join(path, 'node_modules/dep/index.js'), content)
  return path
}

describe('DiskSetupCache', () => {
  it('keeps a folder under its key and finds it again, in another instance too', async () => {
    const root = join(home, 'cache')
    const stored = await new DiskSetupCache(root).store('key-1', await workspaceWith('one', 'first'), 'node_modules')
    const found = await new DiskSetupCache(root).lookup('key-1')
    expect(found).toBe(stored)
    expect(await readFile(join(found ?? '', 'dep/index.js'), 'utf8')).toBe('first')
    expect(await new DiskSetupCache(root).lookup('key-2')).toBeUndefined()
  })

  it('keeps the first of two results of one key', async () => {
    const cache = new DiskSetupCache(join(home, 'cache'))
    await cache.store('key', await workspaceWith('one', 'first'), 'node_modules')
    const stored = await cache.store('key', await workspaceWith('two', 'second'), 'node_modules')
    expect(await readFile(join(stored ?? '', 'dep/index.js'), 'utf8')).toBe('first')
    expect(await readdir(join(home, 'cache'))).toEqual(['key'])
  })

  it('does not keep a symbolic link in place of the folder', async () => {
    const cache = new DiskSetupCache(join(home, 'cache'))
    const path = join(home, 'hostile')
    await mkdir(path)
    await symlink('/etc', join(path, 'node_modules'))
    expect(await cache.store('key', path, 'node_modules')).toBeUndefined()
    expect(await cache.store('key', path, 'absent')).toBeUndefined()
    expect(await cache.lookup('key')).toBeUndefined()
  })

  it('lets the entry go that was used longest ago when there are too many', async () => {
    const cache = new DiskSetupCache(join(home, 'cache'), { entriesMax: 2 })
    await cache.store('a', await workspaceWith('one', '1'), 'node_modules')
    await cache.store('b', await workspaceWith('two', '2'), 'node_modules')
    await utimes(join(home, 'cache/a'), new Date(1_000), new Date(1_000))
    await utimes(join(home, 'cache/b'), new Date(2_000), new Date(2_000))
    await cache.lookup('a')
    await cache.store('c', await workspaceWith('three', '3'), 'node_modules')
    expect((await readdir(join(home, 'cache'))).sort()).toEqual(['a', 'c'])
  })

  it('reaps what an interrupted store left', async () => {
    await mkdir(join(home, 'cache/.partial-x'), { recursive: true })
    const cache = new DiskSetupCache(join(home, 'cache'))
    expect(await cache.reap()).toBe(1)
    expect(await readdir(join(home, 'cache'))).toEqual([])
  })
})
