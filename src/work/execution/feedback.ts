import type { CommandRun } from './checks.ts'
import { endOf } from './checks.ts'
import type { Problem } from './evidence.ts'
import { clean, fence, lastBytes, oneLine } from './prompt.ts'

/** What goes back to the agent after a round that did not hold, at most about `bytesMax` bytes. */
export const feedbackOnChecks = (problems: readonly Problem[], runs: readonly CommandRun[], options: { readonly bytesMax: number }): string => {
  const commands = [...new Set(problems.map((problem) => problem.command))]
  const each = Math.max(1_000, Math.floor((options.bytesMax - 2_000) / Math.max(1, commands.length)))
  const outputs = commands.flatMap((command) => {
    const run = runs.find((candidate) => candidate.command === command)
    return run === undefined ? [] : [`${JSON.stringify(clean(command))} ended with ${endOf(run.end)}:\n${fence('output', lastBytes(clean(run.output), each))}`]
  })
  return [`Your change was checked on a fresh copy and does not hold yet:`, describeProblems(problems), ...outputs].join('\n\n')
}

export const feedbackOnNothing = 'You ended without changing any file. The task is still open: make the change in /workspace.'

/** One line per problem, for the agent and for people. */
export const describeProblems = (problems: readonly Problem[]): string => problems.slice(0, 20).map((problem) => {
  const command = JSON.stringify(oneLine(problem.command, 200))
  const test = problem.test === undefined ? '' : ` test ${JSON.stringify(oneLine(problem.test, 200))}`
  switch (problem.kind) {
    case 'check-red': return `- ${command}${test} must be green and is red`
    case 'turned-red': return `- ${command}${test} was green before the change and is red now`
    case 'vanished': return `- ${command}${test} was reported before the change and is not run any more`
    case 'unseen': return `- ${command}${test} was reported before the change and is not in its output any more, so much of which was dropped: it must print less`
    case 'unmoved': return `- ${command} is as red as before the change`
    case 'cut-short': return `- ${command} must end by itself and did not${problem.end === undefined ? '' : `: ${endOf(problem.end)}`}`
  }
}).join('\n')

/** The first problem in a few words, for reasons in records. */
export const headline = (problems: readonly Problem[]): string => {
  const first = describeProblems(problems.slice(0, 1)).replace(/^- /, '')
  return problems.length > 1 ? `${first} (and ${problems.length - 1} more)` : first
}
