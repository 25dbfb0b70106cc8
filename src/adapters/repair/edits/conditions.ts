import { textField } from '../syntax.ts'
import type { Edit, Rule } from './site.ts'

/** A condition turned round, or asking for presence where it asks for truth (0, '' and false are values too). */
export const conditionRule: Rule = (site) => {
  if (!/^(IfStatement|WhileStatement|DoWhileStatement|ConditionalExpression)$/.test(site.node.type)) return []
  const test = site.child('test')
  if (test === undefined) return []
  const text = site.text(test)
  const edits: Edit[] = []
  // A leading `!` is dropped by its own rule, and a lone comparison is turned round by its operator.
  if (!(test.type === 'UnaryExpression' && textField(test, 'operator') === '!')) {
    const far = test.type === 'BinaryExpression' ? 4 : 2
    edits.push(site.replace(test, `!(${text})`, 'negate the condition', site.node.type.includes('While') ? 5 : far))
  }
  if (test.type === 'Identifier' || test.type.endsWith('MemberExpression')) {
    edits.push(site.replace(test, `${text} !== undefined`, 'truth -> presence', 2))
    edits.push(site.replace(test, `${text} != null`, 'truth -> not null', 3))
  }
  return edits
}

export const ternaryRule: Rule = (site) => {
  if (site.node.type !== 'ConditionalExpression') return []
  const consequent = site.child('consequent')
  const alternate = site.child('alternate')
  if (consequent === undefined || alternate === undefined) return []
  return [
    site.replace(site.node, `(${site.text(consequent)})`, 'always the first of the two values', 5),
    site.replace(site.node, `(${site.text(alternate)})`, 'always the second of the two values', 5),
  ]
}

export const jumpRule: Rule = (site) => {
  if (site.node.type === 'BreakStatement' && site.child('label') === undefined) {
    return inSwitch(site.place) ? [] : [site.replace(site.node, 'continue', 'break -> continue', 3)]
  }
  if (site.node.type === 'ContinueStatement' && site.child('label') === undefined) {
    return [site.replace(site.node, 'break', 'continue -> break', 3)]
  }
  return []
}

interface Up { readonly node: { readonly type: string }; readonly parent: Up | undefined }

const inSwitch = (place: Up): boolean => {
  for (let at: Up | undefined = place; at !== undefined; at = at.parent) {
    if (at.node.type === 'SwitchStatement') return true
    if (/^(For|While|DoWhile)/.test(at.node.type)) return false
  }
  return false
}
