import type { Result } from '../../core/mod.ts'
import { assert, unreachable } from '../../core/mod.ts'
import type { Snapshot } from '../../ports/mod.ts'
import type { AgentEnd, AttemptEffect, AttemptEnd, AttemptInput, AttemptPhase, AttemptPlan, AttemptState, AttemptStep, Inspection } from './attempt-state.ts'
import { endOf, endedByItself } from './checks.ts'
import type { CommandRun } from './checks.ts'
import { covers, isReproduced, judgeChecks, mentions } from './evidence.ts'
import { feedbackOnChecks, feedbackOnNothing, headline } from './feedback.ts'
import { oneLine } from './prompt.ts'
import type { Project } from './project.ts'
import { judgeChanges } from './protected.ts'

/** Less time than this is no round. */
const ROUND_MS_MIN = 5_000

/**
 * The attempt, as a pure machine (architecture, "The way of a task" 5-7):
 *
 *   reading-project -> setup -> base-run -> agent-round -> snapshot -> judge-changes -> [setup] -> check -> [own-tests] -> evidence -> ended
 *                                              ^------------------ red, and rounds left ------------'
 *
 * One effect is under way at a time, and each is answered by one input. A base run that did not end by itself is repeated
 * once: without one that did, nothing can be measured here (docs/security.md, "What judges a change"). A recheck (the same change on another base)
 * starts with a commit and goes from base-run straight to judge-changes.
 */
export const newAttempt = (plan: AttemptPlan): AttemptState => ({
  phase: 'reading-project', plan, project: undefined, commands: [], base: [], round: 0, roundStartedMs: 0, agentMsLeft: plan.agentTimeoutMs,
  agent: undefined, changes: plan.replayed?.changes ?? [], refusedTrees: [], tree: '', lastProblem: '', commit: plan.replayed?.commit,
  verdict: undefined, flags: [], now: [], end: undefined,
})

/** `nowMs` is monotonic. Throws on an input that the phase does not wait for: that is a defect of the service. */
export const step = (state: AttemptState, input: AttemptInput, nowMs: number): AttemptStep => {
  if (state.phase === 'ended') return { state, effects: [] }
  switch (input.kind) {
    case 'started': return { state: expect(state, 'reading-project'), effects: [{ kind: 'read-project' }] }
    case 'cancelled': return end(state, { kind: 'cancelled' })
    case 'unavailable': return end(state, { kind: 'unavailable', reason: input.reason })
    case 'failed': return end(state, { kind: 'failed', reason: input.reason })
    case 'project-read': return onProject(expect(state, 'reading-project'), input.project)
    case 'set-up': return onSetUp(expect(state, 'setup', 'change-setup'), input.outcome)
    case 'base-ran': return onBase(expect(state, 'base-run'), input.runs, nowMs)
    case 'agent-ended': return onAgent(expect(state, 'agent-round'), input.agent, nowMs)
    case 'snapshot-taken': return onSnapshot(expect(state, 'snapshot'), input.snapshot, nowMs)
    case 'inspected': return onInspected(expect(state, 'judge-changes'), input.inspection)
    case 'checked': return onChecked(expect(state, 'check'), input.runs, nowMs)
    case 'without-added-ran': return onWithoutAdded(expect(state, 'own-tests'), input.runs)
    case 'overlay-ran': return onOverlay(expect(state, 'evidence'), input.runs)
    default: return unreachable(input)
  }
}

const onProject = (state: AttemptState, read: Result<Project>): AttemptStep => {
  if (!read.ok) return end(state, { kind: 'parked', reason: read.reason })
  const project = read.value
  const { check } = state.plan
  if (check !== undefined && (check.trim() === '' || check.length > 2_000 || check.includes('\0'))) {
    return end(state, { kind: 'parked', reason: 'the check that the task names is no command of 1 to 2000 characters' })
  }
  const commands = [...project.checks, ...(check === undefined || project.checks.includes(check) ? [] : [check])]
  const next: AttemptState = { ...state, project, commands }
  if (project.setup !== undefined) return go(next, 'setup', { kind: 'set-up', plan: project.setup, change: undefined })
  return go(next, 'base-run', { kind: 'run-base', commands })
}

const onSetUp = (state: AttemptState, outcome: Extract<AttemptInput, { kind: 'set-up' }>['outcome']): AttemptStep => {
  if (outcome.kind !== 'ready') return end(state, { kind: outcome.kind, reason: outcome.reason })
  return state.phase === 'setup' ? go(state, 'base-run', { kind: 'run-base', commands: state.commands }) : check(state)
}

