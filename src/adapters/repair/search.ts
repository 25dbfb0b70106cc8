import { messageOf, truncate } from '../../core/mod.ts'
import type { AgentBench, CheckReport } from '../../ports/mod.ts'
import { applyEdit } from './candidates.ts'
import type { Candidate } from './candidates.ts'
import { parseSource } from './syntax.ts'
import { writeSource } from './workspace-files.ts'

export interface SearchLimits {
  /** Candidates that are written and checked. */
  readonly candidatesMax: number
  /** When to stop, by `performance.now()`. */
  readonly deadlineMs: number
  /** What one run of the checks takes, as far as we know: no candidate is begun with less time left. */
  readonly checkMs: number
  /** Limit of one run of the checks: an edit may loop forever. */
  readonly checkTimeoutMs: number
}

export interface SearchOutcome {
  readonly end: 'found' | 'exhausted' | 'limit' | 'timeout' | 'cancelled'
  readonly tried: number
  readonly found?: Candidate
}

/**
 * Writes one candidate after the other into the workspace and asks the checks. Leaves the first that is green twice
 * (a check that is green by luck is none) and restores the file after every other, also when it throws.
 */
export const search = async (
  candidates: readonly Candidate[],
  texts: ReadonlyMap<string, string>,
  options: { readonly bench: AgentBench; readonly limits: SearchLimits; readonly onCheck: (report: CheckReport) => void },
): Promise<SearchOutcome> => {
  const { bench, limits, onCheck } = options
  const planned = Math.min(candidates.length, limits.candidatesMax)
  let tried = 0
  const isGreen = async (): Promise<boolean> => {
    const leftMs = Math.max(1, Math.ceil(limits.deadlineMs - performance.now()))
    const report = await bench.check({ timeoutMs: Math.min(limits.checkTimeoutMs, leftMs) })
    onCheck(report)
    return report.green
  }
  for (const candidate of candidates) {
    if (bench.signal.aborted) return { end: 'cancelled', tried }
    if (tried >= limits.candidatesMax) return { end: 'limit', tried }
    if (performance.now() + limits.checkMs > limits.deadlineMs) return { end: 'timeout', tried }
    const before = texts.get(candidate.file)
    if (before === undefined) continue
    const after = applyEdit(before, candidate)
    // An edit that does not parse cannot be right, and asking the checks costs a hundred times as much.
    if (!parseSource(candidate.file, after).ok) continue
    tried += 1
    bench.progress({ kind: 'step', text: truncate(`step ${tried} of ${planned}: ${describeEdit(candidate)}`, 200) })
    let keep = false
    try {
      await writeSource(bench.workspacePath, candidate.file, after)
      keep = await isGreen() && await isGreen() && !bench.signal.aborted
      if (keep) return { end: 'found', tried, found: candidate }
    } catch (thrown) {
      if (!bench.signal.aborted) throw thrown
      return { end: 'cancelled', tried }
    } finally {
      if (!keep) await restore(bench, candidate.file, before)
    }
  }
  return { end: 'exhausted', tried }
}

export const describeEdit = (candidate: Candidate): string => `${candidate.file}:${candidate.line}: ${candidate.what}`

const restore = async (bench: AgentBench, file: string, text: string): Promise<void> => {
  try {
    await writeSource(bench.workspacePath, file, text)
  } catch (thrown) {
    // The checks removed or replaced the file. The clone is thrown away, so nothing is lost but this search.
    bench.progress({ kind: 'step', text: truncate(`could not restore ${file}: ${messageOf(thrown)}`, 300) })
    throw thrown
  }
}
