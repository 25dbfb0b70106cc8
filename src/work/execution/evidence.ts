import type { SandboxEnd, TaskType } from '../../ports/mod.ts'
import { endedByItself } from './checks.ts'
import type { CommandRun } from './checks.ts'
import { isFileResult } from './test-report.ts'

/**
 * What runs of the checks prove about a change (architecture, "The way of a task" 7). Pure. Names of tests are
 * printed by untrusted programs: they can make a verdict worse than the exit codes say, never better. A run that
 * the sandbox ended (time, memory, disk) is no evidence: of base it counts as red or as green, whichever is worse.
 */
export type ChecksVerdict =
  | { readonly ok: false; readonly problems: readonly Problem[] }
  | { readonly ok: true; readonly proved: boolean; readonly flags: readonly string[] }

export interface Problem {
  /**
   * `cut-short`: it did not end by itself, so that nobody knows whether it would be green. `unseen`: as `vanished`, where output was
   * dropped: whoever floods it must not gain by what is then missing.
   */
  readonly kind: 'check-red' | 'turned-red' | 'vanished' | 'unseen' | 'unmoved' | 'cut-short'
  readonly command: string
  /** Undefined: the command as a whole. */
  readonly test: string | undefined
  /** Of `cut-short`. */
  readonly end?: SandboxEnd | undefined
}

export interface ChecksQuestion {
  /** The check that the task names. */
  readonly check: string | undefined
  readonly taskType: TaskType
  /** Paths that the change adds: a check that one of them makes up proves nothing. */
  readonly addedPaths: readonly string[]
  readonly base: readonly CommandRun[]
  readonly now: readonly CommandRun[]
}

const PROBLEMS_MAX = 50

export const judgeChecks = (question: ChecksQuestion): ChecksVerdict => {
  const { check, base, now } = question
  const pairs = base.map((before) => ({ before, after: now.find((run) => run.command === before.command) }))
  const problems: Problem[] = []
  let improved = false
  for (const { before, after } of pairs) {
    if (after === undefined) {
      problems.push({ kind: 'vanished', command: before.command, test: undefined })
      continue
    }
    problems.push(...regressions(before, after))
    if (before.command === check) problems.push(...unproved(before, after))
    improved ||= !before.green && endedByItself(before) && after.green
    improved ||= [...before.tests].some(([name, status]) => status === 'fail' && after.tests.get(name) === 'pass')
  }
  const red = now.filter((run) => !run.green)
  // Red before and after: may be somebody else's red test, but a repair that moved nothing repaired nothing.
  if (check === undefined && red.length > 0 && !improved && (question.taskType === 'bug_fix' || question.taskType === 'testing')) {
    problems.push(...red.map((run): Problem => ({ kind: 'unmoved', command: run.command, test: undefined })))
  }
  if (problems.length > 0) return { ok: false, problems: unique(problems).slice(0, PROBLEMS_MAX) }
  const named = pairs.find(({ before }) => before.command === check)
  const ownCheck = check !== undefined && question.addedPaths.some((path) => mentions(check, path))
  const flags = [
    ...(now.length === 0 ? ['no-checks'] : []),
    ...(red.length > 0 ? ['checks-red-at-base'] : []),
    ...(ownCheck ? ['check-added-by-change'] : []),
    ...(named?.after !== undefined && named.after.tests.size > 0 && [...named.after.tests.keys()].every(isFileResult) ? ['no-single-test-seen'] : []),
  ]
  return { ok: true, proved: named?.after?.green === true && !named.before.green && endedByItself(named.before) && !ownCheck, flags }
}

export interface ReproductionQuestion {
  readonly base: readonly CommandRun[]
  /** The base commit with nothing but the change's added test files laid over it. */
  readonly overlay: readonly CommandRun[]
  readonly now: readonly CommandRun[]
  readonly addedTests: readonly string[]
}

