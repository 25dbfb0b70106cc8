import type { Violation } from '../checker.ts'
import type { WorldOptions } from '../world.ts'

/** A bug that is put into production source on purpose, while it is loaded, in a process of its own. */
export interface Plant {
  readonly name: string
  readonly edits: readonly Edit[]
  /** The name of the checker that must catch it. */
  readonly checker: string
  /** Part of the sentence that it must be caught with, where the checker might bite for a lesser reason. */
  readonly says?: string
  /** As small as the bug needs, and with the faults that bring it out. */
  readonly world: Omit<WorldOptions, 'seed' | 'checkers' | 'keep'>
  /** What people do in that world besides: they open again what was closed long ago. */
  readonly reopens?: boolean
}

export const catches = ({ checker, says = '' }: Plant, violation: Violation): boolean => violation.checker === checker && violation.what.includes(says)

export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  /** Stands there exactly once, or nothing is planted and the run fails. */
  readonly find: string
  readonly replace: string
}
