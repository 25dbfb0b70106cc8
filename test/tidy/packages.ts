import { importsOf, isCode, isProduction } from './source.ts'
import type { Finding, SourceText } from './source.ts'

/** npm packages by folder; the longest prefix counts. What is not named has none. */
const PACKAGES: readonly (readonly [string, readonly string[]])[] = [
  ['src/wire/', ['zod']],
  ['src/node/', ['zod', 'yaml']],
  ['src/cli/', ['commander', 'yaml', 'zod']],
  ['src/adapters/acp/', ['@agentclientprotocol/sdk']],
  ['src/adapters/hypercore/', ['hypercore']],
  ['src/adapters/libp2p/', ['libp2p', '@libp2p/*', '@multiformats/multiaddr']],
  ['src/adapters/local-tasks/', ['yaml']],
  ['src/adapters/pino/', ['pino']],
  ['src/adapters/repair/', ['@babel/parser']],
  ['src/adapters/secretlint/', ['@secretlint/*']],
  ['src/sim/matching/', ['munkres']],
  ['src/testing/', ['vitest', '@agentclientprotocol/sdk', 'hypercore', 'libp2p', '@libp2p/*', 'fast-check']],
]
/** Node's own modules, outside the folders that may touch the machine: functions of their input only, or types. */
const PURE_BUILTINS: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash', 'createHmac', 'createPrivateKey', 'createPublicKey', 'sign', 'verify', 'KeyObject', 'timingSafeEqual'],
}
const MACHINE = /^src\/(?:adapters|cli|surfaces|testing|sim)\//

export const packageFindings = (files: readonly SourceText[]): readonly Finding[] => files.filter(isProduction).flatMap((file) => {
  const allowed = [...PACKAGES].sort(([a], [b]) => b.length - a.length).find(([prefix]) => file.path.startsWith(prefix))?.[1] ?? []
  return importsOf(file).filter(({ target }) => !target.startsWith('.')).flatMap(({ target, line, typeOnly, names }) => {
    const place = `${file.path}:${line}`
    if (!target.startsWith('node:')) {
      const name = packageOf(target)
      const fits = allowed.some((item) => item === name || (item.endsWith('/*') && name.startsWith(item.slice(0, -1))))
      return fits ? [] : [{ rule: 'package-table', place, reason: `this folder may not use ${name}; it may use ${allowed.join(', ') || 'no package'}` }]
    }
    if (MACHINE.test(file.path) || typeOnly) return []
    const unfit = target === 'node:crypto' && file.path.startsWith('src/core/') ? names.filter((name) => PURE_BUILTINS[target]?.includes(name) !== true) : [target]
    return unfit.length === 0 ? [] : [{ rule: 'builtin-table', place, reason: `${unfit.join(', ')} reaches outside: go through a port` }]
  })
})

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** Used by their program, not by an import. */
const TOOLS: ReadonlySet<string> = new Set(['typescript', '@types/node', 'eslint'])

/** What is imported is declared, and what is declared is imported; versions are exact. */
export const manifestFindings = (files: readonly SourceText[]): readonly Finding[] => {
  const manifest = JSON.parse(files.find(({ path }) => path === 'package.json')?.text ?? '{}') as Manifest
  const { dependencies = {}, devDependencies = {} } = manifest
  // Example and end-to-end agents bring manifests of their own.
  const own = files.filter((file) => !file.path.startsWith('examples/') && !file.path.startsWith('test/e2e/agents/'))
  const code = own.filter((file) => isCode(file) || /^(?:bin|scripts)\/.*\.js$|^eslint\.config\.js$/.test(file.path))
  const used = new Map<string, { readonly place: string; readonly production: boolean }>()
  for (const file of code) {
    const production = isProduction(file) && !file.path.startsWith('src/testing/') && !file.path.startsWith('src/sim/')
    for (const { target, line } of importsOf(file).filter((found) => /^[@a-z]/.test(found.target) && !found.target.startsWith('node:'))) {
      const name = packageOf(target)
      if (used.get(name)?.production !== true) used.set(name, { place: `${file.path}:${line}`, production })
    }
  }
  const findings: Finding[] = []
  for (const [name, { place, production }] of used) {
    if (dependencies[name] === undefined && (production || devDependencies[name] === undefined)) {
      findings.push({ rule: 'undeclared-package', place, reason: `${name} is not in package.json's ${production ? 'dependencies' : 'devDependencies'}` })
    }
  }
  for (const [name, version] of [...Object.entries(dependencies), ...Object.entries(devDependencies)]) {
    if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) findings.push({ rule: 'loose-version', place: 'package.json', reason: `${name} has version ${version}; an exact one is wanted` })
    const isUsed = used.has(name) || TOOLS.has(name)
    if (!isUsed) findings.push({ rule: 'unused-package', place: 'package.json', reason: `${name} is imported nowhere` })
    else if (dependencies[name] !== undefined && used.get(name)?.production === false) findings.push({ rule: 'unused-package', place: 'package.json', reason: `${name} is used by tests alone: it belongs to devDependencies` })
  }
  return findings
}

const packageOf = (target: string): string => target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/')
