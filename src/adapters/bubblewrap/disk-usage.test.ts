import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { diskUsage } from './disk-usage.ts'

describe('diskUsage()', () => {
  let folder = ''
  beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-disk-')) })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('counts blocks in all folders below, and at least one for every entry', async () => {
    await mkdir(path.join(folder, 'a', 'b'), { recursive: true })
    await writeFile(path.join(folder, 'a', 'b', 'large'), Buffer.alloc(100_000, 1))
    await writeFile(path.join(folder, 'a', 'empty'), '')
    const bytes = await diskUsage(folder, Infinity)
    expect(bytes).toBeGreaterThanOrEqual(100_000 + 3 * 4096)
    expect(bytes).toBeLessThan(100_000 + 5 * 4096)
  })

  it('does not follow links, not even to itself', async () => {
    await symlink('/', path.join(folder, 'everything'))
    await symlink('.', path.join(folder, 'self'))
    expect(await diskUsage(folder, Infinity)).toBe(2 * 4096)
  })

  it('stops soon after it has seen enough', async () => {
    for (let index = 0; index < 300; index += 1) await writeFile(path.join(folder, String(index)), '')
    const bytes = await diskUsage(folder, 10 * 4096)
    expect(bytes).toBeGreaterThan(10 * 4096)
    expect(bytes).toBeLessThan(150 * 4096)
  })

  it('is nothing for a folder that is not there', async () => {
    expect(await diskUsage(path.join(folder, 'absent'), Infinity)).toBe(0)
  })
})
