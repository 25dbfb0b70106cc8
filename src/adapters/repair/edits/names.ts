import { children, functionsAround, isMember, nameOf, textField } from '../syntax.ts'
import type { Place } from '../syntax.ts'
import type { Edit, Rule, Site } from './site.ts'

const OTHERS_MAX = 6

/** Another name that is bound in the same function (or the one around it): the wrong variable was used. */
export const variableRule: Rule = (site) => {
  if (site.node.type !== 'Identifier' || !isRead(site)) return []
  const name = textField(site.node, 'name')
  const owners = functionsAround(site.place).slice(0, 2).map((place) => place.node.start)
  const known = owners.map((owner) => site.vocabulary.names.get(owner) ?? [])
  // Something that is not bound here (a function, a module, a global) is rarely mistaken for a local value.
  if (!known.some((names) => names.includes(name))) return []
  const others = [...new Set(known.flat())].filter((other) => other !== name && other !== '').slice(0, OTHERS_MAX)
  return others.map((other) => {
    const text = site.parent?.['shorthand'] === true ? `${name}: ${other}` : other
    return site.replace(site.node, text, `${name} -> ${other}`, 3)
  })
}

/** Another property that the file reads from the same object: `point.x` for `point.y`. */
export const propertyRule: Rule = (site) => {
  if (!isMember(site.node) || site.node['computed'] === true || site.place.field === 'callee') return []
  const object = site.child('object')
  const property = site.child('property')
  const name = nameOf(property)
  if (object === undefined || property?.type !== 'Identifier' || name === undefined) return []
  const edits: Edit[] = []
  for (const other of site.vocabulary.properties.get(site.text(object)) ?? []) {
    if (other !== name && edits.length < OTHERS_MAX) edits.push(site.replace(property, other, `.${name} -> .${other}`, 3))
  }
  if (name === 'length') edits.push(site.replace(site.node, `(${site.text(site.node)} - 1)`, 'length -> length - 1', 2), site.replace(site.node, `(${site.text(site.node)} + 1)`, 'length -> length + 1', 3))
  return edits
}

/** The last expression of a function body that is not handed back; a value handed back as it came. */
export const returnRule: Rule = (site) => {
  if (site.node.type === 'ExpressionStatement') {
    const expression = site.child('expression')
    const block = site.place.parent
    if (expression === undefined || block?.node.type !== 'BlockStatement') return []
    const statements = children(block.node, 'body')
    const isLast = statements.at(-1) === site.node
    const edits: Edit[] = []
    if (isLast && /Expression$|Identifier/.test(expression.type)) edits.push(site.insert(site.node.start, 'return ', 'add return', isFunctionBody(block) ? 2 : 4))
    edits.push(site.replace(site.node, ';', 'drop the statement', 6))
    return edits
  }
  if (site.node.type === 'ReturnStatement') {
    const argument = site.child('argument')
    if (argument === undefined) return []
    const what = site.text(argument)
    return /^(BinaryExpression|LogicalExpression|CallExpression|Identifier)$/.test(argument.type)
      ? [site.replace(argument, `!(${what})`, 'hand back the opposite', 5)]
      : []
  }
  return []
}

/** An assignment that declares again what it should have set: `let total = …` inside a loop over `total`. */
export const shadowRule: Rule = (site) => {
  if (site.node.type !== 'VariableDeclaration' || textField(site.node, 'kind') === 'var') return []
  const [only, ...more] = children(site.node, 'declarations')
  if (only === undefined || more.length > 0 || site.place.field !== 'body') return []
  const name = nameOf(children(only, 'id')[0])
  const owners = functionsAround(site.place)
  const outer = [...owners.slice(1).map((place) => place.node.start), -1]
  const shadows = name !== undefined && outer.some((owner) => site.vocabulary.names.get(owner)?.includes(name) === true)
  return shadows ? [site.replace({ start: site.node.start, end: only.start }, '', 'assign instead of declaring again', 4)] : []
}

const isFunctionBody = (block: Place): boolean => block.parent !== undefined && functionsAround(block)[0] === block.parent

const isRead = (site: Site): boolean => {
  const parent = site.parent
  const field = site.place.field
  if (parent === undefined || field === 'id' || field === 'params' || field === 'label' || field === 'param') return false
  if (field === 'key' || (field === 'property' && parent['computed'] !== true)) return false
  if (field === 'callee' || field === 'local' || field === 'exported') return false
  if (field === 'left' && parent.type !== 'BinaryExpression' && parent.type !== 'LogicalExpression') return false
  // A value in a pattern binds, it does not read.
  return !(field === 'value' && site.place.parent?.parent?.node.type === 'ObjectPattern') && field !== 'elements' || parent.type === 'ArrayExpression'
}
