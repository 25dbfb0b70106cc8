import { CLAIM_PLANTS } from './claim-plants.ts'
import { LEASE_PLANTS } from './lease-plants.ts'
import { LIFE_PLANTS } from './life-plants.ts'
import type { Plant } from './plant.ts'

export const PLANTS: readonly Plant[] = [...CLAIM_PLANTS, ...LEASE_PLANTS, ...LIFE_PLANTS]

export const plantNamed = (name: string): Plant => {
  const plant = PLANTS.find((candidate) => candidate.name === name)
  if (plant === undefined) throw new Error(`no bug is called ${JSON.stringify(name)}; there are: ${PLANTS.map((candidate) => candidate.name).join(', ')}`)
  return plant
}
