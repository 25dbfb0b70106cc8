import { setImmediate as immediate } from 'node:timers/promises'
import { ChorusError, messageOf, truncate } from '../../core/mod.ts'
import type { AgentBench, AgentNeeds, AgentProbe, AgentReport, AgentRequest, AgentRunner, CheckReport, ResourceUsage } from '../../ports/mod.ts'
import type { Candidate, FileCandidates } from './candidates.ts'
import { cluesOf } from './clues.ts'
import { nearestFirst, rank } from './ranking.ts'
import type { SearchOutcome } from './search.ts'
import { FILE_LIMITS, isTestFile, listSources, readSource } from './workspace-files.ts'

export interface RepairOptions {
  /** Candidates that are tried before giving up. Default 400. */
  readonly candidatesMax?: number
  /** A candidate's checks get four times what the first run took, and no less than this. Default 2000. */
  readonly checkTimeoutMsMin?: number
}

const CHECK_TIMES_MAX = 4
/** The first run may take this share of the time: a search needs many more. */
const BASELINE_SHARE = 0.25
/** Held in memory at once; a hundred times what is tried. */
const CANDIDATES_KEPT_MAX = 40_000
/** Kept of the request's time for writing back and ending. */
const RESERVE_MS = 250

/**
 * The engine that needs no model: a search over single small edits for JavaScript and TypeScript, judged by the
 * task's own checks in the sandbox. It finds slips (an operator, an off-by-one, a missing await), not features, and
 * what it finds may fit the checks without being right: its work is a proposal for a person. The search and its parser are
 * loaded when there is something to repair.
 */
export class RepairRunner implements AgentRunner {
  readonly kind = 'repair'
  readonly needs: AgentNeeds = { mounts: [] }
  readonly #candidatesMax: number
  readonly #checkTimeoutMsMin: number

  constructor(options: RepairOptions = {}) {
    this.#candidatesMax = options.candidatesMax ?? 400
    this.#checkTimeoutMsMin = options.checkTimeoutMsMin ?? 2_000
  }

  /** Always ready: it is part of this program. */
  probe(): Promise<AgentProbe> {
    return Promise.resolve({ ready: true })
  }

  async run(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    const startedMs = performance.now()
    const tally = new Tally()
    const report = (outcome: AgentReport['outcome'], detail: string, said = ''): AgentReport => ({
      outcome,
      detail: truncate(detail, 500),
      said: truncate(said, 2_000),
      commandsExecuted: tally.commands,
      tokens: { input: 0, output: 0 },
      usage: tally.usage(),
    })
    try {
      bench.progress({ kind: 'step', text: 'running the checks once, to see what fails' })
      const baseline = await bench.check({ timeoutMs: Math.ceil(request.timeoutMs * BASELINE_SHARE) })
      tally.add(baseline)
      if (bench.signal.aborted) return report('cancelled', 'cancelled before the search began')
      if (baseline.green) return report('failed', 'the checks are green already: a search for a repair needs one that is red')
      // A first run that was cut off says nothing of how long a good one takes.
      const cutOff = baseline.commands.some((command) => command.end.outcome === 'timeout')
      const checkMs = cutOff ? this.#checkTimeoutMsMin / CHECK_TIMES_MAX : performance.now() - startedMs
      const { describeEdit, search } = await import('./search.ts')
      const texts = await readAll(bench.workspacePath)
      const candidates = await rankedCandidates(request, baseline, texts)
      if (candidates.length === 0) return report('failed', 'no JavaScript or TypeScript source to edit was found')
      const outcome = await search(candidates, texts, {
        bench,
        limits: {
          candidatesMax: this.#candidatesMax,
          deadlineMs: startedMs + request.timeoutMs - RESERVE_MS,
          checkMs,
          checkTimeoutMs: Math.ceil(Math.max(this.#checkTimeoutMsMin, checkMs * CHECK_TIMES_MAX)),
        },
        onCheck: (check) => tally.add(check),
      })
      return conclude(outcome, { candidates: candidates.length, found: outcome.found === undefined ? '' : describeEdit(outcome.found) }, report)
    } catch (thrown) {
      // No sandbox, no judgement: that is the node's failure and not this engine's.
      if (thrown instanceof ChorusError && thrown.code === 'SANDBOX_UNAVAILABLE') throw thrown
      if (bench.signal.aborted) return report('cancelled', 'cancelled')
      return report('failed', messageOf(thrown))
    }
  }
}

const conclude = (
  outcome: SearchOutcome,
  { candidates, found }: { readonly candidates: number; readonly found: string },
  report: (outcome: AgentReport['outcome'], detail: string, said?: string) => AgentReport,
): AgentReport => {
  const tried = `after ${outcome.tried} of ${candidates} candidates`
  switch (outcome.end) {
    case 'found': return report('finished', `found ${tried}: ${found}`, `${found}. The checks are green with it (${tried}); whether it is what was meant, a person must say.`)
    case 'exhausted': return report('failed', `not found ${tried}: no single small edit makes the checks green`)
    case 'limit': return report('failed', `not found ${tried}, which is the most that are tried`)
    case 'timeout': return report('timeout', `not found ${tried} within the time`)
    case 'cancelled': return report('cancelled', `cancelled ${tried}`)
  }
}

/** Every source by relative path, test files included (for what they import and call), within the limits. */
const readAll = async (workspace: string): Promise<ReadonlyMap<string, string>> => {
  const texts = new Map<string, string>()
  let bytes = 0
  for (const file of await listSources(workspace)) {
    const text = await readSource(workspace, file)
    if (!text.ok) continue
    bytes += Buffer.byteLength(text.value)
    if (bytes > FILE_LIMITS.totalBytesMax) break
    texts.set(file, text.value)
  }
  return texts
}

/**
 * Candidates of all sources, likeliest first. Files to which more clues point are read first, so that in a large
 * project the bound cuts what is far away; between files other work of this process gets its turn.
 */
const rankedCandidates = async (request: AgentRequest, baseline: CheckReport, texts: ReadonlyMap<string, string>): Promise<readonly Candidate[]> => {
  const { candidatesOf } = await import('./candidates.ts')
  const clues = cluesOf({
    title: request.title,
    description: request.description,
    output: [request.feedback ?? '', ...baseline.commands.map((command) => command.output)].join('\n'),
    texts,
    isTest: isTestFile,
  })
  const files: FileCandidates[] = []
  let count = 0
  for (const file of nearestFirst([...texts.keys()].filter((name) => !isTestFile(name)), clues)) {
    if (count >= CANDIDATES_KEPT_MAX) break
    const found = candidatesOf(file, texts.get(file) ?? '')
    if (found.ok) {
      files.push(found.value)
      count += found.value.candidates.length
    }
    await immediate()
  }
  return rank(files, clues)
}

/** What the runs of the checks cost, summed: hundreds of them make one figure. */
class Tally {
  commands = 0
  #sum: ResourceUsage | undefined

  add(check: CheckReport): void {
    for (const command of check.commands) {
      this.commands += 1
      const usage = command.end.usage
      const sum = this.#sum
      this.#sum = sum === undefined ? usage : {
        wallMs: sum.wallMs + usage.wallMs,
        cpuMs: sum.cpuMs + usage.cpuMs,
        memoryBytesPeak: Math.max(sum.memoryBytesPeak, usage.memoryBytesPeak),
        processesPeak: Math.max(sum.processesPeak, usage.processesPeak),
        source: sum.source === 'exact' && usage.source === 'exact' ? 'exact' : 'sampled',
      }
    }
  }

  usage(): readonly ResourceUsage[] { return this.#sum === undefined ? [] : [this.#sum] }
}
