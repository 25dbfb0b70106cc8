import { writeFileSync } from 'node:fs'
import { plantInto } from '../../../src/sim/bite/planting.ts'
import type { Edit } from '../../../src/sim/bite/plant.ts'

/**
 * Loaded before `chorus up` (node --import): stops the process for good at one line of production, so that the test can
 * kill it exactly there. The line is named by its text; a text that is not there exactly once ends the node at its start,
 * so that no point is missed silently. Nothing of this is in production.
 */
export interface StopInside {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Written when the process stands at the point. */
  readonly reachedFile: string
}

/** For the texts that are planted: stands still from here on, with every timer and socket, when `here` holds. */
const stopHere = (here: boolean): void => {
  if (!here) return
  writeFileSync(stop.reachedFile, '')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const stop = JSON.parse(process.env.CHORUS_CRASH_STOP ?? '') as StopInside
delete process.env.CHORUS_CRASH_STOP
Object.assign(globalThis, { stopHere })
plantInto(stop)
