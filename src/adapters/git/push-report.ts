import type { PushAnswer } from '../../ports/mod.ts'
import { lastLines } from './command.ts'
import type { GitOutcome } from './command.ts'
import { withoutSecret } from './remote.ts'

/**
 * What became of each ref, from `git push --porcelain` (git-push(1) OUTPUT): lines `<flag>\t<from>:<to>\t<summary>`.
 * A ref without a line, and a line that says the report was lost, is unclear, whatever the exit code.
 */
export const pushAnswers = (refs: readonly string[], outcome: GitOutcome): ReadonlyMap<string, PushAnswer> => {
  const rest = answerWithoutLine(outcome)
  const lines = pushLines(outcome)
  return new Map(refs.map((ref) => {
    const line = lines.get(ref)
    return [ref, line === undefined ? rest : answerOf(line.flag, line.summary)]
  }))
}

/** Refs that the server itself refused, as opposed to what this git refused before it sent anything. */
export const refusedByServer = (outcome: GitOutcome): ReadonlySet<string> =>
  new Set([...pushLines(outcome)].filter(([, line]) => line.flag === '!' && line.summary.startsWith('[remote rejected]')).map(([ref]) => ref))

const pushLines = (outcome: GitOutcome): ReadonlyMap<string, { readonly flag: string; readonly summary: string }> => {
  const lines = new Map<string, { flag: string; summary: string }>()
  for (const line of outcome.stdout.toString('utf8').split('\n')) {
    const [flag = '', names = '', summary = ''] = line.split('\t')
    const to = names.slice(names.lastIndexOf(':') + 1)
    if (flag.length === 1 && summary !== '') lines.set(to, { flag, summary })
  }
  return lines
}

const answerOf = (flag: string, summary: string): PushAnswer => {
  switch (flag) {
    case '*': case ' ': case '+': case '-':
      return { kind: 'accepted' }
    case '=':
      // Another push of the same object may have been the one that moved it.
      return { kind: 'refused', reason: 'it already points there, and this push did not move it' }
    case '!':
      // "[remote failure] (remote failed to report status)": sent, and then nothing was heard.
      if (summary.startsWith('[remote failure]')) return { kind: 'unclear', reason: summary }
      return { kind: 'refused', reason: withoutSecret(summary).slice(0, 300) }
    default:
      return { kind: 'unclear', reason: `git push said ${JSON.stringify(flag)}, which is not known here` }
  }
}

const answerWithoutLine = (outcome: GitOutcome): PushAnswer => {
  const said = withoutSecret(lastLines(outcome.stderr))
  // Said before anything is sent (send-pack, remote-curl).
  if (/does not support --atomic push/.test(outcome.stderr)) {
    return { kind: 'refused', reason: 'the remote does not support atomic pushes, so it cannot fence a delivery' }
  }
  if (outcome.end === 'unstarted') return { kind: 'refused', reason: `git could not be started: ${said}` }
  if (outcome.end === 'timeout') return { kind: 'unclear', reason: 'the push did not end in time' }
  return { kind: 'unclear', reason: `the push ended with code ${outcome.code} and no answer for this ref: ${said}` }
}