const onBase = (state: AttemptState, runs: readonly CommandRun[], nowMs: number): AttemptStep => {
  const isRepeated = state.base.length > 0
  const base = isRepeated ? state.base.map((run) => runs.find(({ command }) => command === run.command) ?? run) : runs
  const next: AttemptState = { ...state, base }
  const cutShort = base.filter((run) => !endedByItself(run))
  if (cutShort.length > 0) return isRepeated ? unmeasured(next, cutShort) : go(next, 'base-run', { kind: 'run-base', commands: repeated(state, cutShort) })
  if (base.some((run) => run.command === state.plan.check && run.green)) {
    return end(next, { kind: 'parked', reason: `the check is already green at base: ${JSON.stringify(state.plan.check)} proves nothing there` })
  }
  if (state.plan.replayed !== undefined) return go(next, 'judge-changes', { kind: 'inspect', snapshot: undefined })
  return nextRound(next, undefined, nowMs)
}

/** The task's own check runs alone; the others on one checkout, where a later one may need what an earlier one built. */
const repeated = ({ commands, plan }: AttemptState, cutShort: readonly CommandRun[]): readonly string[] =>
  commands.filter((command) => cutShort.some((run) => (run.command === plan.check) === (command === plan.check)))

/** Neither red nor green: a node with more room or less load may get further, and in the end a person is asked. */
const unmeasured = (state: AttemptState, [first]: readonly CommandRun[]): AttemptStep => {
  assert(first !== undefined, 'something was cut short')
  const remedy = first.end.outcome === 'timeout' ? '; a check that is red because it hangs needs a limit of its own, as in "timeout 60 …"' : ''
  const what = `${JSON.stringify(oneLine(first.command, 200))} did not end by itself before any change, nor when it was run again (${endOf(first.end)})`
  return end(state, { kind: 'unavailable', reason: `${what}: nothing can be measured by it here${remedy}` })
}

const nextRound = (state: AttemptState, feedback: string | undefined, nowMs: number): AttemptStep =>
  go({ ...state, round: state.round + 1, roundStartedMs: nowMs }, 'agent-round', { kind: 'run-agent', round: state.round + 1, feedback, timeoutMs: state.agentMsLeft })

const onAgent = (state: AttemptState, agent: AgentEnd, nowMs: number): AttemptStep => {
  const agentMsLeft = Math.max(0, state.agentMsLeft - Math.max(0, nowMs - state.roundStartedMs))
  // Whatever it says of itself: what it left in the files is judged.
  return go({ ...state, agent, agentMsLeft }, 'snapshot', { kind: 'take-snapshot' })
}

const onSnapshot = (state: AttemptState, snapshot: Snapshot, nowMs: number): AttemptStep => {
  const { agent } = state
  const next: AttemptState = { ...state, changes: snapshot.changes, tree: snapshot.tree }
  if (state.refusedTrees.includes(snapshot.tree)) return end(next, { kind: 'failed', reason: withAgent(state, state.lastProblem) })
  if (snapshot.changes.length === 0) {
    if (agent?.outcome === 'failed' && agent.silent) return end(next, { kind: 'unavailable', reason: `the model did not answer: ${agent.detail}` })
    return refuse(next, 'the agent changed nothing', feedbackOnNothing, nowMs)
  }
  if (snapshot.changes.length > state.plan.changesMax) {
    return end(next, { kind: 'failed', reason: `the change touches ${snapshot.changes.length} files, at most ${state.plan.changesMax} are taken: split the task` })
  }
  return go(next, 'judge-changes', { kind: 'inspect', snapshot })
}

const onInspected = (state: AttemptState, inspection: Inspection): AttemptStep => {
  const { project } = state
  assert(project !== undefined, 'changes are judged by the project at base')
  const verdict = judgeChanges({
    changes: state.changes,
    checkCommands: [...project.checkCommands, ...(state.plan.check === undefined ? [] : [state.plan.check])],
    patterns: project.patterns,
    contents: inspection.contents,
    twins: inspection.twins,
  })
  const next: AttemptState = { ...state, commit: inspection.commit, verdict, flags: [...verdict.flags, ...(inspection.hidesContent ? ['binary-changed'] : [])] }
  // A patch that may hold a secret is not handed on: nobody gets its commit.
  const withheld: AttemptState = { ...next, commit: undefined }
  if (inspection.secretRules.length > 0) return end(withheld, { kind: 'parked', reason: `the change holds what looks like a secret (${inspection.secretRules.slice(0, 10).join(', ')})` })
  if (inspection.diffCut) return end(withheld, { kind: 'parked', reason: 'the change is too large to be searched for secrets: split the task, or take the patch by hand' })
  if (verdict.reasons.length > 0) return end(next, { kind: 'parked', reason: `the change touches what only a person may let through: ${verdict.reasons.join('; ')}` })
  if (verdict.lockfileChanged && inspection.setup !== undefined) return go(next, 'change-setup', { kind: 'set-up', plan: inspection.setup, change: inspection.commit })
  return check(next)
}