/** True when a test that the change adds is red without the change and green with it. */
export const isReproduced = (question: ReproductionQuestion): boolean => question.overlay.some((without) => {
  const before = question.base.find((run) => run.command === without.command)
  const after = question.now.find((run) => run.command === without.command)
  // Only a red by its own verdict counts: out of time or memory says nothing of the test.
  if (before === undefined || after === undefined || without.green || ![before, without, after].every(endedByItself)) return false
  // The added tests are the only difference between the two.
  if (before.green && after.green) return true
  // Which tests are new cannot be told from a part of those of before.
  if (!before.complete) return false
  return [...without.tests].some(([name, status]) => {
    if (status !== 'fail' || before.tests.has(name)) return false
    if (after.tests.get(name) === 'pass') return true
    const addedFile = isFileResult(name) && question.addedTests.some((path) => name === path || name.endsWith(`/${path}`))
    return addedFile && after.green
  })
})

/** True when a word of the command is the path. */
export const mentions = (command: string, path: string): boolean => wordsOf(command).includes(path)

/** True when a word of the command is the path, a folder above it, or a pattern (`*` and `?`, nothing finer) that may match it. */
export const covers = (command: string, path: string): boolean => wordsOf(command).some((word) => {
  const folder = word.replace(/\/+$/, '')
  if (folder === '' || folder === '.') return false
  const wild = folder.search(/[*?[{]/)
  // `[` and `$?` are no patterns of files.
  if (wild >= 0) return /[./]/.test(folder) && path.startsWith(folder.slice(0, wild))
  return path === folder || path.startsWith(`${folder}/`)
})

const wordsOf = (command: string): readonly string[] =>
  command.split(/[\s'"=;&|()<>]+/).map((word) => word.replace(/^(?:\.\/)+/, '').replace(/(?:::.*|:\d+)$/, ''))

const regressions = (before: CommandRun, after: CommandRun): Problem[] => {
  const { command } = before
  const problems: Problem[] = []
  const vanished: Problem[] = []
  for (const [name, status] of before.tests) {
    if (status !== 'pass') continue
    const now = after.tests.get(name)
    if (now === 'fail') problems.push({ kind: 'turned-red', command, test: name })
    // A change can make tests not run (process.exit in the code under test): that is not green.
    else if (now === undefined && isWanted(name, before, after)) vanished.push({ kind: missing(after), command, test: name })
  }
  const mayHaveBeenGreen = before.green || !endedByItself(before)
  const whole: Problem[] = mayHaveBeenGreen && !after.green ? [{ kind: 'turned-red', command, test: undefined }] : []
  if (endedByItself(after)) return [...whole, ...problems, ...vanished]
  // What is not seen of a run that was cut short has not vanished: it was not run yet.
  return [...whole.length + vanished.length > 0 ? [cutShort(after)] : [], ...problems]
}

const unproved = (before: CommandRun, after: CommandRun): Problem[] => {
  const { command } = before
  if (!after.green) return [endedByItself(after) ? { kind: 'check-red', command, test: undefined } : cutShort(after)]
  const passes = [...after.tests.values()].filter((status) => status === 'pass').length
  const problems: Problem[] = []
  for (const [name, status] of before.tests) {
    if (status !== 'fail') continue
    const now = after.tests.get(name)
    // A file that failed as a whole gives way to its own tests when it loads again.
    if (now === undefined && isFileResult(name) ? passes > 0 : now === 'pass') continue
    if (now === undefined && !isWanted(name, before, after)) continue
    problems.push({ kind: now === undefined ? missing(after) : 'check-red', command, test: name })
  }
  return problems
}

/** Of a list that was cut, a name may be half a name, and one that is missing means nothing; that none of them is there says enough. */
const isWanted = (name: string, before: CommandRun, after: CommandRun): boolean =>
  before.complete || (name === [...before.tests.keys()][0] && ![...before.tests.keys()].some((other) => after.tests.has(other)))

const missing = ({ complete }: CommandRun): 'vanished' | 'unseen' => complete ? 'vanished' : 'unseen'

const cutShort = ({ command, end }: CommandRun): Problem => ({ kind: 'cut-short', command, test: undefined, end })

const unique = (problems: readonly Problem[]): Problem[] =>
  [...new Map(problems.map((problem) => [`${problem.command}\0${problem.test ?? ''}`, problem])).values()]
