import { afterEach, describe, expect, it, vi } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import { makeConsole, printable, table, tellError } from './console.ts'

describe('the terminal', () => {
  afterEach(() => { vi.restoreAllMocks() })
  const captured = (act: () => unknown): { readonly out: string; readonly err: string; readonly answer: unknown } => {
    const text = { out: '', err: '' }
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => { text.out += String(chunk); return true })
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => { text.err += String(chunk); return true })
    const answer = act()
    vi.restoreAllMocks()
    return { ...text, answer }
  }

  it.each([
    ['colours and cursor moves', 'a\u001b[31mred\u001b[2J', 'a\uFFFD[31mred\uFFFD[2J'],
    ['a new window title', '\u001b]0;owned\u0007', '\uFFFD]0;owned\uFFFD'],
    ['the eight-bit forms of the same', '\u009b31m\u009d0;x\u009c', '\uFFFD31m\uFFFD0;x\uFFFD'],
    ['a return to the start of the line', 'safe\rrm -rf', 'safe\uFFFDrm -rf'],
    ['backspaces and bells', 'ab\b\bx\u0007\u007f', 'ab\uFFFD\uFFFDx\uFFFD\uFFFD'],
    ['text that turns round', 'a\u202egpj.exe\u2066b', 'a\uFFFDgpj.exe\uFFFDb'],
    ['NUL', 'a\u0000b', 'a\uFFFDb'],
  ])('is not reached by %s', (_what, hostile, shown) => {
    expect(printable(hostile)).toBe(shown)
  })

  it('shows lines, tabs and every script as they are', () => {
    const text = 'two\nlines\tand ünïcödé 日本語 \u{1F600} עברית'
    expect(printable(text)).toBe(text)
  })

  it('pads a table to its widest cells', () => {
    expect(table(['task', 'n'], [['a', '1'], ['longer', '22'], ['x']])).toBe(['task    n', '──────  ──', 'a       1', 'longer  22', 'x'].join('\n'))
  })

  describe('with --json', () => {
    it('shows no words', () => {
      const json = makeConsole(true)
      expect(captured(() => { json.say('words'); json.event({ kind: 'a' }); json.result({ done: 1 }, 'done') }).out).toBe('{"kind":"a"}\n{"done":1}\n')
      expect(json.colour).toBe(false)
    })

    it('tells an error as one object, with the setting to change', () => {
      const told = captured(() => tellError(new ChorusError('CONFIG_INVALID', 'no', { setting: 'agent.role' }), true))
      expect(told).toEqual({ out: '{"error":"no","code":"CONFIG_INVALID","setting":"agent.role"}\n', err: '', answer: 78 })
    })

    it('escapes what a terminal would obey', () => {
      expect(captured(() => tellError(new Error('\u001b[31m'), true)).out).not.toContain('\u001b')
    })
  })

  describe('without', () => {
    it('shows words only', () => {
      const plain = makeConsole(false)
      expect(captured(() => { plain.say('words'); plain.event({ kind: 'a' }); plain.result({ done: 1 }, 'done'); plain.result({}, '') }).out).toBe('words\ndone\n')
    })

    it('tells a known error in one line, without escape sequences', () => {
      const told = captured(() => tellError(new ChorusError('NOT_FOUND', 'no task \u001b[31m7'), false))
      expect(told).toEqual({ out: '', err: 'chorus: no task \uFFFD[31m7\n', answer: 66 })
    })

    it('tells a defect with its trace, and leaves as one', () => {
      const told = captured(() => tellError(new TypeError('x is undefined'), false))
      expect(told.err).toMatch(/^chorus: x is undefined\nTypeError: x is undefined\n {4}at /)
      expect(told.answer).toBe(70)
    })
  })
})
