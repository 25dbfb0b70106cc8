import type { Violation } from '../checker.ts'
import { CHECKERS } from '../checkers/mod.ts'
import { World } from '../world.ts'
import type { Plant } from './plant.ts'

/** One world of the plant's kind, watched by every checker. Loads production: after the plant was planted, if it is. */
export const runPlanted = async (plant: Plant, seed: number): Promise<readonly Violation[]> => {
  const world = new World({ ...plant.world, seed, checkers: CHECKERS.map((make) => make()) })
  if (plant.reopens === true) reopenNowAndThen(world)
  const { violations } = await world.run()
  return violations
}

const REOPEN_EVERY_MS = 40_000

/** People open again what was closed and whose claim is gone: a new piece of work under the old number. */
const reopenNowAndThen = (world: World): void => {
  world.scheduler.after(REOPEN_EVERY_MS, () => {
    if (world.truth.quietSinceMs !== undefined) return
    const closed = world.truth.tasks.find((task) => task.state === 'closed' && world.truth.tip(task.key) === undefined)
    if (closed !== undefined) {
      world.village.board.reopen(closed.number)
      world.trace.add({ kind: 'person', what: 'edits', number: closed.number, key: closed.key, detail: 'reopened' })
    }
    reopenNowAndThen(world)
  })
}
