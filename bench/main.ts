import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, loadNow } from './machine.ts'
import { compiledProgram } from './program.ts'
import { pageWith } from './report.ts'
import { resultOf } from './row.ts'
import type { RowResult } from './row.ts'
import { ROWS } from './rows/mod.ts'

/** `npm run bench`: what Chorus costs, each figure as a ratio to something lean that is measured in the same run. */
const HELP = `npm run bench -- [--only NAME[,NAME]] [--rounds N] [--write] [--json]

  --only NAME    these rows only: ${ROWS.map(({ name }) => name).join(', ')}
  --rounds N     rounds of each row, instead of the row's own number
  --write        writes the figures into docs/performance.md (all rows only)
  --json         one object as the last line

Ends with 0 only if every figure reaches its goal.
`

const root = path.resolve(import.meta.dirname, '..')

const options = {
  only: { type: 'string' }, rounds: { type: 'string' },
  write: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
} as const

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options, allowPositionals: false })
  if (values.help) { process.stdout.write(HELP); return 0 }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && (!Number.isSafeInteger(rounds) || rounds < 1)) throw new Error(`--rounds: a whole number from 1 expected, got ${values.rounds}`)
  const wanted = values.only?.split(',')
  const unknown = wanted?.find((name) => ROWS.every((row) => row.name !== name))
  if (unknown !== undefined) throw new Error(`--only: one of ${ROWS.map(({ name }) => name).join(', ')} expected, got ${unknown}`)
  if (values.write && wanted !== undefined) throw new Error('--write: the table is written from all rows, so not with --only')

  const say = (text: string): void => { process.stderr.write(`${text}\n`) }
  const load = loadNow()
  const begunMs = performance.now()
  // Not below a private home: the sandbox's user walks through it.
  const scratch = mkdtempSync('/var/tmp/chorus-bench-')
  chmodSync(scratch, 0o711)
  const clean = (): void => { rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }) }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { clean(); process.exit(130) })
  const results: RowResult[] = []
  try {
    const program = compiledProgram(root)
    for (const row of ROWS.filter(({ name }) => wanted === undefined || wanted.includes(name))) {
      say(`${row.name} …`)
      const result = resultOf(row, await row.measure({ program, scratch, rounds, say }))
      results.push(result)
      say(lineOf(result))
    }
  } finally {
    clean()
  }
  const seconds = (performance.now() - begunMs) / 1_000
  const machine = describeMachine(process.execPath, load)
  if (values.write) {
    const page = path.join(root, 'docs/performance.md')
    writeFileSync(page, pageWith(readFileSync(page, 'utf8'), results, { machine, seconds, commit: commit(), date: new Date().toISOString().slice(0, 10) }))
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ rows: results, machine, seconds })}\n`)
  else process.stdout.write(`${results.map(lineOf).join('\n')}\n`)
  return results.length > 0 && results.every(({ ok }) => ok) ? 0 : 1
}

const lineOf = ({ name, ratio, goal, ok, spread, n, ours, baseline, unit }: RowResult): string =>
  `${ok ? 'ok    ' : 'MISSED'} ${name.padEnd(9)} ${ratio.toFixed(2)} (p10 ${spread.p10.toFixed(2)}, p90 ${spread.p90.toFixed(2)}; goal ${goal}): `
  + `${ours.median.toFixed(1)} ${unit} against ${baseline.median.toFixed(1)} ${unit}, ${n} rounds`

const commit = (): string => {
  try {
    return execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // An unpacked archive has no history; the figures are as good without the name.
    return 'unknown'
  }
}

main().then((code) => { process.exitCode = code }, (thrown: unknown) => {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)}\n`)
  process.exitCode = 70
})
