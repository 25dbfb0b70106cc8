import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findConfig, ownFolder, placesOf } from './places.ts'

describe('where things lie', () => {
  let root: string
  beforeEach(() => {
    root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'chorus-places-')))
    for (const name of ['CHORUS_CONFIG', 'CHORUS_STATE']) vi.stubEnv(name, undefined)
    vi.stubEnv('XDG_STATE_HOME', path.join(root, 'state home'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(root, { recursive: true, force: true })
  })
  const inside = (...parts: readonly string[]): string => {
    const folder = path.join(root, ...parts)
    mkdirSync(folder, { recursive: true })
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
    return folder
  }
  const config = (...parts: readonly string[]): string => {
    const file = path.join(root, ...parts, 'chorus.yaml')
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, '')
    return file
  }

  describe('the configuration', () => {
    it('is the nearest one from here upwards', () => {
      const outer = config('project')
      const inner = config('project', 'packages', 'web')
      inside('project', 'packages', 'web', 'src')
      expect(findConfig({})).toBe(inner)
      inside('project', 'packages')
      expect(findConfig({})).toBe(outer)
    })

    it('is the one that is named, on the command line before the environment', () => {
      const named = config('a')
      const fromEnvironment = config('b')
      config('here')
      inside('here')
      vi.stubEnv('CHORUS_CONFIG', fromEnvironment)
      expect(findConfig({})).toBe(fromEnvironment)
      expect(findConfig({ config: named })).toBe(named)
    })

    it('that is named and not there is missed, not replaced by another', () => {
      config('here')
      inside('here')
      expect(() => findConfig({ config: path.join(root, 'gone.yaml') })).toThrow(expect.objectContaining({ code: 'CONFIG_MISSING', setting: '--config' }) as Error)
    })

    it('that is nowhere is asked for', () => {
      inside('empty')
      expect(() => findConfig({})).toThrow(/run `chorus init`/)
    })
  })

  describe('the state', () => {
    it('lies in the user\'s state home, private, by the name and place of the project', () => {
      const places = placesOf({ config: config('My Project!') })
      expect(path.dirname(places.stateFolder)).toBe(path.join(root, 'state home', 'chorus'))
      expect(path.basename(places.stateFolder)).toMatch(/^my-project-[0-9a-f]{12}$/)
      expect(statSync(places.stateFolder).mode & 0o777).toBe(0o700)
    })

    it('is one for a project, by whatever path it is reached', () => {
      const file = config('project')
      symlinkSync(path.join(root, 'project'), path.join(root, 'link'))
      expect(placesOf({ config: path.join(root, 'link', 'chorus.yaml') }).stateFolder).toBe(placesOf({ config: file }).stateFolder)
      expect(placesOf({ config: config('other', 'project') }).stateFolder).not.toBe(placesOf({ config: file }).stateFolder)
    })

    it('lies where it is told to, on the command line before the environment', () => {
      const file = config('project')
      vi.stubEnv('CHORUS_STATE', path.join(root, 'from environment'))
      expect(placesOf({ config: file }).stateFolder).toBe(path.join(root, 'from environment'))
      expect(placesOf({ config: file, state: path.join(root, 'told') }).stateFolder).toBe(path.join(root, 'told'))
    })

    it('that cannot be a folder is a clear error', () => {
      const file = config('project')
      expect(() => placesOf({ config: file, state: path.join(file, 'below a file') })).toThrow(expect.objectContaining({ code: 'STATE_INVALID', setting: '--state' }) as Error)
    })

    it('has a control socket whose path the system can bear', () => {
      const places = placesOf({ config: config('x'.repeat(200)) })
      expect(Buffer.byteLength(places.controlSocket)).toBeLessThan(100)
    })

    it('of two nodes has two scratch folders', () => {
      const file = config('project')
      const [one, two] = ['one', 'two'].map((name) => placesOf({ config: file, state: path.join(root, name) }))
      expect(one?.scratchFolder).not.toBe(two?.scratchFolder)
    })
  })

  describe('a folder of our own in a place that everybody writes to', () => {
    it('is made so that others may only walk through', () => {
      const folder = ownFolder(path.join(root, 'ours'))
      expect(statSync(folder).mode & 0o777).toBe(0o711)
      expect(ownFolder(folder)).toBe(folder)
    })

    it.each<[string, (folder: string) => void]>([
      ['a link that somebody laid there', (folder) => { mkdirSync(`${folder} elsewhere`); symlinkSync(`${folder} elsewhere`, folder) }],
      ['a link to nowhere', (folder) => { symlinkSync(`${folder} nowhere`, folder) }],
      ['a file', (folder) => { writeFileSync(folder, '') }],
      ['a folder that the group can write', (folder) => { mkdirSync(folder); chmodSync(folder, 0o775) }],
      ['a folder that all can write', (folder) => { mkdirSync(folder); chmodSync(folder, 0o777) }],
    ])('is refused when it is %s', (_what, lay) => {
      const folder = path.join(root, 'trap')
      lay(folder)
      expect(() => ownFolder(folder)).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }) as Error)
    })

    it('is refused when it is another user\'s', () => {
      const folder = ownFolder(path.join(root, 'theirs'))
      const uid = process.getuid?.() ?? 0
      vi.spyOn(process, 'getuid').mockReturnValue(uid + 1)
      expect(() => ownFolder(folder)).toThrow(/must be a folder of your own/)
    })
  })
})
