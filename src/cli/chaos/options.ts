import { randomBytes } from 'node:crypto'
import { ChorusError } from '../../core/mod.ts'

/** What a drill was asked for. */
export interface DrillOptions {
  readonly nodes: number
  readonly tasks: number
  /** Faults go on at least so long. */
  readonly minutes: number
  readonly seed: string
  /** And until so many were counted, as long as there is work left. */
  readonly killsMin: number
  readonly holdersMin: number
  readonly zombiesMin: number
  /** How long the stand-in for an agent works on a task. */
  readonly workSeconds: readonly [least: number, most: number]
  readonly keep: boolean
}

type Raw = Readonly<Record<string, string | boolean | string[] | undefined>>

/** Reads what was typed. Throws USAGE with the option that is wrong. */
export const parseDrillOptions = (raw: Raw, drawSeed: () => string = () => randomBytes(6).toString('hex')): DrillOptions => ({
  nodes: number(raw.nodes, '--nodes', { least: 4, most: 50 }),
  tasks: number(raw.tasks, '--tasks', { least: 1, most: 2_000 }),
  minutes: number(raw.minutes, '--minutes', { least: 0, most: 600, fraction: true }),
  seed: seed(raw.seed, drawSeed),
  killsMin: number(raw.kills, '--kills', { least: 0, most: 10_000 }),
  holdersMin: number(raw.holders, '--holders', { least: 0, most: 10_000 }),
  zombiesMin: number(raw.zombies, '--zombies', { least: 0, most: 10_000 }),
  workSeconds: seconds(raw.work),
  keep: raw.keep === true,
})

const number = (value: unknown, setting: string, { least, most, fraction = false }: { readonly least: number; readonly most: number; readonly fraction?: boolean }): number => {
  const read = typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : NaN
  if (read >= least && read <= most && (fraction || Number.isInteger(read))) return read
  throw new ChorusError('USAGE', `${fraction ? 'a' : 'a whole'} number from ${least} to ${most} expected, got ${JSON.stringify(value)}`, { setting })
}

const seed = (value: unknown, drawSeed: () => string): string => {
  const read = value ?? drawSeed()
  if (typeof read === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(read)) return read
  throw new ChorusError('USAGE', 'up to 64 letters, digits, dots and dashes expected', { setting: '--seed' })
}

const seconds = (value: unknown): readonly [number, number] => {
  const [least, most] = typeof value === 'string' && /^\d+(?:\.\d+)?-\d+(?:\.\d+)?$/.test(value) ? value.split('-').map(Number) : []
  if (least !== undefined && most !== undefined && least <= most && most <= 100) return [least, most]
  throw new ChorusError('USAGE', 'two numbers of seconds such as 1-4 expected', { setting: '--work' })
}
