import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { WorldOptions } from './world.ts'

/** Worlds in which a promise was broken once: they run with every test from then on. */
export type KeptSeed = Pick<WorldOptions, 'seed' | 'nodes' | 'tasks' | 'hours'>

const FILE = fileURLToPath(new URL('../../test/sim/kept-seeds.json', import.meta.url))

export const keptSeeds = (): readonly KeptSeed[] => JSON.parse(readFileSync(FILE, 'utf8')) as KeptSeed[]

/** Returns the file that it is in now. */
export const keepSeed = ({ seed, nodes, tasks, hours }: KeptSeed): string => {
  const kept = keptSeeds()
  const known = kept.some((other) => other.seed === seed && other.nodes === nodes && other.tasks === tasks && other.hours === hours)
  if (!known) writeFileSync(FILE, `[\n${[...kept, { seed, nodes, tasks, ...hours === undefined ? {} : { hours } }].map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n]\n`)
  return 'test/sim/kept-seeds.json'
}
