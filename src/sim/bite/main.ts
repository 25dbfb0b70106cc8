import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { PLANTS } from './plants.ts'
import type { Plant } from './plant.ts'
import { tryPlant } from './trial.ts'
import type { Trial } from './trial.ts'

/** `npm run sim:bite`: do the checkers bite? Ends with 0 only if every planted bug was caught by its own checker, and the same worlds are clean without it. */
const HELP = `npm run sim:bite -- [--only TEXT] [--seeds N] [--json]

  --only TEXT  only bugs with this in their name or checker
  --seeds N    at most so many worlds for each bug (200)
  --workers W  processes side by side (2, or one per core if there are fewer)
  --json       one object as the last line
`

const options = {
  only: { type: 'string', default: '' }, seeds: { type: 'string', default: '200' }, workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
} as const

const whole = (name: string, text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name}: a whole number from 1 expected, got ${text}`)
  return value
}

const say = (text: string): void => { process.stderr.write(`${text}\n`) }

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options, allowPositionals: false })
  if (values.help) { process.stdout.write(HELP); return 0 }
  const plants = PLANTS.filter(({ name, checker }) => `${name} ${checker}`.includes(values.only))
  if (plants.length === 0) throw new Error(`no bug has ${JSON.stringify(values.only)} in its name`)
  const workers = whole('workers', values.workers)
  const seedsMax = whole('seeds', values.seeds)
  const begunMs = performance.now()

  const bitten = new Map<Plant, Trial>()
  await each(plants, workers, async (plant) => {
    const trial = await tryPlant(plant, 'with', seedsMax)
    bitten.set(plant, trial)
    say(`${isCaught(trial) ? 'caught' : 'MISSED'}  ${describe(trial)}`)
  })
  const unclean = new Map<string, string>()
  await each(cleanRuns(bitten), workers, async ({ plant, seeds }) => {
    const trial = await tryPlant(plant, 'without', seeds)
    const fault = faultOf(trial, seeds)
    if (fault !== undefined) unclean.set(worldOf(plant), fault)
    say(`${fault === undefined ? 'clean ' : 'UNCLEAN'} ${trial.seeds} worlds without "${plant.name}"${fault === undefined ? '' : `: ${fault}`} (${trial.wallMs} ms)`)
  })
  const caught = plants.filter((plant) => isCaught(bitten.get(plant)) && !unclean.has(worldOf(plant)))
  say(`${caught.length} of ${plants.length} planted bugs were caught by the checker named for them, in ${Math.round((performance.now() - begunMs) / 1_000)} s`)
  process.stdout.write(values.json ? `${JSON.stringify({ planted: plants.length, caught: caught.length })}\n` : table(plants, bitten))
  return caught.length === plants.length ? 0 : 1
}

const isCaught = (trial: Trial | undefined): boolean => trial?.caughtAt !== undefined && trial.broke === undefined

const describe = ({ plant, checker, caughtAt, caughtAs, seeds, wallMs, broke, others }: Trial): string =>
  `"${plant}" by "${checker}" ${caughtAt === undefined ? `in none of ${seeds} worlds${others.length > 0 ? `, only by ${others.join(', ')}` : ''}` : `in world ${caughtAt}: ${caughtAs}`} (${wallMs} ms)${broke === undefined ? '' : `\n        broke: ${broke}`}`

/** Plants of one kind of world share its clean runs, as many as the longest of them took. */
const cleanRuns = (bitten: ReadonlyMap<Plant, Trial>): readonly { readonly plant: Plant; readonly seeds: number }[] => {
  const runs = new Map<string, { plant: Plant; seeds: number }>()
  for (const [plant, { caughtAt = 0 }] of bitten) {
    const known = runs.get(worldOf(plant))
    if (caughtAt > (known?.seeds ?? 0)) runs.set(worldOf(plant), { plant, seeds: caughtAt })
  }
  return [...runs.values()]
}

const worldOf = ({ world, reopens = false }: Plant): string => JSON.stringify({ ...world, reopens })

const faultOf = ({ caughtAs, checker, others, seeds, broke }: Trial, wanted: number): string | undefined => {
  if (broke !== undefined) return broke
  if (caughtAs !== undefined) return `${checker}: ${caughtAs}`
  if (others.length > 0) return `broken: ${others.join(', ')}`
  return seeds === wanted ? undefined : `only ${seeds} of ${wanted} worlds ran`
}

const table = (plants: readonly Plant[], bitten: ReadonlyMap<Plant, Trial>): string =>
  plants.map((plant) => `${String(bitten.get(plant)?.caughtAt ?? '-').padStart(4)}  ${plant.checker.padEnd(20)} ${plant.name}\n`).join('')

/** So many at a time, in order. */
const each = async <T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> => {
  const queue = items.values()
  await Promise.all(Array.from({ length: workers }, async () => { for (const item of queue) await work(item) }))
}

process.exitCode = await main().catch((thrown: unknown) => {
  say(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${HELP}`)
  return 2
})
