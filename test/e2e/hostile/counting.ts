import path from 'node:path'
import type { TaskCase, Verdict } from './case.ts'
import { branches, canariesIn, claimRecords, deliveredNumbers, fileAt, gitSays, processesOfNode, processesWith, programsOf } from './look.ts'
import { HONEST } from './stage.ts'
import type { Stage } from './stage.ts'

/** What was counted; nothing in it is assumed. */
export interface Tally {
  readonly verdicts: readonly Verdict[]
  readonly delivered: number
  readonly hostExecutions: number
  readonly leftRunning: number
  /** What went wrong and is no case's. */
  readonly failures: readonly string[]
}

export const NOTHING: Tally = { verdicts: [], delivered: 0, hostExecutions: 0, leftRunning: 0, failures: [] }

export interface Counted {
  readonly cases: ReadonlyMap<string, TaskCase>
  /** Numbers of tasks that nobody may deliver, and whose claims are not the node's. */
  readonly forged: readonly string[]
  readonly base: string
  readonly programs: string
  /** Processes that were left when the task had ended, by number. */
  readonly running: ReadonlyMap<string, number>
}

/** After the node has ended. */
export const count = (stage: Stage, { cases, forged, ...before }: Counted): Omit<Tally, 'failures'> => {
  const tips = branches(stage.remote)
  const results = [...tips.keys()].filter((name) => !/^chorus\/[^/]+-parked-e\d+$/.test(name))
  const delivered = new Set(deliveredNumbers(stage.remote, results, before.base).filter((number) => !HONEST.some((honest) => honest === number)))
  for (const number of cases.keys()) if (claimRecords(stage.remote, number).some(({ state }) => state === 'delivered' || state === 'done')) delivered.add(number)
  for (const number of forged) if (tips.has(`chorus/${number}`)) delivered.add(number)
  const canaries = canariesIn(stage.canaries)
  const left = new Set([...cases.keys()].flatMap((number) => processesWith(stage.host(number).mark)).concat(processesOfNode(stage.state)))
  const shared = [
    ...(programsOf(stage.remote) === before.programs ? [] : ['configuration or hooks of the remote changed']),
    ...(stage.hits() === 0 ? [] : [`a service of the host was called ${stage.hits()} times`]),
  ]
  const verdicts = [...cases].map(([number, about]): Verdict => ({
    about,
    problems: [
      ...toldProblems(stage, number, about), ...shared,
      ...(delivered.has(number) ? ['it was delivered'] : []),
      ...(canaries.includes(number) ? ['it ran on the host'] : []),
      ...((before.running.get(number) ?? 0) > 0 ? [`${before.running.get(number)} processes were left`] : []),
    ],
  }))
  return { verdicts, delivered: delivered.size, hostExecutions: canaries.length, leftRunning: left.size + [...before.running.values()].reduce((sum, value) => sum + value, 0) }
}

/** By the claim's own history: how the first attempt ended and why. */
const toldProblems = (stage: Stage, number: string, about: TaskCase): readonly string[] => {
  const records = claimRecords(stage.remote, number)
  const end = records.find(({ state }) => state !== 'held')
  if (end === undefined) return ['its claim never ended']
  const problems: string[] = []
  if (end.state !== about.state) problems.push(`${about.state} expected, got ${end.state}`)
  if (!end.reason.includes(about.because)) problems.push(`the reason ${JSON.stringify(about.because)} expected, got ${JSON.stringify(end.reason.slice(0, 300))}`)
  if (/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(end.reason)) problems.push('the reason holds control characters')
  if (about.loots === true) {
    const loot = fileAt(stage.remote, `refs/heads/chorus/${number}-parked-e${end.epoch}`, 'loot.txt')
    if (loot === undefined || !loot.includes('looked')) problems.push('what it found cannot be seen')
    else if (loot.includes(stage.decoy) || /PRIVATE KEY|\$6\$|\$y\$/.test(loot)) problems.push(`it found something of the host: ${loot.slice(0, 200)}`)
  }
  return problems
}

/** The counting bites: honest tasks are merged, each once, and are all that is new on main. */
export const honestProblems = (stage: Stage): readonly string[] => {
  const base = gitSays(stage.remote, 'rev-list', '--max-parents=0', 'main').trim()
  const numbers = deliveredNumbers(stage.remote, ['main'], base).filter((number) => !number.startsWith('nobody'))
  return HONEST.filter((number) => numbers.filter((other) => other === number).length !== 1).map((number) => `the honest task ${number} was not merged once (${path.basename(stage.remote)})`)
}