const check = (state: AttemptState): AttemptStep => {
  assert(state.commit !== undefined, 'checks run on a commit')
  return go(state, 'check', { kind: 'run-checks', commit: state.commit, commands: state.commands })
}

const onChecked = (state: AttemptState, now: readonly CommandRun[], nowMs: number): AttemptStep => {
  const { plan, verdict, commit } = state
  assert(verdict !== undefined && commit !== undefined, 'checks run on judged changes')
  // No limit of ours did it, and nothing inside of the sandbox can: something on this machine ended it.
  const killed = now.find((run) => run.end.outcome === 'killed')
  if (killed !== undefined) return end(state, { kind: 'unavailable', reason: `${JSON.stringify(oneLine(killed.command, 200))} was killed from outside of its sandbox` })
  const addedPaths = state.changes.filter((change) => change.kind === 'added').map(({ path }) => path)
  const judged = judgeChecks({ check: plan.check, taskType: plan.taskType, addedPaths, base: state.base, now })
  const next: AttemptState = { ...state, now }
  if (!judged.ok) {
    return refuse(next, headline(judged.problems), feedbackOnChecks(judged.problems, now, { bytesMax: plan.feedbackBytesMax }), nowMs)
  }
  const flagged: AttemptState = { ...next, flags: [...state.flags, ...judged.flags] }
  if (!judged.proved || plan.check === undefined) return reproduce(flagged)
  const own = addedPaths.filter((path) => verdict.addedTests.includes(path) || covers(plan.check ?? '', path))
  if (own.length === 0) return end(flagged, { kind: 'verified', evidence: 'proved' })
  return go(flagged, 'own-tests', { kind: 'run-without-added', commit, paths: own, commands: [plan.check] })
}

/** A check that is green only thanks to tests of the change's own is no proof: whoever wrote the change wrote what judges it. */
const onWithoutAdded = (state: AttemptState, runs: readonly CommandRun[]): AttemptStep => {
  const { plan, base } = state
  const judged = judgeChecks({ check: plan.check, taskType: plan.taskType, addedPaths: [], base: base.filter(({ command }) => command === plan.check), now: runs })
  if (judged.ok && judged.proved) return end(state, { kind: 'verified', evidence: 'proved' })
  return reproduce({ ...state, flags: [...state.flags, 'check-added-by-change'] })
}

const reproduce = (state: AttemptState): AttemptStep => {
  const { verdict, commit } = state
  assert(verdict !== undefined && commit !== undefined, 'evidence is of a judged change')
  const added = state.changes.filter((change) => change.kind === 'added').map(({ path }) => path)
  const paths = added.filter((path) => verdict.addedTests.includes(path) || state.commands.some((command) => mentions(command, path)))
  if (paths.length > 0 && state.commands.length > 0) return go(state, 'evidence', { kind: 'run-overlay', commit, paths, commands: state.commands })
  return end(state, { kind: 'verified', evidence: 'unproven' })
}

const onOverlay = (state: AttemptState, overlay: readonly CommandRun[]): AttemptStep => {
  const reproduced = isReproduced({ base: state.base, overlay, now: state.now, addedTests: state.verdict?.addedTests ?? [] })
  return end(state, { kind: 'verified', evidence: reproduced ? 'reproduced' : 'unproven' })
}

/** Back to the agent while that can help, else failed. */
const refuse = (state: AttemptState, problem: string, feedback: string, nowMs: number): AttemptStep => {
  const { plan, agent } = state
  const again = plan.replayed === undefined && agent?.outcome === 'finished' && state.round < plan.roundsMax && state.agentMsLeft >= ROUND_MS_MIN
  if (!again) return end(state, { kind: 'failed', reason: withAgent(state, problem) })
  return nextRound({ ...state, lastProblem: problem, refusedTrees: [...state.refusedTrees, state.tree] }, feedback, nowMs)
}

const withAgent = ({ agent }: AttemptState, problem: string): string => {
  if (agent === undefined || agent.outcome === 'finished') return problem
  return `${problem}; the agent ${agent.outcome === 'timeout' ? 'ran out of time' : `ended as ${agent.outcome}`}${agent.detail === '' ? '' : `: ${agent.detail}`}`
}

const go = (state: AttemptState, phase: AttemptPhase, effect: AttemptEffect): AttemptStep => ({ state: { ...state, phase }, effects: [effect] })
const end = (state: AttemptState, reached: AttemptEnd): AttemptStep => ({ state: { ...state, phase: 'ended', end: reached }, effects: [] })

const expect = (state: AttemptState, ...phases: readonly AttemptPhase[]): AttemptState => {
  assert(phases.includes(state.phase), `the attempt waits in ${phases.join(' or ')}, not in ${state.phase}`)
  return state
}
