import { ChorusError, messageOf } from '../../core/mod.ts'
import type { AgentProgress, AgentReport, AgentRequest, AgentRunner, Clock } from '../../ports/mod.ts'
import { AttemptBench } from './bench.ts'
import type { BenchParts } from './bench.ts'
import type { AgentEnd } from './attempt-state.ts'
import { clean, oneLine } from './prompt.ts'

export interface RoundParts extends Omit<BenchParts, 'signal' | 'timeLeftMs' | 'onProgress'> {
  readonly runner: AgentRunner
  readonly request: AgentRequest
  readonly clock: Clock
  /** Of the attempt; the round adds its own deadline. */
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

export interface RoundEnd {
  readonly agent: Omit<AgentEnd, 'silent'>
  readonly commandsExecuted: number
  readonly tokens: AgentReport['tokens']
  readonly said: string
}

/** How long after its deadline an agent may take to report; it has no programs any more by then. */
const REPORT_GRACE_MS = 10_000

/**
 * One round of one agent, under a deadline of ours: agents hang, and report success for failures. Resolves only when
 * every program of the round is gone. Never rejects for what the runner does, but with SANDBOX_UNAVAILABLE and
 * ENGINE_UNAVAILABLE, and with the attempt's own abort reason.
 */
export const runRound = async (parts: RoundParts): Promise<RoundEnd> => {
  const { clock, request, signal } = parts
  const startedMs = clock.monotonicMs()
  const controller = new AbortController()
  const stop = (): void => { controller.abort(signal.reason) }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  let late = false
  const disarm = clock.arm(request.timeoutMs, () => {
    late = true
    controller.abort(new ChorusError('LIMIT_EXCEEDED', 'the agent is out of time'))
  })
  const bench = new AttemptBench({
    ...parts,
    signal: controller.signal,
    timeLeftMs: () => request.timeoutMs - (clock.monotonicMs() - startedMs),
    onProgress: (event) => { parts.onProgress(lineOf(event)) },
  })
  let report: AgentReport | { readonly thrown: unknown } | undefined
  try {
    const running = parts.runner.run(request, bench).catch((thrown: unknown) => ({ thrown }))
    report = await Promise.race([running, aborted(controller.signal)])
    if (report === undefined) {
      await bench.close()
      const grace = Promise.withResolvers<undefined>()
      const disarmGrace = clock.arm(REPORT_GRACE_MS, () => { grace.resolve(undefined) })
      report = await Promise.race([running, grace.promise])
      disarmGrace()
    }
  } finally {
    disarm()
    signal.removeEventListener('abort', stop)
    controller.abort(new ChorusError('INTERNAL', 'the round is over'))
    await bench.close()
  }
  signal.throwIfAborted()
  return judge(report, late)
}

const judge = (report: AgentReport | { readonly thrown: unknown } | undefined, late: boolean): RoundEnd => {
  const nothing = { commandsExecuted: 0, tokens: null, said: '' }
  if (report === undefined) return { agent: { outcome: 'timeout', detail: 'it did not report at its deadline' }, ...nothing }
  if ('thrown' in report) {
    const { thrown } = report
    if (thrown instanceof ChorusError && (thrown.code === 'SANDBOX_UNAVAILABLE' || thrown.code === 'ENGINE_UNAVAILABLE')) throw thrown
    return { agent: { outcome: late ? 'timeout' : 'failed', detail: oneLine(messageOf(thrown), 300) }, ...nothing }
  }
  return {
    agent: { outcome: late ? 'timeout' : report.outcome, detail: oneLine(report.detail, 300) },
    commandsExecuted: count(report.commandsExecuted),
    tokens: report.tokens === null ? null : { input: count(report.tokens.input), output: count(report.tokens.output) },
    said: clean(report.said).slice(0, 4_000),
  }
}

/** Numbers reported by an engine: never negative, never no number. */
const count = (value: number): number => Number.isFinite(value) && value > 0 ? Math.floor(value) : 0

const lineOf = (event: AgentProgress): string => {
  switch (event.kind) {
    case 'tool': return `tool: ${oneLine(event.title, 200)}`
    case 'text': case 'step': return oneLine(event.text, 200)
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> => new Promise((resolve) => {
  if (signal.aborted) return resolve(undefined)
  // The round's own controller always aborts in the end, which ends this wait and its listener.
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
})
