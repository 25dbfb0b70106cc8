import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Document, Node } from 'yaml'
import { fail, messageOf, ok } from '../core/mod.ts'
import type { Result } from '../core/mod.ts'

/** A YAML text that was read: its data, and where in the text each part stands. */
export interface YamlText {
  readonly data: unknown
  /** Line, from 1, of the value at the path, of its key when `key` is set, or of the nearest part around it. */
  lineOf(path: readonly PropertyKey[], key?: string): number
}

const BYTES_MAX = 256 * 1024
/** A node that is named once and used often is convenience; thousands are an attack (billion laughs). */
const ALIASES_MAX = 20

/** YAML 1.2, core schema, one document, each key once; a key without a value counts as absent. `reason` names the line. */
export const readYaml = (text: string): Result<YamlText> => {
  if (Buffer.byteLength(text) > BYTES_MAX) return fail(`expected at most ${BYTES_MAX / 1024} KiB`)
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, version: '1.2', schema: 'core', uniqueKeys: true, stringKeys: true, prettyErrors: false, logLevel: 'error' })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) return fail(`line ${lines.linePos(problem.pos[0]).line}: ${problem.message}`)
    const data: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return ok({ data: withoutEmpty(data) ?? {}, lineOf: (path, key) => lineOf(document, lines, path, key) })
  } catch (error) {
    // Alias bombs, and nesting deeper than the parser's stack.
    return fail(messageOf(error))
  }
}

const withoutEmpty = (data: unknown): unknown => {
  if (Array.isArray(data)) return data.map(withoutEmpty)
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null).map(([key, value]) => [key, withoutEmpty(value)]))
}

const lineOf = (document: Document, lines: LineCounter, path: readonly PropertyKey[], key: string | undefined): number => {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const place = isNode(node) ? (length === path.length ? keyOffset(node, key) : undefined) ?? offsetOf(node) : undefined
    if (place !== undefined) return lines.linePos(place).line
  }
  return 1
}

const keyOffset = (node: Node, key: string | undefined): number | undefined => {
  if (key === undefined || !isMap(node)) return undefined
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
  return pair !== undefined && isNode(pair.key) ? offsetOf(pair.key) : undefined
}

const offsetOf = (node: Node): number | undefined => node.range?.[0]
