import { CHECKERS } from './checkers/mod.ts'
import { World } from './world.ts'
import type { WorldOptions, WorldResult } from './world.ts'

/** One world from its seed to its end, watched by every checker. A defect that throws out of the world is a violation too. */
export const runSeed = async (options: WorldOptions): Promise<WorldResult & { readonly wallMs: number; readonly world: World }> => {
  const begunMs = performance.now()
  const world = new World({ checkers: CHECKERS.map((make) => make()), ...options })
  const result = await world.run()
  return { ...result, wallMs: performance.now() - begunMs, world }
}
