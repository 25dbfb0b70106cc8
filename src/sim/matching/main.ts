import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { jobsOf, runJobs, SIZES } from './jobs.ts'
import { plotsOf } from './plots.ts'
import { reportWith } from './report.ts'
import { publicRow, rowsOf, shortfalls, THRESHOLDS } from './rows.ts'
import type { JobResult } from './worker.ts'

/** `npm run sim:matching`: how well production nodes share work without a server. */
const HELP = `npm run sim:matching -- [--sizes 3,10,100,1000] [--write] [--json]

  --sizes A,B    swarms of these sizes only (${SIZES.map(({ nodes }) => nodes).join(',')})
  --runs K       K workloads of each size instead of the published number
  --write        writes the figures and plots into docs/
  --workers W    runs side by side (one per core)
  --json         one object as the last line

Ends with 0 only if every batch has a quality of at least ${THRESHOLDS.qualityMin} and a makespan of at most ${THRESHOLDS.makespanRatioMax} times the bound
(where even one dispatcher who sees all at once does not reach that: no worse than it by more than ${THRESHOLDS.overDispatcherMax * 100} %), and
${THRESHOLDS.claimAttemptsAtNodes} nodes need at most ${THRESHOLDS.claimAttemptsPerTaskMax} claim attempts per task.
`

const options = {
  sizes: { type: 'string' }, runs: { type: 'string' }, workers: { type: 'string' },
  write: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
} as const

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options, allowPositionals: false })
  if (values.help) { process.stdout.write(HELP); return 0 }
  const say = (text: string): void => { (values.json ? process.stderr : process.stdout).write(`${text}\n`) }
  const wanted = values.sizes?.split(',').map((text) => whole('sizes', text))
  const sizes = SIZES.filter(({ nodes }) => wanted === undefined || wanted.includes(nodes)).map((size) => ({ ...size, ...values.runs === undefined ? {} : { runs: whole('runs', values.runs) } }))
  if (sizes.length === 0) throw new Error(`--sizes: some of ${SIZES.map(({ nodes }) => nodes).join(', ')} expected, got ${values.sizes ?? ''}`)
  const results: JobResult[] = []
  const startedMs = performance.now()
  await runJobs(jobsOf(sizes), {
    workers: values.workers === undefined ? undefined : whole('workers', values.workers),
    each: (result) => {
      results.push(result)
      const { job, swarm, wallMs } = result
      say(`${job.nodes} nodes, ${job.arrival}, seed ${job.seed}: ${swarm.tasks} tasks in ${(swarm.makespanMs / 60_000).toFixed(1)} virtual min, ${swarm.claimAttempts} claim attempts (${(wallMs / 1_000).toFixed(1)} s)`)
    },
  })
  const rows = rowsOf(results)
  for (const row of rows) {
    say(`${String(row.nodes).padStart(5)} nodes ${row.arrival.padEnd(6)} quality ${row.quality.toFixed(3)} (dispatcher ${row.dispatcher.quality.toFixed(3)}), makespan ${row.makespanRatio.toFixed(3)} (${row.dispatcher.makespanRatio.toFixed(3)}), claim attempts ${row.claimAttemptsPerTask.toFixed(3)}`)
  }
  const missed = shortfalls(rows)
  for (const line of missed) say(`not reached: ${line}`)
  if (values.write) await write(rows, (performance.now() - startedMs) / 1_000)
  if (values.json) process.stdout.write(`${JSON.stringify({ rows: rows.map(publicRow), thresholds: THRESHOLDS, notReached: missed })}\n`)
  return missed.length === 0 ? 0 : 1
}

const DOCS = new URL('../../../docs/', import.meta.url)

const write = async (rows: ReturnType<typeof rowsOf>, seconds: number): Promise<void> => {
  for (const [name, svg] of plotsOf(rows)) await writeFile(new URL(`images/matching-${name}.svg`, DOCS), svg)
  const page = new URL('simulation-matching.md', DOCS)
  await writeFile(page, reportWith(await readFile(page, 'utf8'), rows, { seconds, commit: commit(), date: new Date().toISOString().slice(0, 10) }))
}

const commit = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // An installed package has no history; the figures are as good without the name.
    return 'unknown'
  }
}

const whole = (name: string, text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name}: a whole number from 1 expected, got ${text}`)
  return value
}

main().then((code) => { process.exitCode = code }, (thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 2
})
