import { describe, expect, it } from 'vitest'
import { makeProgram } from '../program.ts'
import { COMMAND_FAMILIES, familiesFor } from './mod.ts'

describe('the families of commands', () => {
  it('are named as what they add', async () => {
    for (const family of COMMAND_FAMILIES) {
      const add = await family.load()
      expect(makeProgram(add).commands.map((command) => command.name())).toEqual(family.names)
    }
  })

  const namesFor = (...args: readonly string[]): readonly string[] => familiesFor(args).map(({ names }) => names[0] ?? '')
  it('are loaded by the first word that is no option', () => {
    expect(namesFor('up')).toEqual(['up'])
    expect(namesFor('--json', '--config', 'task', '--state', 'demo', 'member', 'invite')).toEqual(['init'])
    expect(namesFor('--config=x', 'up', '--version')).toEqual(['up'])
  })

  it('are none for the version, and all where help is wanted', () => {
    expect(namesFor('--version')).toEqual([])
    expect(namesFor('-v')).toEqual([])
    for (const args of [[], ['--help'], ['help', 'up'], ['ups'], ['--json']]) expect(namesFor(...args)).toHaveLength(COMMAND_FAMILIES.length)
  })
})
