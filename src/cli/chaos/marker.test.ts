import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { markOf } from '../../adapters/system/mod.ts'
import { allowChaos, readMarker } from './marker.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-marker-')) })
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the marker of a node that allows a drill', () => {
  test('names its process and its configuration, and goes with the permission', async () => {
    const forbid = await allowChaos(folder, '/somewhere/chorus.yaml')
    expect(await readMarker(folder)).toMatchObject({ mark: { pid: process.pid }, configFile: '/somewhere/chorus.yaml' })
    forbid()
    await expect(readMarker(folder)).rejects.toMatchObject({ code: 'STATE_INVALID', setting: '--attach' })
  })

  test('of a process that has ended is refused', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const mark = await markOf(child.pid!)
    await writeFile(path.join(folder, 'chaos.json'), JSON.stringify({ mark, configFile: 'x' }))
    expect(await readMarker(folder)).toMatchObject({ mark })
    child.stdin.end()
    await once(child, 'exit')
    await expect(readMarker(folder)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('of a process on another machine, or of another process with its number, is refused', async () => {
    await allowChaos(folder, 'x')
    const file = path.join(folder, 'chaos.json')
    const marker = JSON.parse(await readFile(file, 'utf8')) as { mark: { space: string; start: string } }
    for (const mark of [{ ...marker.mark, space: 'another boot' }, { ...marker.mark, start: '1' }]) {
      await writeFile(file, JSON.stringify({ ...marker, mark }))
      await expect(readMarker(folder)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
  })

  test.each(['', '{}', '[]', '{"mark":{"pid":1,"start":"x","space":"y"},"configFile":"z"}', '{"mark":{"pid":"all","start":"x","space":"y"},"configFile":"z"}'])('what is none is refused: %j', async (text) => {
    await writeFile(path.join(folder, 'chaos.json'), text)
    await expect(readMarker(folder)).rejects.toMatchObject({ code: 'STATE_INVALID' })
  })
})
