import { describe, expect, test } from 'vitest'
import { candidatesOf } from './candidates.ts'
import { cluesOf } from './clues.ts'
import type { Clues } from './clues.ts'
import { nearestFirst, rank } from './ranking.ts'
import { isTestFile } from './workspace-files.ts'

const FILES = new Map([
  ['src/price.js', 'export function gross(net, rate) {\n  return add(net, net * rate)\n}\nexport function net(gross) {\n  return gross - 1\n}\n'],
  ['src/add.js', 'export const add = (a, b) => a - b\n'],
  ['src/other.js', 'export const far = (a, b) => a * b\n'],
  ['test/price.test.js', 'import test from \'node:test\'\nimport { gross } from \'../src/price.js\'\n\n\n\n\n\n\ntest(\'sums\', () => {\n  assert.equal(gross(1, 1), 2)\n})\n'],
])

const clues = (given: { readonly title?: string; readonly description?: string; readonly output?: string; readonly texts?: ReadonlyMap<string, string> }): Clues =>
  cluesOf({ title: '', description: '', output: '', texts: FILES, isTest: isTestFile, ...given })

const ranked = (given: Clues): readonly string[] => {
  const files = [...FILES].filter(([file]) => !isTestFile(file)).map(([file, text]) => candidatesOf(file, text))
  return rank(files.flatMap((found) => found.ok ? [found.value] : []), given).map((candidate) => `${candidate.file}:${candidate.line}`)
}

describe('clues', () => {
  test('lines come from stacks, with the path as the sandbox prints it', () => {
    const found = clues({ output: 'TypeError: x\n    at add (file:///workspace/src/add.js:1:27)\n    at gross (src/price.js:2:10)\n    at run (/usr/lib/node_modules/x/y.js:3:1)\n' })
    expect([...found.lines]).toEqual(['src/add.js:1', 'src/price.js:2'])
    expect([...found.files]).toEqual(['src/add.js', 'src/price.js'])
  })

  test('a frame in a test names what that test calls, and only what stands near', () => {
    const found = clues({ output: 'AssertionError\n    at TestContext.<anonymous> (file:///workspace/test/price.test.js:10:10)' })
    expect(found.strongNames).toContain('gross')
    expect(found.strongNames).not.toContain('assert')
    expect(found.lines.size).toBe(0)
    expect([...found.distance]).toEqual([['test/price.test.js', 0], ['src/price.js', 1]])
  })

  test('words of the task that are written as code are names, plain words are hints', () => {
    const found = clues({ title: 'gross() fails', description: 'Look at `net`, totalOf and `price.rate` for a large number of `price.items(1)`' })
    expect([...found.chiefNames]).toEqual(['gross'])
    expect([...found.strongNames]).toEqual(expect.arrayContaining(['gross', 'fails', 'net', 'totalOf', 'rate', 'items']))
    expect(found.strongNames).not.toContain('large')
    expect(found.weakNames).toContain('large')
  })

  test('what stands before a dot says nothing: it is the name of the whole', () => {
    expect([...clues({ title: '`lib.net(1)`', description: 'use lib.net(2)' }).strongNames]).toEqual(['net', 'lib'])
    expect(clues({ description: '`lib.net(1)`' }).strongNames).not.toContain('lib')
  })

  test('what both the task and the failing test name comes first of all', () => {
    const found = clues({ description: 'see `gross` and `net`', output: 'at /workspace/test/price.test.js:10:10' })
    expect([...found.chiefNames]).toEqual(['gross'])
  })

  test('imports are followed through folders, built names and require', () => {
    const texts = new Map([
      ['test/a.test.ts', 'import { a } from \'../src/index.js\''], ['src/index.ts', 'export * from \'./b\''], ['src/b.ts', 'const c = require(\'./deep\')'], ['src/deep/index.js', ''], ['src/lost.js', ''],
    ])
    expect([...clues({ texts }).distance]).toEqual([['test/a.test.ts', 0], ['src/index.ts', 1], ['src/b.ts', 2], ['src/deep/index.js', 3]])
  })
})

test('nearestFirst() reads the files of the stack, then those that are named, then by imports', () => {
  const texts = new Map([['test/a.test.js', 'import \'../src/near.js\''], ['src/near.js', 'import \'./next.js\''], ['src/next.js', ''], ['src/alone.js', ''], ['src/named.js', ''], ['src/thrown.js', '']])
  const found = clues({ texts, title: 'named is wrong', output: 'at /workspace/src/thrown.js:1:1' })
  expect(nearestFirst(['src/alone.js', 'src/next.js', 'src/near.js', 'src/named.js', 'src/thrown.js'], found)).toEqual(['src/thrown.js', 'src/named.js', 'src/near.js', 'src/next.js', 'src/alone.js'])
})

describe('rank()', () => {
  test('puts a line of the failing stack first', () => {
    expect(ranked(clues({ output: 'at far (/workspace/src/other.js:1:30)' }))[0]).toBe('src/other.js:1')
  })

  test('puts a function that the task names before the rest of its file and of the project', () => {
    expect(ranked(clues({ title: 'net() is off' })).slice(0, 2)).toEqual(['src/price.js:5', 'src/price.js:5'])
  })

  test('follows a call one step from the failing test\'s function', () => {
    const order = ranked(clues({ output: 'at /workspace/test/price.test.js:10:10' }))
    expect(order[0]).toBe('src/price.js:2')
    expect(order.indexOf('src/add.js:1')).toBeLessThan(order.indexOf('src/other.js:1'))
  })

  test('leaves nothing out', () => {
    expect(new Set(ranked(clues({})))).toEqual(new Set(['src/price.js:2', 'src/price.js:5', 'src/add.js:1', 'src/other.js:1']))
  })
})
