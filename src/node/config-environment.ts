import { configKeys, nearest } from './config-keys.ts'
import type { ConfigKey } from './config-keys.ts'

/** The environment variable that overrides a key: `agent.max_tasks` is `CHORUS_AGENT_MAX_TASKS`. Sections and items of lists have none. */
export const environmentNameOf = (key: ConfigKey): string | undefined =>
  key.name.includes('[]') || key.kind === 'section' ? undefined : `CHORUS_${key.name.replaceAll('.', '_').toUpperCase()}`

/** Variables of the command line, which are no part of the configuration. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(['CHORUS_CONFIG', 'CHORUS_STATE'])

export interface Overrides {
  readonly values: readonly { readonly variable: string; readonly path: readonly string[]; readonly value: unknown }[]
  readonly warnings: readonly string[]
}

/**
 * What the environment overrides. Lists are separated by commas, flags are `true` or `false`; an empty variable counts
 * as absent. A variable that looks like ours but is not is a warning, since other programs may own it.
 */
export const readOverrides = (environment: Readonly<Record<string, string | undefined>>): Overrides => {
  const known = new Map(configKeys().map((key) => [environmentNameOf(key), key] as const))
  const values: Overrides['values'][number][] = []
  const warnings: string[] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('CHORUS_') || text === undefined || text === '' || OTHER_VARIABLES.has(variable)) continue
    const key = known.get(variable)
    if (key !== undefined) {
      values.push({ variable, path: key.name.split('.'), value: valueOf(key, text) })
      continue
    }
    const meant = nearest(variable, [...known.keys()].filter((name) => name !== undefined))
    warnings.push(`environment variable ${variable} sets nothing${meant === undefined ? '' : `: did you mean ${meant}?`}`)
  }
  return { values, warnings }
}

const valueOf = (key: ConfigKey, text: string): unknown => {
  if (key.kind === 'texts') return text.split(',').map((item) => item.trim()).filter((item) => item !== '')
  if (key.kind === 'flag') return text === 'true' ? true : text === 'false' ? false : text
  // What is no number stays text, so that the schema's complaint shows what was written.
  if (key.kind === 'number') return /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text
  return text
}
