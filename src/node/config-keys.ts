import { configJsonSchema } from './config-schema.ts'

/** One key of chorus.yaml as people see it: for the documentation, for environment variables and for suggestions. */
export interface ConfigKey {
  /** `agent.max_tasks`, `repositories[].delivery`. */
  readonly name: string
  readonly kind: 'text' | 'number' | 'flag' | 'texts' | 'section'
  readonly choices: readonly string[]
  readonly default: unknown
  readonly description: string
}

interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly default?: unknown
  readonly description?: string
}

/** All keys in the order of the schema, sections before what is in them. */
export const configKeys = (): readonly ConfigKey[] => keysBelow(configJsonSchema() as Schema, '')

const keysBelow = (schema: Schema, prefix: string): readonly ConfigKey[] =>
  Object.entries(sectionOf(schema)?.properties ?? {}).flatMap(([key, member]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    const below = member.items ?? member.anyOf?.find((choice) => choice.items !== undefined)?.items
    return [
      { name, kind: kindOf(member), choices: choicesOf(member), default: member.default, description: member.description ?? '' },
      ...keysBelow(member, name),
      ...(below === undefined ? [] : keysBelow(below, `${name}[]`)),
    ]
  })

/** The section itself, or the section among the forms that a value may take. */
const sectionOf = (schema: Schema): Schema | undefined => (schema.properties !== undefined ? schema : schema.anyOf?.find((choice) => choice.properties !== undefined))

const kindOf = (schema: Schema): ConfigKey['kind'] => {
  if (sectionOf(schema) !== undefined || sectionOf(schema.items ?? {}) !== undefined) return 'section'
  const forms = [schema, ...(schema.anyOf ?? [])]
  if (forms.some((form) => form.items?.type === 'array')) return 'section'
  if (forms.some((form) => form.type === 'string')) return 'text'
  if (forms.some((form) => form.type === 'array')) return 'texts'
  return forms.some((form) => form.type === 'boolean') ? 'flag' : 'number'
}

const choicesOf = (schema: Schema): readonly string[] => schema.enum ?? schema.items?.enum ?? schema.anyOf?.find((form) => form.enum !== undefined)?.enum ?? []

/** The nearest of the known words, when it is near enough to be meant. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const wanted = word.toLowerCase().replaceAll('-', '_').slice(0, 60)
  const ranked = known.map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) })).sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(1, Math.floor(wanted.length / 3)) ? best.candidate : undefined
}

/** Levenshtein distance. */
const editDistance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, facing] of [...other].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === facing ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
