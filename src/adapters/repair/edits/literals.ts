import { child, textField } from '../syntax.ts'
import type { Edit, Rule } from './site.ts'

/** Other literals of the same file tried for one string. */
const OTHER_STRINGS_MAX = 8
const STRING_TWINS: readonly (readonly [string, string])[] = [['', ' '], [',', ', '], ['\n', ''], ['-', '_'], ['.', ','], ['/', ''], ['utf8', 'hex'], ['asc', 'desc'], ['left', 'right']]
const FLAGS = ['g', 'i', 'm', 'u']

export const numberRule: Rule = (site) => {
  const value = site.node['value']
  if (site.node.type !== 'NumericLiteral' || typeof value !== 'number' || !Number.isFinite(value)) return []
  if (site.place.field === 'key') return []
  const edits: Edit[] = []
  const propose = (next: number, weight: number): void => {
    if (next >= 0 && next !== value && Number.isFinite(next)) edits.push(site.replace(site.node, String(next), `${value} -> ${next}`, weight))
  }
  if (Number.isInteger(value)) {
    propose(value + 1, 2)
    propose(value - 1, 2)
    if (value > 1) propose(0, 5)
  }
  if (value !== 0) {
    propose(value * 10, 5)
    propose(value / 10, 5)
    propose(100 - value, 6)
  }
  return edits
}

export const booleanRule: Rule = (site) => {
  if (site.node.type !== 'BooleanLiteral') return []
  const value = site.node['value'] === true
  return [site.replace(site.node, String(!value), `${value} -> ${!value}`, 2)]
}

/** A string for its usual twin, then for another one of the same file: the wrong constant was returned. */
export const stringRule: Rule = (site) => {
  if (site.node.type !== 'StringLiteral' || site.place.field === 'key' || isModuleName(site.parent)) return []
  const value = textField(site.node, 'value')
  const next = new Map<string, number>()
  for (const [left, right] of STRING_TWINS) {
    if (value === left) next.set(right, 3)
    if (value === right) next.set(left, 3)
  }
  if (value !== value.trim()) next.set(value.trim(), 3)
  for (const other of site.vocabulary.strings.slice(0, OTHER_STRINGS_MAX)) if (other !== value && !next.has(other)) next.set(other, 4)
  const quote = site.source[site.node.start] === '"' ? '"' : '\''
  return [...next].map(([text, weight]) => {
    const literal = quote + JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll(quote, `\\${quote}`) + quote
    return site.replace(site.node, site.parent?.type === 'JSXAttribute' ? JSON.stringify(text) : literal, `${short(value)} -> ${short(text)}`, weight)
  })
}

export const regexRule: Rule = (site) => {
  if (site.node.type !== 'RegExpLiteral') return []
  const pattern = textField(site.node, 'pattern')
  const flags = textField(site.node, 'flags')
  const edits: Edit[] = []
  const propose = (nextPattern: string, nextFlags: string, what: string, weight: number): void => {
    if (nextPattern !== '') edits.push(site.replace(site.node, `/${nextPattern}/${nextFlags}`, what, weight))
  }
  for (const flag of FLAGS) {
    const has = flags.includes(flag)
    propose(pattern, has ? flags.replace(flag, '') : flags + flag, `${has ? 'drop' : 'add'} regular expression flag ${flag}`, flag === 'g' || flag === 'i' ? 2 : 5)
  }
  if (pattern.startsWith('^')) propose(pattern.slice(1), flags, 'drop ^', 4)
  else propose(`^${pattern}`, flags, 'add ^', 4)
  if (/(^|[^\\])\$$/.test(pattern)) propose(pattern.slice(0, -1), flags, 'drop $', 4)
  else propose(`${pattern}$`, flags, 'add $', 4)
  for (const match of pattern.matchAll(/(?<!\\)[+*]/g)) {
    const other = match[0] === '+' ? '*' : '+'
    propose(pattern.slice(0, match.index) + other + pattern.slice(match.index + 1), flags, `${match[0]} -> ${other} in the regular expression`, 4)
    if (edits.length >= 16) break
  }
  return edits
}

const isModuleName = (parent: { readonly type: string; readonly [field: string]: unknown } | undefined): boolean => {
  if (parent === undefined) return false
  if (/^(Import|Export)/.test(parent.type)) return true
  if (parent.type !== 'CallExpression') return false
  const callee = parent['callee']
  return typeof callee === 'object' && callee !== null && 'name' in callee && callee.name === 'require'
}

const short = (text: string): string => JSON.stringify(text.length > 24 ? `${text.slice(0, 23)}…` : text)

/** Kept here because it swaps a literal place: `list[0]` for `list[list.length - 1]`, `list[i]` for its neighbours. */
export const indexRule: Rule = (site) => {
  if (site.node.type !== 'MemberExpression' || site.node['computed'] !== true) return []
  const object = child(site.node, 'object')
  const property = child(site.node, 'property')
  if (object === undefined || property === undefined || site.place.field === 'left') return []
  if (property.type === 'NumericLiteral') {
    return property['value'] === 0 ? [site.replace(property, `${site.text(object)}.length - 1`, 'first -> last', 4)] : []
  }
  if (property.type !== 'Identifier') return []
  const index = site.text(property)
  return [site.replace(property, `${index} + 1`, `[${index}] -> [${index} + 1]`, 3), site.replace(property, `${index} - 1`, `[${index}] -> [${index} - 1]`, 3)]
}
