import { ChorusError, assert, canonicalJson, messageOf, sha256 } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { EgressGate, SandboxMount, SandboxNetwork, Workspace } from '../../ports/mod.ts'
import type { AttemptFacts, AttemptRequest, CheckSummary } from './attempt.ts'
import { summarize } from './attempt.ts'
import { runCommands, toCheckReport } from './checks.ts'
import type { CheckPlace, CommandRun } from './checks.ts'
import { commitMessage } from './commit-message.ts'
import { inspectChange } from './inspection.ts'
import { newAttempt, step } from './machine.ts'
import type { AttemptEffect, AttemptInput, AttemptPlan, AttemptState, Inspection } from './attempt-state.ts'
import { UsageSum, buildMetadata } from './metadata.ts'
import type { RunParts } from './parts.ts'
import { readProject } from './project.ts'
import { buildPrompt } from './prompt.ts'
import { runRound } from './round.ts'
import { setUp, setupThrew } from './setup.ts'

/** Carries out the effects of one attempt, one after another, and keeps its counts. Used once. */
export class AttemptRun {
  readonly #parts: RunParts
  readonly #request: AttemptRequest
  readonly #workspace: Workspace
  readonly #signal: AbortSignal
  readonly #label: string
  readonly #usage = new UsageSum()
  readonly #startedMs: number
  #state: AttemptState
  #baseMounts: readonly SandboxMount[] = []
  #changeMounts: readonly SandboxMount[] | undefined
  #gate: EgressGate | undefined
  #commandsExecuted = 0
  #tokens: { input: number; output: number } | null = { input: 0, output: 0 }
  #prompt = ''
  #said = ''

  constructor(parts: RunParts, about: { readonly request: AttemptRequest; readonly workspace: Workspace; readonly plan: AttemptPlan; readonly label: string; readonly signal: AbortSignal }) {
    this.#parts = parts
    this.#request = about.request
    this.#workspace = about.workspace
    this.#signal = about.signal
    this.#label = about.label
    this.#state = newAttempt(about.plan)
    this.#startedMs = parts.clock.monotonicMs()
  }

