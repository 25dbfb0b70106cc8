import { cpus } from 'node:os'
import type { Row } from './rows.ts'

export interface RunFacts {
  readonly seconds: number
  readonly commit: string
  readonly date: string
}

const BEGIN = '<!-- figures: written by npm run sim:matching -- --write -->'
const END = '<!-- end of figures -->'

/** The page with the figures of these rows between its marks; everything else is left as it is written. */
export const reportWith = (page: string, rows: readonly Row[], facts: RunFacts): string => {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the page has no place for figures: ${BEGIN} … ${END} expected`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${figures(rows, facts)}\n\n${page.slice(end)}`
}

const figures = (rows: readonly Row[], { seconds, commit, date }: RunFacts): string => [
  '| nodes | tasks | arrival | runs | quality | of an even plan | dispatcher | makespan ÷ bound | worst | dispatcher | claim attempts | looks per node and minute |',
  '|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
  ...rows.map((row) => `| ${[
    row.nodes, row.tasks, row.arrival, row.runs, two(row.quality), two(row.qualityEven), two(row.dispatcher.quality),
    two(row.makespanRatio), two(row.makespanRatioMax), two(row.dispatcher.makespanRatio), two(row.claimAttemptsPerTask), two(row.looksPerNodeMinute),
  ].join(' | ')} |`),
  '',
  `Run on ${date} at commit ${commit}, ${cpus().length} cores, ${Math.round(seconds)} s.`,
].join('\n')

const two = (value: number): string => value.toFixed(2)
