import { child, children, functionsAround, isCall, isMember, nameOf } from '../syntax.ts'
import type { Edit, Rule, Site } from './site.ts'

/** Methods that are mistaken for each other. The first named is the likeliest. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  push: ['unshift'], unshift: ['push'], pop: ['shift'], shift: ['pop'], some: ['every'], every: ['some'],
  min: ['max'], max: ['min'], floor: ['ceil', 'round', 'trunc'], ceil: ['floor', 'round'], round: ['floor', 'ceil', 'trunc'], trunc: ['floor', 'round'],
  startsWith: ['endsWith', 'includes'], endsWith: ['startsWith', 'includes'], includes: ['startsWith'],
  toLowerCase: ['toUpperCase'], toUpperCase: ['toLowerCase'],
  indexOf: ['lastIndexOf'], lastIndexOf: ['indexOf'], find: ['findLast', 'filter'], findLast: ['find'], filter: ['find'],
  findIndex: ['findLastIndex'], findLastIndex: ['findIndex'], trimStart: ['trimEnd', 'trim'], trimEnd: ['trimStart', 'trim'], trim: ['trimEnd'],
  padStart: ['padEnd'], padEnd: ['padStart'], replace: ['replaceAll'], replaceAll: ['replace'], slice: ['splice'], splice: ['slice'],
  substring: ['slice'], substr: ['slice'], map: ['flatMap', 'filter'], flatMap: ['map'], concat: ['push'], reduce: ['reduceRight'], reduceRight: ['reduce'],
  keys: ['values', 'entries'], values: ['keys', 'entries'], entries: ['values'], add: ['delete'], delete: ['add'],
  sort: ['toSorted'], reverse: ['toReversed'], toSorted: ['sort'], toReversed: ['reverse'],
  parseInt: ['parseFloat'], parseFloat: ['parseInt'], stringify: ['parse'], exec: ['test'], test: ['exec'],
  all: ['allSettled', 'race'], any: ['all'], getDate: ['getDay'], getDay: ['getDate'], getFullYear: ['getYear'],
  getMonth: ['getUTCMonth'], getHours: ['getUTCHours'], getUTCDay: ['getUTCDate'], getUTCDate: ['getUTCDay'], before: ['after'], after: ['before'],
}

export const methodRule: Rule = (site) => {
  if (!isCall(site.node)) return []
  const callee = site.child('callee')
  if (callee === undefined) return []
  const name = callee.type === 'Identifier' || isMember(callee) ? nameOf(callee) : undefined
  const named = isMember(callee) ? child(callee, 'property') : callee
  if (name === undefined || named === undefined) return []
  const twins = Object.hasOwn(TWINS, name) ? TWINS[name] ?? [] : []
  const edits = twins.map((twin, index) => site.replace(named, twin, `${name} -> ${twin}`, 1 + index * 2))
  const given = children(site.node, 'arguments')
  const first = given[0]
  const close = site.node.end - 1
  if ((name === 'sort' || name === 'toSorted') && given.length === 0) {
    edits.push(site.insert(close, '(a, b) => a - b', 'sort as numbers', 1), site.insert(close, '(a, b) => b - a', 'sort as numbers, downwards', 3))
  }
  if (/^(slice|substring|splice)$/.test(name) && first !== undefined && given.length === 1) {
    edits.push(site.replace(first, `0, ${site.text(first)}`, `${name} from 0 to there`, 2), site.replace(first, `-${site.text(first)}`, `${name} counted from the end`, 3))
  }
  if (name === 'parseInt' && first !== undefined && given.length === 1) edits.push(site.insert(first.end, ', 10', 'add radix 10', 2))
  return edits
}

/** Two neighbours swapped, the last one dropped, a list given spread or a spread given as a list. */
export const argumentsRule: Rule = (site) => {
  if (!isCall(site.node) && site.node.type !== 'NewExpression') return []
  const given = children(site.node, 'arguments')
  const edits: Edit[] = []
  for (const [index, left] of given.entries()) {
    const right = given[index + 1]
    if (right === undefined || index >= 3) break
    const text = site.text(right) + site.source.slice(left.end, right.start) + site.text(left)
    if (site.text(left) !== site.text(right)) edits.push(site.replace({ start: left.start, end: right.end }, text, 'swap arguments', 2))
  }
  const last = given.at(-1)
  const beforeLast = given.at(-2)
  if (last !== undefined && beforeLast !== undefined) edits.push(site.replace({ start: beforeLast.end, end: last.end }, '', 'drop the last argument', 4))
  if (last?.type === 'SpreadElement') edits.push(site.replace({ start: last.start, end: last.start + 3 }, '', 'drop the spread', 3))
  else if (last?.type === 'Identifier' && nameOf(site.child('callee')) === 'push') edits.push(site.insert(last.start, '...', 'spread the argument', 3))
  return edits
}

/** `await` where a promise is used as a value, and none where it is not wanted. */
export const awaitRule: Rule = (site) => {
  if (site.node.type === 'AwaitExpression') {
    const argument = site.child('argument')
    return argument === undefined ? [] : [site.replace(site.node, site.text(argument), 'drop await', 4)]
  }
  if (!isCall(site.node) || site.parent?.type === 'AwaitExpression' || insideCallee(site)) return []
  const around = functionsAround(site.place)[0]?.node
  const allowed = around === undefined ? false : around['async'] === true
  return allowed ? [site.replace(site.node, `(await ${site.text(site.node)})`, 'add await', 2)] : []
}

/** `a.b` -> `a?.b`, where `a` is a value (not a module, a global or `this`). */
export const chainingRule: Rule = (site) => {
  if (site.node.type !== 'MemberExpression' || site.place.field === 'left' || site.parent?.type === 'UpdateExpression') return []
  const object = site.child('object')
  if (object === undefined || object.type === 'ThisExpression' || object.type === 'Super') return []
  if (object.type === 'Identifier' && /^(Math|Object|Array|JSON|Number|String|Promise|console|process|module|exports|Date|Symbol|Reflect)$/.test(site.text(object))) return []
  const dot = site.source.indexOf(site.node['computed'] === true ? '[' : '.', object.end)
  if (dot < 0 || dot >= site.node.end) return []
  return [site.replace({ start: dot, end: dot + (site.node['computed'] === true ? 0 : 1) }, '?.', 'optional chaining', 4)]
}

const insideCallee = (site: Site): boolean => site.place.field === 'callee' || site.place.field === 'tag'
