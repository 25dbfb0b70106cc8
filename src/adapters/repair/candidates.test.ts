import { describe, expect, test } from 'vitest'
import { applyEdit, candidatesOf } from './candidates.ts'

/** Every text that one small edit makes of a source. */
const variants = (source: string, file = 'a.js'): readonly string[] => {
  const found = candidatesOf(file, source)
  if (!found.ok) throw new Error(found.reason)
  return found.value.candidates.map((candidate) => applyEdit(source, candidate))
}

describe('candidates reach the right text by one edit', () => {
  test.each([
    ['a wrong operator', 'const f = (a, b) => a - b', 'const f = (a, b) => a + b'],
    ['an off-by-one bound', 'for (let i = 0; i <= n; i++) go(i)', 'for (let i = 0; i < n; i++) go(i)'],
    ['a wrong bound literal', 'const max = 9', 'const max = 10'],
    ['a flipped boolean', 'f({ deep: false })', 'f({ deep: true })'],
    ['a condition the wrong way round', 'if (ready) go()', 'if (!(ready)) go()'],
    ['a superfluous !', 'if (!ready) go()', 'if (ready) go()'],
    ['one side the wrong way round', 'if (open && locked) go()', 'if (open && !locked) go()'],
    ['truth where presence was meant', 'if (value) go()', 'if (value !== undefined) go()'],
    ['a missing await', 'async function f() { const a = load(); return a }', 'async function f() { const a = (await load()); return a }'],
    ['a superfluous await', 'async function f() { return await g }', 'async function f() { return g }'],
    ['swapped arguments', 'pow(2, x)', 'pow(x, 2)'],
    ['a missing optional chain', 'const n = user.name', 'const n = user?.name'],
    ['|| for ??', 'const n = port || 80', 'const n = port ?? 80'],
    ['push for unshift', 'list.push(a)', 'list.unshift(a)'],
    ['some for every', 'list.some(ok)', 'list.every(ok)'],
    ['max for min', 'Math.max(a, b)', 'Math.min(a, b)'],
    ['floor for round', 'Math.floor(a)', 'Math.round(a)'],
    ['startsWith for endsWith', 'a.startsWith(b)', 'a.endsWith(b)'],
    ['lastIndexOf for indexOf', 'a.indexOf(b)', 'a.lastIndexOf(b)'],
    ['trimStart for trimEnd', 'a.trimStart()', 'a.trimEnd()'],
    ['a slice from the wrong end', 'a.slice(n)', 'a.slice(-n)'],
    ['sorting numbers as text', 'list.sort()', 'list.sort((a, b) => a - b)'],
    ['a comparator the wrong way round', 'list.sort((a, b) => a - b)', 'list.sort((a, b) => b - a)'],
    ['a missing return', 'function f(a) { a + 1 }', 'function f(a) { return a + 1 }'],
    ['a wrong parameter', 'function f(width, height) { return width * width }', 'function f(width, height) { return width * height }'],
    ['a wrong local variable', 'function f() { const a = 1, b = 2; return a }', 'function f() { const a = 1, b = 2; return b }'],
    ['a wrong property', 'function d(p) { return p.x + p.x * p.y }', 'function d(p) { return p.x + p.y * p.y }'],
    ['a wrong separator', 'list.join(\',\')', 'list.join(\', \')'],
    ['a missing regular expression flag', 'a.replace(/x/, b)', 'a.replace(/x/g, b)'],
    ['a superfluous regular expression flag', 'a.match(/x/g)', 'a.match(/x/)'],
    ['a neighbouring index', 'a[i]', 'a[i - 1]'],
    ['a wrong default value', 'function f(step = 0) { return step }', 'function f(step = 1) { return step }'],
    ['= for +=', 'let s = 0; s = x', 'let s = 0; s += x'],
    ['the wrong constant of the file', 'const f = (a) => a ? "minor" : "minor"; const g = "major"', 'const f = (a) => a ? "minor" : "major"; const g = "major"'],
    ['a superfluous statement', 'function f() { reset(); return 1 }', 'function f() { ; return 1 }'],
    ['length for the last index', 'a[a.length]', 'a[(a.length - 1)]'],
  ])('%s', (_what, source, expected) => {
    expect(variants(source)).toContain(expected)
  })

  test('TypeScript, JSX and TypeScript with JSX are read by the ending of the file', () => {
    expect(variants('const f = (a: number, b: number): number => a - b', 'a.ts')).toContain('const f = (a: number, b: number): number => a + b')
    expect(variants('export const A = () => <b>{n - 1}</b>', 'a.jsx')).toContain('export const A = () => <b>{n + 1}</b>')
    expect(variants('export const A = (p: { n: number }) => <b>{p.n - 1}</b>', 'a.tsx')).toContain('export const A = (p: { n: number }) => <b>{p.n + 1}</b>')
  })
})

describe('candidatesOf()', () => {
  test('knows the line and the functions around an edit', () => {
    const found = candidatesOf('a.js', 'export class Cart {\n  total(items) {\n    return items.reduce((sum, item) => sum - item.price, 0)\n  }\n}\n')
    const minus = found.ok ? found.value.candidates.find((candidate) => candidate.what === '- -> +') : undefined
    expect(minus).toMatchObject({ line: 3, functions: ['total'], file: 'a.js' })
  })

  test('leaves types, imports and directives alone', () => {
    const source = '\'use strict\'\nimport { a } from \'./b.js\'\ntype T = 1 | \'x\'\ninterface I { readonly n: 2 }\n'
    expect(variants(source, 'a.ts')).toEqual([])
  })

  test('never proposes the text that is already there, nor the same edit twice', () => {
    const source = 'const f = (a, b) => { if (a > 1 && b) return a.slice(0, 1); return b ?? a }'
    const made = variants(source)
    expect(made).not.toContain(source)
    expect(new Set(made).size).toBe(made.length)
  })

  test('refuses what does not parse, with the reason', () => {
    expect(candidatesOf('a.js', 'const = 1')).toMatchObject({ ok: false, reason: expect.stringContaining('1:6') as unknown })
  })

  test('survives nesting that is too deep for the parser', () => {
    expect(candidatesOf('a.js', '('.repeat(100_000)).ok).toBe(false)
  })
})
