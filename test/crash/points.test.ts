import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { edited } from '../../src/sim/bite/planting.ts'
import { POINTS, PRUNING } from '../e2e/crash/points.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** What stops a node at a line of production goes by that line's text: a change of it must be seen here, not after minutes. */
describe('points of a crash', () => {
  const stops = POINTS.flatMap(({ name, stop, again }) => [stop, ...again === undefined ? [] : [again]].map((one) => ({ name, one })))
  const edits = [...stops.flatMap(({ name, one }) => one.kind === 'inside' ? one.edits.map((edit) => ({ name, edit })) : []), ...PRUNING.map((edit) => ({ name: 'pruning', edit }))]

  it.each(edits)('$name: fits the source as it is now', ({ edit }) => {
    const source = readFileSync(path.join(ROOT, edit.file), 'utf8')
    expect(edited(source, edit)).not.toBe(source)
  })

  it('have names of their own, and programs by which they are told apart while two run', () => {
    const seen = stops.flatMap(({ one }) => one.kind === 'program' ? [one.seconds] : [])
    expect(new Set(seen).size).toBe(seen.length)
    expect(new Set(POINTS.map(({ name }) => name)).size).toBe(POINTS.length)
  })
})
