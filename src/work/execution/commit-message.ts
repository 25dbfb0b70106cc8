import type { AttemptRequest } from './attempt.ts'
import { oneLine } from './prompt.ts'

/** Subject and trailers; nothing of the task's text but its title, which cannot start a trailer of its own. */
export const commitMessage = (request: Pick<AttemptRequest, 'task' | 'claim'>): string => {
  const { task, claim } = request
  // A leading '#' would be a comment for git, a leading dash an option for tools.
  const title = oneLine(task.title, 120).replace(/^[#\-\s]+/, '') || `work on ${task.number}`
  return [
    `${title} (${oneLine(task.number, 64)})`,
    '',
    `Chorus-Task: ${oneLine(task.key, 300)}`,
    `Chorus-Claim: ${claim.epoch} ${claim.oid}`,
    `Chorus-Node: ${oneLine(claim.node, 100)}`,
    `Chorus-Log: ${oneLine(claim.logAddress, 300)}`,
    '',
  ].join('\n')
}
