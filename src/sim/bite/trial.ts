import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ChildAnswer } from './child.ts'
import type { Violation } from '../checker.ts'
import { catches } from './plant.ts'
import type { Plant } from './plant.ts'

/** What became of one plant, or of the same worlds without it. */
export interface Trial {
  readonly plant: string
  readonly checker: string
  /** The first seed that its own checker caught it in; undefined when none did. */
  readonly caughtAt: number | undefined
  readonly caughtAs: string | undefined
  /** What other checkers said of it on the way. */
  readonly others: readonly string[]
  readonly seeds: number
  readonly wallMs: number
  /** Why it proves nothing: the simulator broke, the plant did not fit. */
  readonly broke: string | undefined
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** A process that says nothing for so long hangs. */
const SILENCE_MS_MAX = 120_000

/** Runs the plant's worlds in a process of their own; with the plant until its checker has caught it, else to the last seed. */
export const tryPlant = async (plant: Plant, how: 'with' | 'without', seeds: number): Promise<Trial> => {
  const begunMs = performance.now()
  const child = spawn(process.execPath, [CHILD, plant.name, how, String(seeds)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString('utf8')).slice(-4_000) })
  const answers: ChildAnswer[] = []
  let silence = setTimeout(() => { child.kill('SIGKILL') }, SILENCE_MS_MAX)
  const exit = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => { resolve(error.message) })
    child.once('close', (code, signal) => { resolve(code === 0 ? undefined : `the process ended with ${signal ?? code}: ${errors}`) })
  })
  for await (const line of createInterface({ input: child.stdout })) {
    answers.push(JSON.parse(line) as ChildAnswer)
    clearTimeout(silence)
    silence = setTimeout(() => { child.kill('SIGKILL') }, SILENCE_MS_MAX)
  }
  const failure = await exit
  clearTimeout(silence)
  return { ...judged(plant, answers), wallMs: Math.round(performance.now() - begunMs), broke: failure ?? answers.find(({ broke }) => broke !== undefined)?.broke }
}

const judged = (plant: Plant, answers: readonly ChildAnswer[]): Omit<Trial, 'wallMs' | 'broke'> => {
  const { name, checker } = plant
  const isIt = (violation: Violation): boolean => catches(plant, violation)
  const caught = answers.find(({ violations }) => violations.some(isIt))
  return {
    plant: name, checker, seeds: answers.length, caughtAt: caught?.seed, caughtAs: caught?.violations.find(isIt)?.what,
    others: [...new Set(answers.flatMap(({ violations }) => violations.filter((violation) => !isIt(violation)).map((violation) => violation.checker)))],
  }
}