  /** Ends in a state of phase `ended`. Rejects only for defects; then, too, no program is left. */
  async finish(): Promise<AttemptState> {
    try {
      let input: AttemptInput = { kind: 'started' }
      for (;;) {
        const { state, effects } = step(this.#state, this.#signal.aborted ? { kind: 'cancelled' } : input, this.#parts.clock.monotonicMs())
        this.#state = state
        const effect = effects[0]
        if (effect === undefined) return state
        input = await this.#carryOut(effect).catch((thrown: unknown) => this.#blame(thrown))
      }
    } finally {
      await this.#closeGate()
    }
  }

  get changedFiles(): readonly string[] {
    return this.#state.changes.filter((change) => change.kind !== 'deleted').map(({ path }) => path)
  }

  get checks(): readonly CheckSummary[] { return summarize(this.#state.base, this.#state.now) }

  metadata(evidence: 'proved' | 'reproduced' | 'unproven'): ReturnType<typeof buildMetadata> {
    return buildMetadata({
      runnerKind: this.#request.runner.kind,
      durationMs: this.#parts.clock.monotonicMs() - this.#startedMs,
      commandsExecuted: this.#commandsExecuted,
      files: this.changedFiles,
      usage: this.#usage.value,
      commit: this.#state.commit ?? '',
      evidence,
      tokens: this.#tokens,
    })
  }

  facts(): AttemptFacts {
    const { plan, round, commit, flags, end } = this.#state
    return {
      base: plan.base,
      commit: commit ?? null,
      engine: this.#request.runner.kind,
      sandbox: this.#parts.sandbox.name,
      rounds: round,
      evidence: end?.kind === 'verified' ? end.evidence : null,
      flags,
      files_changed: this.#state.changes.length,
      prompt_sha256: this.#prompt === '' ? null : sha256(this.#prompt),
      said_sha256: this.#said === '' ? null : sha256(this.#said),
      checks: this.checks.map((check) => ({
        command_sha256: sha256(check.command), green: check.green, green_at_base: check.greenAtBase, output_sha256: check.outputHash,
        tests_passed: check.testsPassed, tests_failed: check.testsFailed,
      })),
      tokens: this.#tokens,
    }
  }

  async #carryOut(effect: AttemptEffect): Promise<AttemptInput> {
    const { sources, parseProject, sandbox, egress, setupCache, options } = this.#parts
    const { base } = this.#state.plan
    switch (effect.kind) {
      case 'read-project':
        return { kind: 'project-read', project: await readProject(sources, base, parseProject) }
      case 'set-up': {
        this.#tell('setting up dependencies')
        const { change } = effect
        const outcome = await setUp({
          plan: effect.plan, change,
          checkout: () => this.#workspace.checkout(change ?? base),
          place: { sandbox, environment: {}, limits: options.setupLimits, label: `${this.#label}-setup`, signal: this.#signal, onUsage: this.#onUsage },
        }, setupCache, egress).catch((thrown: unknown) => {
          this.#signal.throwIfAborted()
          return setupThrew(thrown)
        })
        if (outcome.kind === 'ready' && change === undefined) this.#baseMounts = outcome.mounts
        if (outcome.kind === 'ready' && change !== undefined) this.#changeMounts = outcome.mounts
        return { kind: 'set-up', outcome }
      }
      case 'run-base':
        this.#tell('running the checks before any change')
        return { kind: 'base-ran', runs: await this.#check(effect.commands, () => this.#workspace.checkout(base), { mounts: this.#baseMounts, commit: base }) }
      case 'run-agent': return this.#runAgent(effect)
      case 'take-snapshot': return this.#snapshot()
      case 'inspect': return { kind: 'inspected', inspection: await this.#inspect(effect.snapshot) }
      case 'run-checks':
        this.#tell('running the checks on the change')
        return { kind: 'checked', runs: await this.#check(effect.commands, () => this.#workspace.checkout(effect.commit), { mounts: this.#changeMounts ?? this.#baseMounts, commit: effect.commit }) }
      case 'run-without-added':
        this.#tell('running the check without the added tests')
        return {
          kind: 'without-added-ran',
          runs: await this.#check(effect.commands, () => this.#workspace.checkout(effect.commit, { from: base, paths: effect.paths }), { mounts: this.#changeMounts ?? this.#baseMounts }),
        }
      case 'run-overlay':
        this.#tell('running the added tests without the change')
        return {
          kind: 'overlay-ran',
          runs: await this.#check(effect.commands, () => this.#workspace.checkout(base, { from: effect.commit, paths: effect.paths }), { mounts: this.#baseMounts }),
        }
    }
  }

  /**
   * The task's own check gets a checkout of its own: what ran before cannot have touched its tests. With `commit`, the
   * project's checks on exactly that commit are remembered: what is delivered today is the base of the next attempt.
   */
  async #check(commands: readonly string[], checkout: () => Promise<string>, options: { readonly mounts: readonly SandboxMount[]; readonly commit?: Oid }): Promise<readonly CommandRun[]> {
    const named = commands.filter((command) => command === this.#state.plan.check)
    const others = commands.filter((command) => command !== this.#state.plan.check)
    const runs: CommandRun[] = []
    if (named.length > 0) runs.push(...await runCommands(named, this.#place(await checkout(), options.mounts, this.#signal)))
    if (others.length === 0) return runs
    const { checkMemory } = this.#parts
    const key = options.commit === undefined ? undefined : canonicalJson([options.commit, others, options.mounts.map(({ source, target }) => [source, target])])
    const known = key === undefined ? undefined : checkMemory.get(key)
    const ran = known ?? await runCommands(others, this.#place(await checkout(), options.mounts, this.#signal))
    // A run that was cut short says nothing of the commit.
    if (key !== undefined && ran.every(({ end }) => end.outcome === 'exited')) checkMemory.set(key, ran)
    return [...runs, ...ran]
  }

  async #runAgent({ round, feedback, timeoutMs }: Extract<AttemptEffect, { kind: 'run-agent' }>): Promise<AttemptInput> {
    const { task, runner, role, agentId } = this.#request
    const { project, commands, base } = this.#state
    const { options, sandbox, clock } = this.#parts
    this.#tell(round === 1 ? 'the agent starts' : `round ${round} of the agent: its change did not hold`)
    const { redact } = this.#parts
    this.#prompt = await redact(buildPrompt({ task, role, extras: this.#request.extras, guidance: project?.guidance, checks: commands, baseRuns: base }, { bytesMax: options.promptBytesMax }))
    const environment = { TASK_ID: task.key, REPOSITORY: task.repository, AGENT_ID: agentId, AGENT_ROLE: role }
    const mounts = [...this.#baseMounts, ...runner.needs.mounts]
    const quick = this.#state.plan.check === undefined ? project?.checks ?? [] : [this.#state.plan.check]
    const ended = await runRound({
      runner, sandbox, clock, mounts, environment, network: await this.#modelNetwork(), limits: options.agentLimits, label: `${this.#label}-agent`,
      workspacePath: this.#workspace.path, signal: this.#signal, onUsage: this.#onUsage, onProgress: (text) => { this.#tell(text) },
      request: { taskId: task.key, title: task.title, description: await redact(task.description), prompt: this.#prompt, feedback: feedback === undefined ? undefined : await redact(feedback), environment, timeoutMs },
      check: async ({ signal, timeoutMsMax }) => {
        const place = this.#place(this.#workspace.path, this.#baseMounts, signal)
        return toCheckReport(await runCommands(quick, { ...place, limits: { ...place.limits, timeoutMs: Math.min(place.limits.timeoutMs, timeoutMsMax) } }))
      },
    })
    this.#commandsExecuted += ended.commandsExecuted
    this.#said = ended.said
    this.#countTokens(ended.tokens)
    const counts = this.#gate?.counts()
    return { kind: 'agent-ended', agent: { ...ended.agent, silent: counts !== undefined && counts.inputTokens + counts.outputTokens === 0 } }
  }

  async #modelNetwork(): Promise<SandboxNetwork> {
    const port = this.#request.runner.needs.modelPort
    if (port === undefined) return { kind: 'none' }
    this.#gate ??= await this.#parts.egress.openModel({ label: this.#label, tokensMax: this.#parts.options.tokensMax })
    return { kind: 'socket', socketPath: this.#gate.socketPath, port }
  }

  /** What the engine says, else what passed the gate; the gate counts all rounds together. */
  #countTokens(tokens: { readonly input: number; readonly output: number } | null): void {
    const counts = this.#gate?.counts()
    if (tokens !== null) this.#tokens = this.#tokens === null ? null : { input: this.#tokens.input + tokens.input, output: this.#tokens.output + tokens.output }
    else this.#tokens = counts === undefined ? null : { input: counts.inputTokens, output: counts.outputTokens }
  }

  async #snapshot(): Promise<AttemptInput> {
    try {
      return { kind: 'snapshot-taken', snapshot: await this.#workspace.snapshot() }
    } catch (thrown) {
      // The clone is hostile after the agent: what cannot be read as a change is the agent's failure, not ours.
      if (thrown instanceof ChorusError && (thrown.code === 'LIMIT_EXCEEDED' || thrown.code === 'INPUT_INVALID' || thrown.code === 'REPOSITORY_INVALID')) {
        return { kind: 'failed', reason: `what the agent left cannot be taken as a change: ${messageOf(thrown)}` }
      }
      throw thrown
    }
  }

  async #inspect(snapshot: Extract<AttemptEffect, { kind: 'inspect' }>['snapshot']): Promise<Inspection> {
    const message = commitMessage(this.#request)
    const { base } = this.#state.plan
    if (snapshot !== undefined) {
      const commit = await this.#workspace.commit(snapshot, message)
      return inspectChange({ ...this.#parts, base, commit, changes: snapshot.changes, message, diff: (bytesMax) => this.#workspace.diff(commit, { bytesMax }) })
    }
    const { commit, changes } = this.#state
    assert(commit !== undefined, 'a recheck has a commit')
    return inspectChange({ ...this.#parts, base, commit, changes, message, diff: undefined })
  }

  #place(folder: string, mounts: readonly SandboxMount[], signal: AbortSignal): CheckPlace {
    return { sandbox: this.#parts.sandbox, folder, mounts, environment: {}, limits: this.#parts.options.checkLimits, label: `${this.#label}-check`, signal, onUsage: this.#onUsage }
  }

  readonly #onUsage = (usage: Parameters<UsageSum['add']>[0]): void => { this.#usage.add(usage) }

  #tell(text: string): void { this.#request.onProgress(text) }

  #blame(thrown: unknown): AttemptInput {
    if (this.#signal.aborted) return { kind: 'cancelled' }
    // What the agent would be told holds what must not leave the node in any form: a person must mend the task.
    if (thrown instanceof ChorusError && thrown.code === 'SECRET_DENIED') return { kind: 'failed', reason: thrown.message }
    if (thrown instanceof ChorusError && (thrown.retryable || thrown.code === 'SANDBOX_UNAVAILABLE')) return { kind: 'unavailable', reason: thrown.message }
    throw thrown
  }

  async #closeGate(): Promise<void> {
    const gate = this.#gate
    this.#gate = undefined
    await gate?.close()
  }
}
