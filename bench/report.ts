import { isBusy } from './machine.ts'
import type { Machine } from './machine.ts'
import type { RowResult } from './row.ts'

export interface RunFacts {
  readonly machine: Machine
  readonly commit: string
  readonly date: string
  readonly seconds: number
}

const BEGIN = '<!-- figures: written by npm run bench -- --write -->'
const END = '<!-- end of figures -->'

/** The page with the figures of this run between its marks. */
export const pageWith = (page: string, rows: readonly RowResult[], facts: RunFacts): string => {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`the page has no place for figures between "${BEGIN}" and "${END}"`)
  return `${page.slice(0, from)}${BEGIN}\n\n${figures(rows, facts)}\n\n${page.slice(to)}`
}

const figures = (rows: readonly RowResult[], facts: RunFacts): string => [
  '| figure | ours | baseline | ratio | p10–p90 | goal | | rounds |',
  '|---|--:|--:|--:|--:|--:|---|--:|',
  ...rows.map((row) => `| ${row.name} | ${amount(row.ours.median, row)} | ${amount(row.baseline.median, row)} | **${row.ratio.toFixed(2)}** `
    + `| ${row.spread.p10.toFixed(2)}–${row.spread.p90.toFixed(2)} | ≤ ${row.goal} | ${row.ok ? 'reached' : 'missed'} | ${row.n} |`),
  '',
  ...rows.map((row) => `- **${row.name}**: ${row.what}; against ${row.against}.`),
  '',
  machineLine(facts),
].join('\n')

const machineLine = ({ machine, commit, date, seconds }: RunFacts): string => {
  const { cpu, cores, memoryGb, system, node, git, bubblewrap, load } = machine
  const busy = isBusy(machine) ? ' **The machine was busy with other work**: times are too long, ratios are noisy.' : ''
  return `Run on ${date} at commit ${commit}: ${cpu}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}, git ${git}, bubblewrap ${bubblewrap}; `
    + `load average ${load[0]} before and ${load[1]} after; ${Math.round(seconds)} s.${busy}`
}

const amount = (value: number, { unit }: RowResult): string => `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ${unit}`
