import type { Violation } from '../checker.ts'
import { plantInto } from './planting.ts'
import { plantNamed } from './plants.ts'
import { catches } from './plant.ts'
import type { Plant } from './plant.ts'

/** What a world said, one line of JSON each on standard output. */
export interface ChildAnswer {
  readonly seed: number
  readonly wallMs: number
  readonly violations: readonly Violation[]
  /** The simulator itself threw. */
  readonly broke?: string | undefined
}

/** `child.ts <plant> <with|without> <seeds>`: runs seed after seed; with the plant only until its checker has caught it. */
const main = async ([name = '', how = '', seeds = '']: readonly string[]): Promise<void> => {
  const plant = plantNamed(name)
  const verify = how === 'with' ? plantInto(plant) : () => undefined
  // Only from here on may production be loaded.
  const { runPlanted } = await import('./run-planted.ts')
  verify()
  for (let seed = 1; seed <= Number(seeds); seed += 1) {
    const answer = await answerOf(plant, seed, runPlanted)
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    if (how === 'with' && answer.violations.some((violation) => catches(plant, violation))) return
  }
}

const answerOf = async (plant: Plant, seed: number, run: (plant: Plant, seed: number) => Promise<readonly Violation[]>): Promise<ChildAnswer> => {
  const begunMs = performance.now()
  try {
    return { seed, violations: await run(plant, seed), wallMs: Math.round(performance.now() - begunMs) }
  } catch (thrown) {
    return { seed, violations: [], wallMs: Math.round(performance.now() - begunMs), broke: thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown) }
  }
}

await main(process.argv.slice(2))
