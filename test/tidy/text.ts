import { isCode } from './source.ts'
import type { Finding, SourceText } from './source.ts'

/** Words are put together so that this file does not find itself. */
const MARKS = [['TO', 'DO'], ['FIX', 'ME'], ['X', 'XX']].map((parts) => parts.join('')).join('|')
/** As a remark or with a colon; a program's output may speak of such things. */
const UNFINISHED = new RegExp(`(?:^|\\s)(?://|/\\*+|\\*|<!--)\\s*(?:${MARKS})\\b|\\b(?:${MARKS})(?::|\\()`)
/** Absolute paths of the machines on which the project is made; `../work/…` and `src/work/…` are ours. */
const MACHINE_PATH = new RegExp(`(?<![\\w.*)])/(?:${['wo', 'rk'].join('')}|root|home/[a-z][\\w-]*)/[\\w.]`)
const REGISTRY = new RegExp(`(?:${['artif', 'actory'].join('')}|${['verd', 'accio'].join('')}|${['/repository', '/npm'].join('')})`, 'i')
const SKIPPED = new RegExp(`\\b(?:it|test|describe)\\.(?:${['sk', 'ip'].join('')}|${['on', 'ly'].join('')}|${['to', 'do'].join('')})\\b`)

export const textFindings = (files: readonly SourceText[]): readonly Finding[] => files.flatMap((file) => [
  ...nameFindings(file),
  ...linesWith(file, UNFINISHED, 'unfinished', 'finish it, or say in prose what is not done'),
  ...(isLock(file) ? lockFindings(file) : linesWith(file, MACHINE_PATH, 'machine-path', 'a path of one machine')),
  ...(isLock(file) ? [] : linesWith(file, REGISTRY, 'registry-host', 'a registry of one network')),
  ...(isCode(file) ? linesWith(file, SKIPPED, 'skipped-test', 'a test that does not run') : []),
])

const NAME = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*)(?:\.[a-z0-9]+)*\.ts$/

const nameFindings = (file: SourceText): readonly Finding[] => {
  if (!isCode(file)) return []
  const name = file.path.slice(file.path.lastIndexOf('/') + 1)
  const findings: Finding[] = []
  if (!NAME.test(name)) findings.push({ rule: 'file-name', place: file.path, reason: 'file names are kebab-case' })
  if (/^(?:utils?|helpers?|common|misc|index)(?:\.test)?\.ts$/.test(name)) findings.push({ rule: 'file-name', place: file.path, reason: 'a file is named by its idea' })
  return findings
}

const linesWith = (file: SourceText, pattern: RegExp, rule: string, reason: string): readonly Finding[] =>
  file.text.split('\n').flatMap((line, index) => (pattern.test(line) ? [{ rule, place: `${file.path}:${index + 1}`, reason: `${reason}: ${line.trim().slice(0, 100)}` }] : []))

const isLock = (file: SourceText): boolean => file.path.endsWith('package-lock.json')

const lockFindings = (file: SourceText): readonly Finding[] =>
  [...new Set([...file.text.matchAll(/"resolved": "(\w+:\/\/[^/"]+)/g)].map(([, host = '']) => host))].filter((host) => host !== 'https://registry.npmjs.org')
    .map((host) => ({ rule: 'registry-host', place: file.path, reason: `packages are resolved from ${host}` }))
