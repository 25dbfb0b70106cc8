import { child, children, functionsAround, isFunction, isMember, nameOf, textField } from '../syntax.ts'
import type { Place, SyntaxNode } from '../syntax.ts'
import type { Vocabulary } from './site.ts'

const NAMES_PER_FUNCTION_MAX = 24
const PROPERTIES_PER_OBJECT_MAX = 12
const STRINGS_MAX = 24
const STRING_LENGTH_MAX = 40

/** What a file's own words are, so that a wrong one can be swapped for a right one. */
export const vocabularyOf = (places: readonly Place[], source: string): Vocabulary => {
  const names = new Map<number, string[]>()
  const properties = new Map<string, string[]>()
  const strings: string[] = []
  for (const place of places) {
    const node = place.node
    if (isFunction(node)) for (const parameter of children(node, 'params')) addAll(names, node.start, boundNames(parameter), NAMES_PER_FUNCTION_MAX)
    if (node.type === 'VariableDeclarator') {
      const owner = functionsAround(place)[0]?.node.start ?? -1
      addAll(names, owner, boundNames(child(node, 'id')), NAMES_PER_FUNCTION_MAX)
    }
    if (isMember(node) && node['computed'] !== true) {
      const object = child(node, 'object')
      const property = nameOf(child(node, 'property'))
      if (object !== undefined && property !== undefined && object.end - object.start <= STRING_LENGTH_MAX) {
        addAll(properties, source.slice(object.start, object.end), [property], PROPERTIES_PER_OBJECT_MAX)
      }
    }
    if (node.type === 'StringLiteral' && place.field !== 'key') {
      const value = textField(node, 'value')
      if (strings.length < STRINGS_MAX && value.length <= STRING_LENGTH_MAX && !strings.includes(value)) strings.push(value)
    }
  }
  return { names, properties, strings }
}

/** Names that a pattern binds: `a`, `{ a, b: c }`, `[a, ...b]`, `a = 1`. */
const boundNames = (pattern: SyntaxNode | undefined): readonly string[] => {
  if (pattern === undefined) return []
  switch (pattern.type) {
    case 'Identifier': return [textField(pattern, 'name')]
    case 'AssignmentPattern': return boundNames(child(pattern, 'left'))
    case 'RestElement': return boundNames(child(pattern, 'argument'))
    case 'TSParameterProperty': return boundNames(child(pattern, 'parameter'))
    case 'ArrayPattern': return children(pattern, 'elements').flatMap(boundNames)
    case 'ObjectPattern': return children(pattern, 'properties').flatMap((property) => boundNames(child(property, 'value') ?? property))
    default: return []
  }
}

const addAll = <Key>(map: Map<Key, string[]>, key: Key, values: readonly string[], max: number): void => {
  const held = map.get(key) ?? []
  for (const value of values) if (held.length < max && !held.includes(value)) held.push(value)
  map.set(key, held)
}
