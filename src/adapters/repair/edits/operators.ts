import { child, textField } from '../syntax.ts'
import type { SyntaxNode } from '../syntax.ts'
import type { Edit, Rule, Site } from './site.ts'

/** Other operators that are written by mistake for this one, likeliest first. */
const BINARY: Readonly<Record<string, readonly string[]>> = {
  '+': ['-', '*'], '-': ['+', '*'], '*': ['/', '+', '**'], '/': ['*', '%'], '%': ['/'], '**': ['*'],
  '<': ['<=', '>', '>='], '<=': ['<', '>=', '>'], '>': ['>=', '<', '<='], '>=': ['>', '<=', '<'],
  '===': ['!=='], '!==': ['==='], '==': ['!=', '==='], '!=': ['==', '!=='],
  '&': ['|', '&&'], '|': ['&', '||'], '^': ['|', '**'], '<<': ['>>'], '>>': ['<<', '>>>'], '>>>': ['>>'],
}
const LOGICAL: Readonly<Record<string, readonly string[]>> = { '&&': ['||'], '||': ['&&', '??'], '??': ['||', '&&'] }
const ASSIGNMENT: Readonly<Record<string, readonly string[]>> = {
  '+=': ['-=', '='], '-=': ['+=', '='], '*=': ['/=', '+='], '/=': ['*='], '=': ['+='], '%=': ['/='],
  '||=': ['??=', '='], '&&=': ['||='], '??=': ['||=', '='], '|=': ['&='], '&=': ['|='],
}
const NOT_COMMUTATIVE = new Set(['-', '/', '%', '<', '<=', '>', '>=', '**'])

export const binaryRule: Rule = (site) => {
  if (site.node.type !== 'BinaryExpression') return []
  const edits = swapOperator(site, BINARY, 1)
  const left = site.child('left')
  const right = site.child('right')
  if (left !== undefined && right !== undefined && NOT_COMMUTATIVE.has(textField(site.node, 'operator'))) {
    edits.push(...swapOperands(site, left, right))
  }
  if (left !== undefined && right !== undefined && /^[+-]$/.test(textField(site.node, 'operator')) && isOne(right)) {
    edits.push(site.replace(site.node, site.text(left), `drop ${textField(site.node, 'operator')} 1`, 2))
  }
  return edits
}

export const logicalRule: Rule = (site) => {
  if (site.node.type !== 'LogicalExpression') return []
  const edits = swapOperator(site, LOGICAL, 1)
  const left = site.child('left')
  const right = site.child('right')
  if (left === undefined || right === undefined) return edits
  for (const side of [left, right]) {
    // A leading `!` is dropped by its own rule, a comparison is turned round by its operator.
    if (/^(Identifier|CallExpression|(Optional)?MemberExpression)$/.test(side.type)) edits.push(site.replace(side, `!${site.text(side)}`, `negate one side of ${textField(site.node, 'operator')}`, 3))
  }
  edits.push(site.replace(site.node, site.text(left), `keep only the left side of ${textField(site.node, 'operator')}`, 4))
  edits.push(site.replace(site.node, site.text(right), `keep only the right side of ${textField(site.node, 'operator')}`, 4))
  return edits
}

export const assignmentRule: Rule = (site) =>
  site.node.type === 'AssignmentExpression' ? swapOperator(site, ASSIGNMENT, textField(site.node, 'operator') === '=' ? 5 : 2) : []

export const updateRule: Rule = (site) => {
  if (site.node.type !== 'UpdateExpression') return []
  const argument = site.child('argument')
  if (argument === undefined) return []
  const operator = textField(site.node, 'operator')
  const other = operator === '++' ? '--' : '++'
  const name = site.text(argument)
  const prefix = site.node['prefix'] === true
  const edits = [site.replace(site.node, prefix ? other + name : name + other, `${operator} -> ${other}`, 3)]
  if (site.parent?.type !== 'ExpressionStatement' && site.place.field !== 'update') {
    edits.push(site.replace(site.node, prefix ? name + operator : operator + name, prefix ? `after instead of before: ${operator}` : `before instead of after: ${operator}`, 3))
  }
  return edits
}

export const unaryRule: Rule = (site) => {
  if (site.node.type !== 'UnaryExpression') return []
  const argument = site.child('argument')
  if (argument === undefined) return []
  const inner = site.text(argument)
  switch (textField(site.node, 'operator')) {
    case '!': return [
      site.replace(site.node, inner, 'drop !', 1),
      ...argument.type === 'Identifier' || argument.type.endsWith('MemberExpression')
        ? [site.replace(site.node, `(${inner} === undefined)`, '! -> === undefined', 3), site.replace(site.node, `(${inner} == null)`, '! -> == null', 4)]
        : [],
    ]
    case '-': return [site.replace(site.node, inner, 'drop the minus', 2)]
    case '+': return [site.replace(site.node, `-${inner}`, 'plus -> minus', 4)]
    case '~': return [site.replace(site.node, inner, 'drop ~', 3)]
    default: return []
  }
}

const swapOperator = (site: Site, table: Readonly<Record<string, readonly string[]>>, weight: number): Edit[] => {
  const operator = textField(site.node, 'operator')
  const left = child(site.node, 'left')
  const right = child(site.node, 'right')
  const others = Object.hasOwn(table, operator) ? table[operator] : undefined
  if (left === undefined || right === undefined || others === undefined) return []
  const at = site.operator(left, operator, right)
  if (at === undefined) return []
  return others.map((other, index) => site.replace(at, other, `${operator} -> ${other}`, weight + index))
}

const swapOperands = (site: Site, left: SyntaxNode, right: SyntaxNode): readonly Edit[] => {
  const comparison = /[<>]/.test(textField(site.node, 'operator'))
  // For a comparison, turning the operator round does the same, and is tried already.
  if (comparison) return []
  const text = site.text(right) + site.source.slice(left.end, right.start) + site.text(left)
  return [site.replace({ start: left.start, end: right.end }, text, `swap the sides of ${textField(site.node, 'operator')}`, 2)]
}

const isOne = (node: SyntaxNode): boolean => node.type === 'NumericLiteral' && node['value'] === 1
