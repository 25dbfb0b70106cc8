import type { Area, HostileCase } from './case.ts'
import { claimCases, configCases, gossipCases, logCases, stateCases, taskCases, taskFiles } from './mod.ts'

/** All of them, in the order of the table. */
export const allCases: readonly HostileCase[] = [...taskCases, ...taskFiles, ...configCases, ...gossipCases, ...claimCases, ...stateCases, ...logCases]

const HEADS: Readonly<Record<Area, string>> = {
  agent: 'Agents', check: 'Checks', 'task file': 'Task files and titles', configuration: '`chorus.yaml`', gossip: 'Gossip, from a peer with the swarm\'s key', claim: 'Claim refs, from someone with push rights',
  'state folder': 'State folder', log: 'Log',
}

export const BEGIN = '<!-- the cases of test/e2e/hostile: `npm run e2e:hostile -- --table` writes them -->'
export const END = '<!-- end of the cases -->'

/** The part of docs/security.md between the two marks. */
export const hostileTable = (): string => (Object.keys(HEADS) as Area[]).map((area) => {
  const rows = allCases.filter((about) => about.area === area).map(({ name, does, ends }) => `| \`${name}\` | ${cell(does)} | ${cell(ends)} |`)
  return [`**${HEADS[area]}** (${rows.length})`, '', '| case | what is tried | what must come of it |', '|---|---|---|', ...rows, ''].join('\n')
}).join('\n')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** The page with the table as it is now. */
export const withTable = (page: string): string => {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${BEGIN} and ${END} expected in the page`)
  return `${page.slice(0, from)}${BEGIN}\n\n${hostileTable()}\n${page.slice(to)}`
}
