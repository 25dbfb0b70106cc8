import { describe, expect, test } from 'vitest'
import { parseDrillOptions } from './options.ts'

const typed = { nodes: '10', tasks: '60', minutes: '2', kills: '0', holders: '0', zombies: '0', work: '1-4' }

describe('parseDrillOptions()', () => {
  test('reads what was typed, and draws a seed when none was', () => {
    expect(parseDrillOptions({ ...typed, minutes: '0.5', keep: true }, () => 'drawn')).toEqual({
      nodes: 10, tasks: 60, minutes: 0.5, seed: 'drawn', killsMin: 0, holdersMin: 0, zombiesMin: 0, workSeconds: [1, 4], keep: true,
    })
    expect(parseDrillOptions({ ...typed, seed: 'mine' }).seed).toBe('mine')
  })

  test.each([
    ['nodes', '3', '--nodes'], ['nodes', 'many', '--nodes'], ['nodes', '5.5', '--nodes'], ['tasks', '0', '--tasks'], ['minutes', '-1', '--minutes'],
    ['kills', '1e9', '--kills'], ['seed', 'with space', '--seed'], ['work', '4-1', '--work'], ['work', 'long', '--work'],
  ])('%s %j is a wrong argument, and says which', (name, value, setting) => {
    expect(() => parseDrillOptions({ ...typed, [name]: value })).toThrow(expect.objectContaining({ code: 'USAGE', setting }) as Error)
  })
})
