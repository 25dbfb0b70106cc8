import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CHECKERS } from '../checkers/mod.ts'
import { edited } from './planting.ts'
import { PLANTS, plantNamed } from './plants.ts'
import type { Plant } from './plant.ts'
import { tryPlant } from './trial.ts'

const ROOT = new URL('../../../', import.meta.url)

/** The text of each file with all of a plant's edits in it. */
const plantedSources = ({ edits }: Plant): ReadonlyMap<string, string> => {
  const sources = new Map<string, string>()
  for (const edit of edits) sources.set(edit.file, edited(sources.get(edit.file) ?? readFileSync(new URL(edit.file, ROOT), 'utf8'), edit))
  return sources
}

describe('planted bugs', () => {
  it('are named differently, at least twenty, each for a checker that there is', () => {
    const names = new Set(CHECKERS.map((make) => make().name))
    expect(new Set(PLANTS.map(({ name }) => name)).size).toBe(PLANTS.length)
    expect(PLANTS.length).toBeGreaterThanOrEqual(20)
    for (const { checker } of PLANTS) expect(names).toContain(checker)
  })

  it.each(PLANTS)('"$name" fits the source as it is now', (plant) => {
    for (const [file, text] of plantedSources(plant)) expect(text).not.toBe(readFileSync(new URL(file, ROOT), 'utf8'))
  })

  it('that do not fit are an error, not a plant that misses', () => {
    const edit = { file: 'src/a.ts', find: 'x', replace: 'y' }
    expect(edited('a x b', edit)).toBe('a y b')
    expect(() => edited('a b', edit)).toThrow('is there 0 times')
    expect(() => edited('x x', edit)).toThrow('is there 2 times')
    expect(edited('a x', { ...edit, replace: '$&' })).toBe('a $&')
  })

  it('are caught by their checker in a process of their own, and the same world is clean without them', async () => {
    const plant = plantNamed('main outside the atomic push')
    expect(await tryPlant(plant, 'with', 20)).toMatchObject({ checker: 'one push', caughtAt: 1, broke: undefined })
    expect(await tryPlant(plant, 'without', 1)).toMatchObject({ caughtAt: undefined, seeds: 1, others: [], broke: undefined })
  }, 120_000)

  it('of a name that nobody has planted are told', async () => {
    const unknown = { ...plantNamed('intent after the push'), name: 'nothing of the kind' }
    expect((await tryPlant(unknown, 'with', 1)).broke).toContain('no bug is called')
  }, 60_000)
})
