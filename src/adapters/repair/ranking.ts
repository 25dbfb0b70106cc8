import path from 'node:path'
import type { Candidate, FileCandidates } from './candidates.ts'
import type { Clues } from './clues.ts'

/**
 * Likeliest first: how near the clues point to a place, then how common the slip. A common slip in a named
 * function comes before a far-fetched one on a line of the stack; nothing is left out, only put off.
 */
export const rank = (files: readonly FileCandidates[], clues: Clues): readonly Candidate[] => {
  const near = calleesOf(files, clues)
  const scored = files.flatMap((file) => file.candidates).map((candidate, order) => ({
    candidate,
    order,
    score: 2 * remoteness(candidate, clues, near) + candidate.weight,
  }))
  scored.sort((left, right) => left.score - right.score || left.order - right.order)
  return scored.map((entry) => entry.candidate)
}

/** Files to which the clues point, before the rest; else in the order given. */
export const nearestFirst = (files: readonly string[], clues: Clues): readonly string[] => {
  const score = (file: string): number => {
    if (clues.files.has(file)) return 0
    if (clues.strongNames.has(stemOf(file))) return 1
    return 1 + (clues.distance.get(file) ?? 1_000)
  }
  return [...files].sort((left, right) => score(left) - score(right))
}

/** 0 = on a line of the failing stack or in what both task and test name, 7 = nothing points here. */
export const remoteness = (candidate: Candidate, clues: Clues, near: ReadonlySet<string>): number => {
  if (clues.lines.has(`${candidate.file}:${candidate.line}`)) return 0
  const names = [...candidate.functions, stemOf(candidate.file)]
  if (names.some((name) => clues.chiefNames.has(name))) return 0
  if (names.some((name) => clues.strongNames.has(name))) return 1
  if (clues.files.has(candidate.file)) return 2
  if (names.some((name) => near.has(name))) return 3
  const distance = clues.distance.get(candidate.file)
  if (distance === 1 || candidate.functions.some((name) => clues.weakNames.has(name))) return 4
  return distance === undefined ? 7 : distance === 2 ? 5 : 6
}

/** What the named functions call: the fault is often one step further. */
const calleesOf = (files: readonly FileCandidates[], clues: Clues): ReadonlySet<string> => {
  const near = new Set<string>()
  for (const file of files) {
    for (const [caller, callees] of file.calls) if (clues.strongNames.has(caller)) for (const callee of callees) near.add(callee)
  }
  return near
}

const stemOf = (file: string): string => path.posix.basename(file).replace(/\.[^.]+$/, '')
