import { ok } from '../../core/mod.ts'
import type { Result } from '../../core/mod.ts'
import { argumentsRule, awaitRule, chainingRule, methodRule } from './edits/calls.ts'
import { conditionRule, jumpRule, ternaryRule } from './edits/conditions.ts'
import { booleanRule, indexRule, numberRule, regexRule, stringRule } from './edits/literals.ts'
import { propertyRule, returnRule, shadowRule, variableRule } from './edits/names.ts'
import { assignmentRule, binaryRule, logicalRule, unaryRule, updateRule } from './edits/operators.ts'
import { Site } from './edits/site.ts'
import type { Edit, Rule } from './edits/site.ts'
import { vocabularyOf } from './edits/vocabulary.ts'
import { child, functionName, functionsAround, isCall, nameOf, parseSource, placesOf } from './syntax.ts'
import type { SyntaxNode } from './syntax.ts'

/** An edit, and where it stands. */
export interface Candidate extends Edit {
  /** Relative to the workspace. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Names of the functions around it, innermost first. */
  readonly functions: readonly string[]
}

export interface FileCandidates {
  readonly candidates: readonly Candidate[]
  /** What each named function of the file calls, for following a call one step further. */
  readonly calls: ReadonlyMap<string, ReadonlySet<string>>
}

/** Most edits of one file; what comes later in the file is left out. */
const CANDIDATES_PER_FILE_MAX = 5_000
const RULES: readonly Rule[] = [
  binaryRule, logicalRule, assignmentRule, updateRule, unaryRule, numberRule, booleanRule, stringRule, regexRule, indexRule,
  conditionRule, ternaryRule, jumpRule, methodRule, argumentsRule, awaitRule, chainingRule, variableRule, propertyRule, returnRule, shadowRule,
]

/** Every small edit of one source file, in source order; `reason` when it does not parse. */
export const candidatesOf = (file: string, text: string): Result<FileCandidates> => {
  const parsed = parseSource(file, text)
  if (!parsed.ok) return parsed
  const places = placesOf(parsed.value)
  const vocabulary = vocabularyOf(places, text)
  const lineAt = lineFinder(text)
  const candidates: Candidate[] = []
  const calls = new Map<string, Set<string>>()
  const seen = new Set<string>()
  for (const place of places) {
    const around = functionsAround(place)
    const functions = around.map(functionName).filter((name) => name !== undefined)
    if (isCall(place.node)) noteCall(calls, functions, place.node)
    if (candidates.length >= CANDIDATES_PER_FILE_MAX) continue
    const site = new Site(place, text, vocabulary)
    for (const rule of RULES) {
      for (const edit of rule(site)) {
        const key = `${edit.start}:${edit.end}:${edit.text}`
        if (seen.has(key) || text.slice(edit.start, edit.end) === edit.text) continue
        seen.add(key)
        candidates.push({ ...edit, file, line: lineAt(edit.start), functions })
      }
    }
  }
  return ok({ candidates, calls })
}

/** The file with the edit made. */
export const applyEdit = (text: string, edit: Edit): string => text.slice(0, edit.start) + edit.text + text.slice(edit.end)

const noteCall = (calls: Map<string, Set<string>>, functions: readonly string[], call: SyntaxNode): void => {
  const callee = nameOf(child(call, 'callee'))
  const caller = functions[0]
  if (callee === undefined || caller === undefined) return
  const held = calls.get(caller) ?? new Set()
  held.add(callee)
  calls.set(caller, held)
}

/** Offset -> line number from 1, by binary search over the line starts. */
const lineFinder = (text: string): ((offset: number) => number) => {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }
}
