import path from 'node:path'
import { parse } from '@babel/parser'
import type { ParserPlugin } from '@babel/parser'
import { fail, messageOf, ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'

/** A node of the parser, known only by shape: fields are read through `child` and `children`, never trusted. */
export interface SyntaxNode {
  readonly type: string
  /** UTF-16 offsets into the source, end exclusive. */
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** A node and the way to it from the root. */
export interface Place {
  readonly node: SyntaxNode
  readonly parent: Place | undefined
  /** Field of the parent's node in which this one stands. */
  readonly field: string
}

/** Most nodes that are looked at in one file; a longer file is searched from its beginning. */
const NODES_MAX = 100_000

/** Parses JavaScript, JSX or TypeScript by the file's ending. Never runs anything of it. */
export const parseSource = (file: string, text: string): Result<SyntaxNode> => {
  const extension = path.extname(file)
  const plugins: ParserPlugin[] = ['decorators']
  if (/^\.[cm]?ts$|^\.tsx$/.test(extension)) plugins.push('typescript')
  if (/^\.[cm]?js$|^\.jsx$|^\.tsx$/.test(extension)) plugins.push('jsx')
  try {
    const tree: unknown = parse(text, {
      sourceType: extension.startsWith('.m') ? 'module' : 'unambiguous',
      createParenthesizedExpressions: true,
      allowReturnOutsideFunction: true,
      attachComment: false,
      plugins,
    }).program
    return isNode(tree) ? ok(tree) : fail('the parser gave no program')
  } catch (thrown) {
    // A syntax error of the file, or nesting too deep for the parser: either way this file is not searched.
    return fail(messageOf(thrown))
  }
}

/** Every node, parents first, in source order. Types, interfaces and imports are passed over: no behaviour there. */
export const placesOf = (root: SyntaxNode): readonly Place[] => {
  const places: Place[] = []
  const waiting: Place[] = [{ node: root, parent: undefined, field: '' }]
  while (places.length < NODES_MAX) {
    const place = waiting.pop()
    if (place === undefined) break
    places.push(place)
    const inner: Place[] = []
    for (const field of Object.keys(place.node)) {
      for (const node of children(place.node, field)) {
        if (!isPassedOver(node)) inner.push({ node, parent: place, field })
      }
    }
    inner.sort((left, right) => right.node.start - left.node.start)
    waiting.push(...inner)
  }
  return places
}

/** The single node in a field, parentheses taken off; undefined when there is none. */
export const child = (node: SyntaxNode, field: string): SyntaxNode | undefined => {
  let value = node[field]
  while (isNode(value) && value.type === 'ParenthesizedExpression') value = value['expression']
  return isNode(value) ? value : undefined
}

/** The nodes in a field, be it one or a list. */
export const children = (node: SyntaxNode, field: string): readonly SyntaxNode[] => {
  const value = node[field]
  if (Array.isArray(value)) return value.filter(isNode)
  return isNode(value) ? [value] : []
}

/** The text in a field (`name`, `operator`, `kind`), or '' when it holds none. */
export const textField = (node: SyntaxNode, field: string): string => {
  const value = node[field]
  return typeof value === 'string' ? value : ''
}

export const isFunction = (node: SyntaxNode): boolean =>
  /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|ObjectMethod|ClassMethod|ClassPrivateMethod)$/.test(node.type)

/** The functions around a place, innermost first, the place itself included when it is one. */
export const functionsAround = (place: Place): readonly Place[] => {
  const around: Place[] = []
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) if (isFunction(at.node)) around.push(at)
  return around
}

/** What people call a function: its own name, or that of the variable, property or export it is put in. */
export const functionName = (place: Place): string | undefined => {
  const own = child(place.node, 'id') ?? child(place.node, 'key')
  if (own !== undefined) return nameOf(own)
  const holder = place.parent?.node
  if (holder === undefined) return undefined
  if (holder.type === 'VariableDeclarator') return nameOf(child(holder, 'id'))
  if (holder.type === 'AssignmentExpression') return nameOf(child(holder, 'left'))
  if (holder.type === 'ObjectProperty' || holder.type === 'ClassProperty') return nameOf(child(holder, 'key'))
  return undefined
}

/** The identifier that a node ends in: `add` for `add`, `#add`, `maths.add` and `'add'`. */
export const nameOf = (node: SyntaxNode | undefined): string | undefined => {
  if (node === undefined) return undefined
  if (node.type === 'Identifier') return textField(node, 'name')
  if (node.type === 'PrivateName') return nameOf(child(node, 'id'))
  if (node.type === 'StringLiteral') return textField(node, 'value')
  if (isMember(node) && node['computed'] !== true) return nameOf(child(node, 'property'))
  return undefined
}

export const isMember = (node: SyntaxNode): boolean => node.type === 'MemberExpression' || node.type === 'OptionalMemberExpression'
export const isCall = (node: SyntaxNode): boolean => node.type === 'CallExpression' || node.type === 'OptionalCallExpression'

const isPassedOver = (node: SyntaxNode): boolean =>
  node.type.startsWith('TSType') || node.type.startsWith('TSInterface') || node.type.startsWith('Import') ||
  node.type === 'Directive' || node.type === 'ExportAllDeclaration'

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' &&
  'start' in value && typeof value.start === 'number' && 'end' in value && typeof value.end === 'number'
