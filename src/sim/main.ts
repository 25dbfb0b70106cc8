import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runCrowd } from './crowd.ts'
import { runSeed } from './run-seed.ts'
import { keepSeed } from './kept-seeds.ts'
import { tellStory } from './story.ts'
import type { WorkerAnswer } from './worker.ts'
import type { WorldOptions, WorldResult } from './world.ts'

/** `npm run sim`: swarms in a bottle, many at a time. Ends with 0 only if no promise was broken. */
const HELP = `npm run sim -- [--seeds A..B] [--random K] [--nodes N] [--tasks M] [--hours H] [--json]
npm run sim -- --replay SEED [--task NUMBER] [--nodes N] [--tasks M] [--hours H]

  --seeds A..B   worlds to run, one per seed (1..20)
  --random K     K more seeds that nobody has chosen (0)
  --nodes N      nodes of each world (20)
  --tasks M      tasks of each world (50)
  --hours H      virtual hours in which things break (0.03)
  --workers W    worlds side by side (one per core)
  --replay SEED  the story of one world; --task tells only what concerns that task
  --json         one object as the last line
`

const options = {
  seeds: { type: 'string', default: '1..20' }, random: { type: 'string', default: '0' }, nodes: { type: 'string', default: '20' }, tasks: { type: 'string', default: '50' },
  hours: { type: 'string' }, workers: { type: 'string' }, replay: { type: 'string' }, task: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
} as const

const number = (name: string, text: string | undefined, least: number): number | undefined => {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name}: a number from ${least} expected, got ${text}`)
  return value
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options, allowPositionals: false })
  if (values.help) { process.stdout.write(HELP); return 0 }
  const world = {
    nodes: number('nodes', values.nodes, 1) ?? 20, tasks: number('tasks', values.tasks, 1) ?? 50,
    ...values.hours === undefined ? {} : { hours: number('hours', values.hours, 0.001) },
  }
  if (values.replay !== undefined) return await replay({ ...world, seed: values.replay }, values.task)
  return await sweep(seedsOf(values.seeds, number('random', values.random, 0) ?? 0), world, { json: values.json, workers: number('workers', values.workers, 1) })
}

const seedsOf = (range: string, random: number): readonly string[] => {
  const [, first, last] = /^(\d+)(?:\.\.(\d+))?$/.exec(range) ?? []
  if (first === undefined) throw new Error(`--seeds: A..B expected, got ${range}`)
  const [from, to] = [Number(first), Number(last ?? first)]
  const chosen = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => String(from + index))
  return [...chosen, ...Array.from({ length: random }, () => `r${randomInt(2 ** 40).toString(36)}`)]
}

const replay = async (world: WorldOptions, task: string | undefined): Promise<number> => {
  const { world: bottle, ...result } = await runSeed({ ...world, keep: true })
  const lines = tellStory(bottle.kept, { nameOf: (node) => bottle.nameOf(node), violations: result.violations, number: task })
  process.stdout.write(`${lines.join('\n')}\n\n${summaryOf(result)}\nplan ${JSON.stringify(bottle.plan)}\n`)
  return result.violations.length === 0 && result.lost === 0 ? 0 : 1
}

const commitOf = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}

const summaryOf = (result: WorldResult): string => {
  const faults = Object.entries(result.faults).map(([what, times]) => `${what} ${times}`).join(', ')
  return `seed ${result.seed}  digest ${result.digest}  ${result.delivered}/${result.tasks} delivered, ${result.escalated} to people, ${result.lost} lost, ${(result.virtualMs / 60_000).toFixed(1)} virtual min, ${result.steps} steps; ${faults || 'no faults'}`
}

interface Sums { seeds: number; violations: number; lost: number; duplicates: number; reworks: number; claimed: number; pushes: number; wins: number; virtualMs: number; steps: number; nodeSeconds: number; wallMs: number }

const sweep = async (seeds: readonly string[], world: Omit<WorldOptions, 'seed'>, how: { readonly json: boolean; readonly workers: number | undefined }): Promise<number> => {
  const say = (text: string): void => { (how.json ? process.stderr : process.stdout).write(`${text}\n`) }
  say(`commit ${commitOf()}: ${seeds.length} worlds of ${world.nodes} nodes and ${world.tasks} tasks`)
  const sums: Sums = { seeds: 0, violations: 0, lost: 0, duplicates: 0, reworks: 0, claimed: 0, pushes: 0, wins: 0, virtualMs: 0, steps: 0, nodeSeconds: 0, wallMs: 0 }
  const begunMs = performance.now()
  const failing: string[] = []
  const each = (answer: WorkerAnswer): void => {
    sums.seeds += 1
    if (answer.kind === 'broke') {
      sums.violations += 1
      failing.push(answer.seed)
      say(`seed ${answer.seed}  BROKE THE SIMULATOR: ${answer.reason}`)
      return
    }
    const { result } = answer
    add(sums, result, answer.wallMs)
    if (result.violations.length > 0 || result.lost > 0) failing.push(result.seed)
    if (!how.json || sums.seeds % 50 === 0 || result.violations.length > 0) say(`[${sums.seeds}/${seeds.length}] ${summaryOf(result)}  (${Math.round(answer.wallMs)} ms)`)
    for (const violation of result.violations) say(`    !!! ${violation.checker}: ${violation.what}`)
  }
  await runCrowd(seeds.map((seed) => ({ ...world, seed })), { workers: how.workers, each })
  for (const seed of failing) say(`kept as a test: ${keepSeed({ ...world, seed })}; its story: npm run sim -- --replay ${seed} --nodes ${world.nodes} --tasks ${world.tasks}${world.hours === undefined ? '' : ` --hours ${world.hours}`}`)
  const wallSeconds = (performance.now() - begunMs) / 1_000
  say(`${sums.seeds} worlds in ${wallSeconds.toFixed(1)} s: ${sums.violations} broken promises, ${sums.lost} tasks lost, ${sums.duplicates} delivered twice`)
  process.stdout.write(`${JSON.stringify({
    seeds: sums.seeds, nodes: world.nodes, tasks: world.tasks, violations: sums.violations, lost: sums.lost, duplicateDeliveries: sums.duplicates,
    reworkRate: ratio(sums.reworks, sums.claimed), claimAttemptsPerTask: ratio(sums.pushes, sums.wins), virtualHours: round(sums.virtualMs / 3_600_000),
    stepsPerSecond: round(sums.steps / sums.wallMs * 1_000), nodeSecondsPerSecond: round(sums.nodeSeconds / sums.wallMs * 1_000),
  })}\n`)
  return failing.length === 0 && sums.seeds === seeds.length && sums.duplicates === 0 ? 0 : 1
}

/** `wallMs` is of one core: worlds run beside each other. */
const add = (sums: Sums, result: WorldResult, wallMs: number): void => {
  sums.violations += result.violations.length
  sums.lost += result.lost
  sums.duplicates += result.duplicateDeliveries
  sums.reworks += result.reworks
  sums.claimed += result.claimedTasks
  sums.pushes += result.acquirePushes
  sums.wins += result.acquireWins
  sums.virtualMs += result.virtualMs
  sums.steps += result.steps
  sums.nodeSeconds += result.nodeSeconds
  sums.wallMs += wallMs
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000
/** With nothing to divide by there is no ratio, and no number is made up. */
const ratio = (part: number, whole: number): number => {
  if (whole === 0) throw new Error('nothing was claimed in any world')
  return round(part / whole)
}

process.exitCode = await main().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${HELP}`)
  return 2
})
