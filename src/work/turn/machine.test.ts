import { describe, expect, it } from 'vitest'
import type { Oid } from '../../core/mod.ts'
import { SeededSigner } from '../../testing/seeded-signer.ts'
import { begin, step, TURN_MS_MAX } from './machine.ts'
import type { Look, Sight } from './machine.ts'

const nodeOf = (name: string): SeededSigner['node'] => new SeededSigner(name).node
const ada = nodeOf('ada')
const bob = nodeOf('bob')
const tip = (number: number): Oid => String(number).padStart(40, '0') as Oid
const turn = (name: string, at = 1, node = bob): Sight => ({ kind: 'turn', tip: tip(at), node, turn: name, lengthMs: 45_000 })
const nobody: Sight = { kind: 'nobody' }
const junk = (at: number): Sight => ({ kind: 'junk', tip: tip(at) })
const look = (sight: Sight, needed = true): Look => ({ sight, needed, own: new Set(['mine', 'beside me']) })

/** What it makes of each look, at these times. */
const play = (...looks: readonly (readonly [number, Look])[]): readonly string[] => {
  let state = begin({ node: ada, turn: 'mine', lengthMs: 45_000 })
  return looks.map(([nowMs, input]) => {
    const next = step(state, input, nowMs)
    state = next.state
    const { effect } = next
    return effect.kind === 'take' || effect.kind === 'clear' ? `${effect.kind} ${effect.from === null ? 'nothing' : Number(effect.from)}` : effect.kind
  })
}

/** docs/protocol.md §3.7. */
describe('one task before a branch', () => {
  it.each<[string, Sight, boolean, string]>([
    ['nobody, and needs no turn', nobody, false, 'pass'],
    ['nobody, and needs one', nobody, true, 'take nothing'],
    ['the turn of another, even if it needs none', turn('his'), false, 'wait'],
    ['its own turn', turn('mine', 1, ada), true, 'mine'],
    ['the turn of another task of its process', turn('beside me', 1, ada), true, 'wait'],
    ['a turn of its node by a process that died', turn('long ago', 7, ada), true, 'take 7'],
    ['junk', junk(9), true, 'wait'],
  ])('that sees %s', (_what, sight, needed, expected) => {
    expect(play([0, look(sight, needed)])).toEqual([expected])
  })

  it('takes its turn after another that it waited for, though it needed none before', () => {
    expect(play([0, look(turn('his'), false)], [5_000, look(nobody, false)])).toEqual(['wait', 'take nothing'])
  })

  it('takes over a turn without a beat for its length, as seen from here', () => {
    for (const fromMs of [0, 1_000_000]) {
      expect(play([fromMs, look(turn('his'))], [fromMs + 44_999, look(turn('his'))], [fromMs + 45_000, look(turn('his'))])).toEqual(['wait', 'wait', 'take 1'])
    }
  })

  it('begins to count again with every beat, and with every other turn', () => {
    expect(play([0, look(turn('his', 1))], [40_000, look(turn('his', 2))], [84_000, look(turn('his', 2))], [85_000, look(turn('his', 2))])).toEqual(['wait', 'wait', 'wait', 'take 2'])
    expect(play([0, look(turn('his', 1))], [40_000, look(turn('hers', 2))], [84_000, look(turn('hers', 2))])).toEqual(['wait', 'wait', 'wait'])
  })

  it('takes over from who beats and beats', () => {
    const times = Array.from({ length: TURN_MS_MAX / 40_000 + 1 }, (_, beats) => [beats * 40_000, look(turn('his', beats + 1))] as const)
    const told = play(...times)
    expect(told.slice(0, -1).every((line) => line === 'wait')).toBe(true)
    expect(told.at(-1)).toMatch(/^take/)
  })

  it('clears junk away after the length of a turn, however often it changes not before', () => {
    expect(play([0, look(junk(9))], [44_999, look(junk(9))], [45_000, look(junk(9))])).toEqual(['wait', 'wait', 'clear 9'])
    expect(play([0, look(junk(9))], [44_000, look(junk(8))], [46_000, look(junk(8))])).toEqual(['wait', 'wait', 'wait'])
  })

  it('looks the more often the longer it has waited', () => {
    let state = begin({ node: ada, turn: 'mine', lengthMs: 45_000 })
    const parts = [0, 45_000, 90_000, 180_000, 900_000].map((nowMs, index) => {
      const next = step(state, look(turn('his', index + 1)), nowMs)
      state = next.state
      return next.effect.kind === 'wait' ? next.effect.part : undefined
    })
    expect(parts).toEqual([1, 0.8125, 0.625, 0.25, 0.25])
  })
})
