import { describe, expect, it } from 'vitest'
import { tidyFindings } from './rules.ts'
import type { SourceText } from './source.ts'

/** The rules that are broken by files made up for it, in a repository that is otherwise in order. */
const brokenBy = (...files: readonly (readonly [string, string])[]): readonly string[] => {
  const planted: SourceText[] = files.map(([path, text]) => ({ path, text }))
  const manifest = { path: 'package.json', text: '{"dependencies":{"zod":"4.6.7"},"devDependencies":{"vitest":"5.1.1"}}' }
  const order: SourceText[] = [
    { path: 'src/wire/codec.ts', text: "import { z } from 'zod'\nexport const text = z.string()\n" },
    { path: 'src/wire/codec.test.ts', text: "import { it } from 'vitest'\nit('x', () => undefined)\n" },
  ]
  const all = [...order, ...(planted.some(({ path }) => path === 'package.json') ? [] : [manifest]), ...planted]
  return [...new Set(tidyFindings(all).map(({ rule }) => rule))].sort()
}
/** Split, so that the real repository's text search does not find what is planted here. */
const join = (...parts: readonly string[]): string => parts.join('')

describe('the tidy rules', () => {
  it('find nothing in a house in order', () => {
    expect(brokenBy(
      ['src/core/ids.ts', "import { createHash } from 'node:crypto'\nexport const a = createHash\n"],
      ['src/core/mod.ts', "export * from './ids.ts'\n"],
      ['src/work/claims/mod.ts', "import { a } from '../../core/mod.ts'\nimport type { Readable } from 'node:stream'\nexport const b = (stream: Readable): unknown => [a, stream]\n"],
      ['src/work/execution/run.ts', "import { b } from '../claims/mod.ts'\nexport const c = b\n"],
      ['src/adapters/system/clock.ts', 'export const now = (): number => Date.now()\n'],
      ['src/cli/main.ts', "import { now } from '../adapters/system/mod.ts'\nconsole.log(now())\n"],
      ['src/work/claims/service.test.ts', "import { now } from '../../adapters/system/clock.ts'\nnow()\n"],
    )).toEqual([])
  })

  it.each([
    ['core imports anything', 'src/core/a.ts', "import '../ports/mod.ts'", 'import-table'],
    ['ports import wire', 'src/ports/a.ts', "import '../wire/mod.ts'", 'import-table'],
    ['one group imports another', 'src/work/claims/a.ts', "import type { A } from '../../swarm/rooms/mod.ts'", 'import-table'],
    ['a room imports the coordinator', 'src/memory/audit/a.ts', "import '../../coordinator/mod.ts'", 'import-table'],
    ['one adapter imports another', 'src/adapters/git/a.ts', "import '../libp2p/mod.ts'", 'import-table'],
    ['an adapter imports a room', 'src/adapters/git/a.ts', "import '../../work/claims/mod.ts'", 'import-table'],
    ['node imports an adapter', 'src/node/a.ts', "import '../adapters/git/mod.ts'", 'import-table'],
    ['node imports a surface', 'src/node/a.ts', "import '../surfaces/control/mod.ts'", 'import-table'],
    ['production imports the doubles', 'src/coordinator/a.ts', "import '../testing/manual-clock.ts'", 'import-table'],
    ['a type is imported from where none may be', 'src/core/a.ts', "export const a = (b: import('../ports/mod.ts').Clock): unknown => b", 'import-table'],
    ['an import is hidden in a call', 'src/core/a.ts', "export const a = () => import('../node/config.ts')", 'import-table'],
    ['an import is hidden in a re-export', 'src/core/a.ts', "export * from '../node/config.ts'", 'import-table'],
    ['a room is entered by the window', 'src/work/execution/a.ts', "import '../claims/machine.ts'", 'import-door'],
    ['core is entered by the window', 'src/wire/a.ts', "import '../core/ids.ts'", 'import-door'],
    ['an import has no suffix', 'src/wire/a.ts', "import './codec'", 'import-suffix'],
    ['a folder that is not in the plan', 'src/stuff/a.ts', 'export const a = 1', 'unknown-folder'],
    ['a package where none may be', 'src/work/claims/a.ts', "import { z } from 'zod'", 'package-table'],
    ['another folder takes a package', 'src/adapters/pino/a.ts', "import { z } from 'zod'", 'package-table'],
    ['a room reads files', 'src/work/claims/a.ts', "import { readFile } from 'node:fs'", 'builtin-table'],
    ['core draws keys', 'src/core/a.ts', "import { generateKeyPairSync } from 'node:crypto'", 'builtin-table'],
    ['a room hashes by itself', 'src/work/claims/a.ts', "import { createHash } from 'node:crypto'", 'builtin-table'],
    ['the wall clock', 'src/work/claims/a.ts', 'export const a = Date.now()', 'banned-global'],
    ['the wall clock as an object', 'src/work/claims/a.ts', 'export const a = new Date()', 'banned-global'],
    ['a timer', 'src/coordinator/a.ts', 'setTimeout(() => undefined, 1)', 'banned-global'],
    ['a timer in disguise', 'src/coordinator/a.ts', 'export const later = AbortSignal.timeout(5)', 'banned-global'],
    ['a global under another name', 'src/coordinator/a.ts', 'export const later = globalThis.setTimeout', 'banned-global'],
    ['chance', 'src/swarm/election/a.ts', 'export const a = Math.random()', 'banned-global'],
    ['an id by chance', 'src/wire/a.ts', "import { randomUUID } from 'node:crypto'\nexport const a = randomUUID()", 'banned-global'],
    ['the network', 'src/node/a.ts', "export const a = fetch('http://x')", 'banned-global'],
    ['the environment', 'src/node/a.ts', 'export const a = process.env.X', 'banned-global'],
    ['a global beside a local of that name', 'src/node/a.ts', 'export const a = (process: string): string => process\nexport const b = process.env', 'banned-global'],
    ['the terminal', 'src/node/a.ts', "console.log('x')", 'banned-global'],
    ['a default export', 'src/cli/a.ts', 'export default 1', 'default-export'],
    ['a default function', 'src/cli/a.ts', 'export default function a(): void {}', 'default-export'],
    ['an enum', 'src/cli/a.ts', 'export enum A { B }', 'not-erasable'],
    ['a namespace', 'src/cli/a.ts', 'export namespace A { export const b = 1 }', 'not-erasable'],
    ['a parameter property', 'src/cli/a.ts', 'export class A { constructor(readonly b: string) {} }', 'not-erasable'],
    ['any', 'src/cli/a.ts', 'export const a = (b: any): unknown => b', 'any'],
    ['a file too long', 'src/cli/a.ts', 'export const a = 1\n'.repeat(401), 'file-length'],
    ['a name in capitals', 'src/cli/RunThings.ts', 'export const a = 1', 'file-name'],
    ['a name that says nothing', 'src/cli/utils.ts', 'export const a = 1', 'file-name'],
    ['something unfinished', 'src/cli/a.ts', join('// TO', 'DO later'), 'unfinished'],
    ['something unfinished in prose', 'docs/a.md', join('FIX', 'ME: say more'), 'unfinished'],
    ['a path of one machine', 'docs/a.md', join('see /wo', 'rk/main/x'), 'machine-path'],
    ['a home folder', 'src/cli/a.ts', join("export const a = '/ho", "me/someone/x'"), 'machine-path'],
    ['a registry of one network', 'docs/a.md', join('https://artif', 'actory.example/npm'), 'registry-host'],
    ['a lockfile from another registry', 'package-lock.json', '{ "resolved": "http://10.0.0.1:4873/zod.tgz" }', 'registry-host'],
    ['a test that does not run', 'src/cli/a.test.ts', join('it.sk', "ip('x', () => undefined)"), 'skipped-test'],
    ['a package that is not declared', 'src/adapters/pino/a.ts', "import 'pino'", 'undeclared-package'],
    ['production on a development package', 'src/adapters/pino/a.ts', "import 'vitest'", 'undeclared-package'],
    ['a package that nobody uses', 'package.json', '{"dependencies":{"zod":"4.6.7","left-pad":"1.3.0"},"devDependencies":{"vitest":"5.1.1"}}', 'unused-package'],
    ['a test tool among the dependencies', 'package.json', '{"dependencies":{"zod":"4.6.7","vitest":"5.1.1"}}', 'unused-package'],
    ['a version that may move', 'package.json', '{"dependencies":{"zod":"^4.6.7"},"devDependencies":{"vitest":"5.1.1"}}', 'loose-version'],
  ])('find %s', (_name, path, text, rule) => {
    expect(brokenBy([path, text])).toContain(rule)
  })

  it('find circles between rooms and between files', () => {
    expect(brokenBy(
      ['src/work/claims/mod.ts', "import type { B } from '../execution/mod.ts'\nexport type A = B"],
      ['src/work/execution/mod.ts', "import type { A } from '../claims/mod.ts'\nexport type B = A"],
    )).toEqual(['room-cycle'])
    expect(brokenBy(['src/core/a.ts', "export * from './b.ts'"], ['src/core/b.ts', "export * from './c.ts'"], ['src/core/c.ts', "export * from './a.ts'"])).toEqual(['file-cycle'])
  })

  it('do not mind words in comments, texts, members and types', () => {
    expect(brokenBy(
      ['src/work/claims/a.ts', [
        '/** Never Date.now() or setTimeout; console is for people. */',
        "export const a = 'fetch(process.env)'",
        'export interface B { fetch(): void; process: string; console?: { log(): void } }',
        'export const c = (b: B): unknown => [b.fetch(), b.process, { performance: 1 }, new Date(5)]',
        'const { performance } = { performance: 2 }',
        'export const d = async (process: B): Promise<unknown> => { for (const fetch of [1]) { performance.toFixed(fetch) } return process.fetch }',
      ].join('\n')],
      ['docs/a.md', '`src/work/claims` and ../work/matching/mod.ts and refs/heads/work/x'],
    )).toEqual([])
  })
})
