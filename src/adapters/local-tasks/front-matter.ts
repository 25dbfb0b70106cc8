import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import { fail, messageOf, ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'

/** A Markdown file in two: YAML between `---` lines, and the text after them. */
export interface FrontMatter {
  /** Scalars as they were written (`1.10` stays `1.10`), lists of such, null for a key without value, `unreadable` for anything else. */
  readonly fields: ReadonlyMap<string, FieldValue>
  readonly body: string
  /** Line in the file, from 1, of a field. */
  lineOf(field: string): number
}

export type FieldValue = string | null | readonly string[] | typeof UNREADABLE
export const UNREADABLE = Symbol('neither text nor list of texts')

export interface Broken {
  readonly line: number | undefined
  readonly reason: string
}

const FIELDS_MAX = 100
/** The parser works in one go, a second and more for deep nesting: what it is given is bounded, the text below it is not its concern. */
const SOURCE_LENGTH_MAX = 64 * 1024
const BRACKETS_MAX = 500
const FENCE = /^---[ \t]*$/

/**
 * Only plain data: YAML 1.2 core, each key once, no aliases, no tags. (A known front matter library runs JavaScript
 * that stands in a file; this reads untrusted files.)
 */
export const readFrontMatter = (bytes: Uint8Array): Result<FrontMatter, Broken> => {
  const text = decode(bytes)
  if (text === undefined) return fail({ line: undefined, reason: 'expected UTF-8 text' })
  const lines = text.split('\n')
  const end = lines.findIndex((line, index) => index > 0 && FENCE.test(line))
  if (!FENCE.test(lines[0] ?? '') || end === -1) return fail({ line: 1, reason: 'expected front matter: a line of ---, YAML, a line of ---' })
  const counter = new LineCounter()
  // The file's first line is part of the text given to the parser (as a document start), so that lines agree.
  const source = lines.slice(0, end).join('\n')
  if (source.length > SOURCE_LENGTH_MAX) return fail({ line: 1, reason: `expected front matter of at most ${SOURCE_LENGTH_MAX / 1024} KiB: the description goes below it` })
  if ((source.match(/[[{]/g)?.length ?? 0) > BRACKETS_MAX) return fail({ line: 1, reason: `expected at most ${BRACKETS_MAX} brackets in the front matter` })
  try {
    const document = parseDocument(source, { lineCounter: counter, version: '1.2', schema: 'core', uniqueKeys: true, stringKeys: true, prettyErrors: false, logLevel: 'error' })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) return fail({ line: counter.linePos(problem.pos[0]).line, reason: `not valid YAML: ${problem.message}` })
    const contents: unknown = document.contents
    const empty = contents === null || (isScalar(contents) && contents.value === null)
    if (!empty && !isMap(contents)) return fail({ line: 2, reason: 'expected `key: value` lines in the front matter' })
    const items = isMap(contents) ? contents.items : []
    if (items.length > FIELDS_MAX) return fail({ line: 2, reason: `expected at most ${FIELDS_MAX} fields` })
    const places = new Map<string, number>()
    const fields = new Map<string, FieldValue>()
    for (const pair of items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue
      const name = String(pair.key.value)
      fields.set(name, fieldValue(pair.value))
      places.set(name, counter.linePos(pair.key.range?.[0] ?? 0).line)
    }
    return ok({ fields, body: lines.slice(end + 1).join('\n').trim(), lineOf: (field) => places.get(field) ?? 1 })
  } catch (error) {
    // Nesting deeper than the parser's stack.
    return fail({ line: 2, reason: `not valid YAML: ${messageOf(error)}` })
  }
}

const fieldValue = (value: unknown): FieldValue => {
  if (value === null) return null
  if (isNode(value) && isScalar(value)) return scalarText(value)
  if (isNode(value) && 'items' in value && !isMap(value) && Array.isArray(value.items)) {
    const items = value.items.map((item: unknown) => (isNode(item) && isScalar(item) ? scalarText(item) : undefined))
    return items.every((item) => typeof item === 'string') ? items : UNREADABLE
  }
  return UNREADABLE
}

const scalarText = (scalar: { readonly value: unknown; readonly source?: string }): string | null =>
  scalar.value === null ? null : typeof scalar.value === 'string' ? scalar.value : scalar.source ?? String(scalar.value)

/** UTF-8 without byte order mark, line ends as \n, without control characters other than tab and line end. */
const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
  } catch {
    return undefined
  }
}
