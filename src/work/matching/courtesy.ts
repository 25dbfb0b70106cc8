import type { NodeId, TaskKey } from '../../core/mod.ts'
import { rendezvous } from './rendezvous.ts'

/**
 * Courtesy: who suits a task best pushes its claim first, the others a little later, when they have probably heard of
 * it. It saves pushes and lets the fittest win; safety never rests on it, the compare-and-swap decides.
 */
export interface Rival {
  readonly node: NodeId
  /** By what every node can know of every other: announced facts, performance 0.5. Then all compute one ranking. */
  readonly score: number
}

export interface CourtesyOptions {
  /** The measured p95 of claim and gossip (`courtesySlotMs`). */
  readonly slotMs: number
  /** Nobody waits longer, however long the line is. */
  readonly delayMsMax: number
}

/** As long as a poll: it costs no slot, and who comes first is hardly ever absent that often. */
export const COURTESY_DELAY_MS_MAX = 30_000

/** Milliseconds that `self` waits before it claims; 0 for the best-suited and for a node that is alone. */
export const courtesyDelayMs = (task: TaskKey, self: Rival, options: CourtesyOptions & { readonly rivals: readonly Rival[] }): number =>
  Math.min(courtesyRank(task, self, options.rivals) * options.slotMs, options.delayMsMax)

/** How many rivals come before `self`: higher score first, equal ones by a hash of node and task. */
export const courtesyRank = (task: TaskKey, self: Rival, rivals: readonly Rival[]): number => {
  const own = rendezvous(self.node, task)
  return rivals.filter((rival) => {
    if (rival.node === self.node) return false
    if (rival.score !== self.score) return rival.score > self.score
    const other = rendezvous(rival.node, task)
    return other === own ? rival.node < self.node : other < own
  }).length
}

/**
 * The 95th percentile of recent claim-and-gossip times, kept within bounds; the default until there are five. What is
 * measured begins when a node sees the task: others see it later, by their own look and the provider's answer to it, and
 * the default allows for that.
 */
export const courtesySlotMs = (samplesMs: readonly number[]): number => {
  if (samplesMs.length < SAMPLES_MIN) return SLOT_MS_DEFAULT
  const sorted = [...samplesMs].sort((a, b) => a - b)
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? SLOT_MS_DEFAULT
  return Math.min(SLOT_MS_MAX, Math.max(SLOT_MS_MIN, p95))
}

const SAMPLES_MIN = 5
const SLOT_MS_DEFAULT = 3_000
const SLOT_MS_MIN = 50
const SLOT_MS_MAX = 5_000
