import type { Oid } from '../../core/mod.ts'
import { BoundedMap, ChorusError, assert, messageOf, unreachable } from '../../core/mod.ts'
import type { FileChange, Workspace } from '../../ports/mod.ts'
import type { AttemptOutcome, AttemptRequest, Recheck, VerifiedAttempt } from './attempt.ts'
import { commitMessage } from './commit-message.ts'
import type { AttemptPlan, AttemptState } from './attempt-state.ts'
import { replayedChanges } from './inspection.ts'
import { AttemptRun } from './run.ts'
import type { ExecutionParts, RunParts } from './parts.ts'

const CHECKS_REMEMBERED_MAX = 32

/** Attempts on the tasks of one repository. Several may run at once. */
export class Execution {
  readonly #parts: RunParts
  #count = 0

  constructor(parts: ExecutionParts) {
    this.#parts = { ...parts, checkMemory: new BoundedMap(CHECKS_REMEMBERED_MAX) }
  }

  /**
   * One try: base run, agent, judgement. Resolves when every program of it is gone; after `verified` the work trees
   * are kept for `again` until `dispose`. Rejects only for defects.
   */
  async attempt(request: AttemptRequest): Promise<AttemptOutcome> {
    if (request.signal.aborted) return { kind: 'cancelled' }
    this.#count += 1
    const label = `${slug(request.task.number)}-e${request.claim.epoch}-${this.#count}`
    let workspace: Workspace
    try {
      workspace = await this.#parts.workspaces.open({ name: label, base: request.base })
    } catch (thrown) {
      return { kind: 'unavailable', reason: `no work tree for ${request.task.key}: ${messageOf(thrown)}` }
    }
    const disposal = new Disposal(workspace)
    try {
      const run = new AttemptRun(this.#parts, { request, workspace, plan: this.#plan(request, request.base), label, signal: request.signal })
      const outcome = this.#outcome(await run.finish(), { run, request, workspace, disposal, label })
      if (outcome.kind !== 'verified') {
        // The outcome stands; what is left of the work tree is reaped at the next start.
        await disposal.dispose().catch((thrown: unknown) => { this.#parts.logger.warn('a work tree could not be removed', { label, reason: messageOf(thrown) }) })
      }
      return outcome
    } catch (thrown) {
      await disposal.dispose()
      throw thrown
    }
  }

  #outcome(state: AttemptState, about: RunAbout): AttemptOutcome {
    const { end } = state
    const { run } = about
    assert(end !== undefined, 'a finished attempt has an end')
    const done = { metadata: run.metadata('unproven'), facts: run.facts() }
    switch (end.kind) {
      case 'verified': return this.#verified(state, about)
      case 'cancelled': return { kind: 'cancelled' }
      case 'unavailable': return { kind: 'unavailable', reason: end.reason }
      case 'failed': return { kind: 'failed', reason: end.reason, ...done }
      case 'parked': return { kind: 'parked', reason: end.reason, commit: state.commit, ...done }
      default: return unreachable(end)
    }
  }

  #verified(state: AttemptState, about: RunAbout): VerifiedAttempt {
    const { end, commit, changes } = state
    assert(end?.kind === 'verified' && commit !== undefined, 'a verified attempt has a commit')
    const { run } = about
    const metadata = run.metadata(end.evidence)
    return {
      kind: 'verified', commit, base: state.plan.base, evidence: end.evidence, changes, flags: state.flags, metadata, checks: run.checks, facts: run.facts(),
      result: { success: true, message: `${changes.length} files changed, evidence: ${end.evidence}`, metadata },
      again: (onto, options) => this.#again({ commit, changes, onto }, options?.signal ?? about.request.signal, about),
      dispose: () => about.disposal.dispose(),
    }
  }

  async #again({ commit, changes, onto }: Replay, signal: AbortSignal, about: RunAbout): Promise<Recheck> {
    const { request, workspace } = about
    if (signal.aborted) return { kind: 'cancelled' }
    const rebased = await workspace.rebase(commit, { onto, message: commitMessage(request) })
    if (!rebased.ok) return { kind: 'conflict', reason: `the change conflicts with ${onto.slice(0, 12)} in ${rebased.reason.slice(0, 20).join(', ')}` }
    const present = new Set((await this.#parts.sources.list(onto, '')).map(({ path }) => path))
    const plan: AttemptPlan = { ...this.#plan(request, onto), replayed: { commit: rebased.value, changes: replayedChanges(changes, present) } }
    const run = new AttemptRun(this.#parts, { request, workspace, plan, label: `${about.label}-again`, signal })
    const state = await run.finish()
    const { end } = state
    assert(end !== undefined, 'a finished recheck has an end')
    switch (end.kind) {
      case 'verified': return this.#verified(state, { ...about, run })
      case 'cancelled': return { kind: 'cancelled' }
      case 'failed': case 'parked': return { kind: 'conflict', reason: `replayed on ${onto.slice(0, 12)}: ${end.reason}` }
      case 'unavailable': throw new ChorusError('IO_FAILED', `the change could not be checked again on ${onto.slice(0, 12)}: ${end.reason}`)
      default: return unreachable(end)
    }
  }

  #plan(request: AttemptRequest, base: Oid): AttemptPlan {
    const { agentTimeoutMs, roundsMax, changesMax, feedbackBytesMax } = this.#parts.options
    return { base, check: request.task.check, taskType: request.task.type, roundsMax, agentTimeoutMs, changesMax, feedbackBytesMax }
  }
}

interface Replay { readonly commit: Oid; readonly changes: readonly FileChange[]; readonly onto: Oid }

interface RunAbout {
  readonly run: AttemptRun
  readonly request: AttemptRequest
  readonly workspace: Workspace
  readonly disposal: Disposal
  readonly label: string
}

/** Disposes once, however often it is asked. */
class Disposal {
  readonly #workspace: Workspace
  #done: Promise<void> | undefined

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  dispose(): Promise<void> {
    this.#done ??= this.#workspace.dispose()
    return this.#done
  }
}

const slug = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)
