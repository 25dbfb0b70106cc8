import type { z } from 'zod'
import { ChorusError } from '../core/mod.ts'
import { readOverrides } from './config-environment.ts'
import { configKeys, nearest } from './config-keys.ts'
import { configSchema } from './config-schema.ts'
import type { ConfigOutput } from './config-schema.ts'
import { toConfig } from './config-values.ts'
import type { ChorusConfig } from './config-values.ts'
import { readYaml } from './config-yaml.ts'
import type { YamlText } from './config-yaml.ts'

export type { ChorusConfig, ModelConfig, RepositoryConfig } from './config-values.ts'

export interface ParseConfigOptions {
  /** Environment variables; `CHORUS_*` ones override the file. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** For messages. */
  readonly file?: string
}

/**
 * The text of chorus.yaml to a checked configuration, or a CONFIG_INVALID that names key, line, what was expected and
 * what came, for up to ten mistakes at once; `setting` is the first one's key.
 */
export const parseConfig = (text: string, options: ParseConfigOptions): ChorusConfig => {
  const file = options.file ?? 'chorus.yaml'
  const yaml = readYaml(text)
  if (!yaml.ok) throw new ChorusError('CONFIG_INVALID', `${file} ${yaml.reason}`)
  const overrides = readOverrides(options.env)
  const data = overrides.values.reduce((sum, { path, value }) => withValue(sum, path, value), spelledOut(yaml.value.data))
  const parsed = configSchema.safeParse(data)
  const variables = new Map(overrides.values.map(({ path, variable }) => [path.join('.'), variable]))
  const places = { file, yaml: yaml.value, variables }
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => problemsOf(issue, data, places)))
  const contradictions = contradictionsOf(parsed.data)
  if (contradictions.length > 0) throw invalid(contradictions.map(({ path, reason }) => problemAt(path, reason, data, places)))
  return toConfig(parsed.data, overrides.warnings)
}

interface Places {
  readonly file: string
  readonly yaml: YamlText
  /** Environment variable by key. */
  readonly variables: ReadonlyMap<string, string>
}

interface Problem {
  readonly key: string
  readonly text: string
}

const PROBLEMS_MAX = 10

const invalid = (problems: readonly Problem[]): ChorusError => {
  const shown = problems.slice(0, PROBLEMS_MAX).map(({ text }) => text)
  const more = problems.length > PROBLEMS_MAX ? [`and ${problems.length - PROBLEMS_MAX} more`] : []
  const setting = problems[0]?.key
  return new ChorusError('CONFIG_INVALID', [...shown, ...more].join('\n'), { ...(setting === undefined ? {} : { setting }), data: { problems: shown } })
}

const problemsOf = (issue: z.core.$ZodIssue, data: unknown, places: Places): readonly Problem[] => {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key, places))
  if (issue.code === 'invalid_union') {
    // Of the forms that a value may take, the one that got furthest is the one that was meant.
    const form = [...issue.errors].sort((a, b) => depthOf(b) - depthOf(a))[0] ?? []
    return form.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, data, places))
  }
  return [problemAt(issue.path, issue.message, data, places)]
}

const depthOf = (issues: readonly z.core.$ZodIssue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)))

const unknownKey = (path: readonly PropertyKey[], key: string, places: Places): Problem => {
  const folder = keyName(path)
  const prefix = folder === '' ? '' : `${folder.replaceAll(/\[\d+\]/g, '[]')}.`
  const siblings = configKeys().filter(({ name }) => name.startsWith(prefix) && !/[.[]/.test(name.slice(prefix.length))).map(({ name }) => name.slice(prefix.length))
  const meant = nearest(key, siblings)
  const name = keyName([...path, key.slice(0, 80)])
  const help = meant !== undefined ? `did you mean ${meant}?` : `known here: ${siblings.join(', ')}`
  return { key: name, text: `${places.file} line ${places.yaml.lineOf(path, key)}: unknown key ${JSON.stringify(name)}: ${help}` }
}

const problemAt = (path: readonly PropertyKey[], reason: string, data: unknown, places: Places): Problem => {
  const key = keyName(path)
  const variable = places.variables.get(key)
  const place = variable === undefined ? `${places.file} line ${places.yaml.lineOf(path)}` : `environment variable ${variable}`
  return { key, text: `${place}: ${key === '' ? '' : `${key}: `}${reason}, got ${shown(valueAt(data, path))}` }
}

/** Mistakes that no single value has. */
const contradictionsOf = (config: ConfigOutput): readonly { readonly path: readonly PropertyKey[]; readonly reason: string }[] => {
  const { weights } = config.matching
  const found: { readonly path: readonly PropertyKey[]; readonly reason: string }[] = []
  if (Math.abs(weights.role + weights.expertise + weights.availability + weights.performance - 1) > 1e-6) {
    found.push({ path: ['matching', 'weights'], reason: 'expected four weights whose sum is 1' })
  }
  if (config.claims.renew * 3 > config.claims.lease) found.push({ path: ['claims', 'renew'], reason: `expected at most a third of claims.lease (${config.claims.lease / 3_000}s)` })
  for (const [index, repository] of config.repositories.entries()) {
    if (repository.path !== undefined && repository.url !== undefined) found.push({ path: ['repositories', index], reason: 'expected path or url, not both' })
  }
  const { engine, command, preset } = config.execution
  if (engine === 'command' && command === undefined) found.push({ path: ['execution', 'command'], reason: 'expected the command to run, since execution.engine is command' })
  if (engine === 'acp' && command === undefined && preset === undefined) found.push({ path: ['execution', 'command'], reason: 'expected a command or a preset, since execution.engine is acp' })
  return found
}

const keyName = (path: readonly PropertyKey[]): string =>
  path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('')

const valueAt = (data: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined), data)

const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

/** A value that should be a section and is none stays, and the schema complains of it. */
const withValue = (data: unknown, path: readonly string[], value: unknown): unknown => {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (data !== undefined && data !== null && (typeof data !== 'object' || Array.isArray(data))) return data
  const record = (data ?? {}) as Record<string, unknown>
  return { ...record, [key]: withValue(record[key], rest, value) }
}

/** `sandbox: none` is short for a section with that kind. */
const spelledOut = (data: unknown): unknown => {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return data
  const { sandbox } = data as { readonly sandbox?: unknown }
  return typeof sandbox === 'string' ? { ...data, sandbox: { kind: sandbox } } : data
}
