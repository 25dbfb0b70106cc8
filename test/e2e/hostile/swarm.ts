import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import path from 'node:path'
import type { ScenarioContext } from '../scenarios/scenario.ts'
import { until } from '../scenarios/scenario.ts'
import { KeySigner } from '../../../src/adapters/system/mod.ts'
import { EMPTY_TREE, epoch } from '../../../src/core/mod.ts'
import type { Oid, SessionId } from '../../../src/core/mod.ts'
import { sealRecord } from '../../../src/work/claims/mod.ts'
import type { ClaimRecord } from '../../../src/work/claims/mod.ts'
import type { TaskCase, Verdict } from './case.ts'
import { branches, canariesIn, claimRecords, deliveredNumbers, fileAt, gitSays, processesOfNode, processesWith, programsOf } from './look.ts'
import { HONEST, layStage, startNode } from './stage.ts'
import type { NodeEvent, Stage } from './stage.ts'

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

const ENDS = new Set(['task_parked', 'task_failed', 'task_released', 'task_escalated', 'task_completed', 'task_lost'])
const DEADLINE_MS = 420_000

/** All hostile tasks on one node, with an honest one before and one after: the node must go on working. */
export const runSwarm = async (context: ScenarioContext, folder: string, tasks: readonly TaskCase[]): Promise<Tally> => {
  const cases = new Map(tasks.map((about, index) => [String(index + 1), about] as const))
  const stage = await layStage(context, folder, cases)
  const base = gitSays(stage.remote, 'rev-parse', 'main').trim()
  const programs = programsOf(stage.remote)
  const ended = new Map<string, NodeEvent>()
  const running = new Map<string, number>()
  const looks: Promise<void>[] = []
  const node = startNode(context, stage, (event) => {
    const number = event.key?.split('#').at(-1)
    if (number === undefined || !ENDS.has(event.kind) || ended.has(number)) return
    ended.set(number, event)
    context.say(`      ${event.kind.replaceAll('_', ' ').padEnd(14)} ${cases.get(number)?.name ?? `honest ${number}`}: ${(event.reason ?? '').slice(0, 160)}`)
    if (event.kind === 'task_failed' || event.kind === 'task_released') holdElsewhere(stage.remote, number)
    looks.push(leftOver(stage.host(number).mark).then((count) => { running.set(number, count) }))
  })
  const failures: string[] = []
  try {
    await until('the end of every task', () => Promise.resolve([...cases.keys(), ...HONEST].every((number) => ended.has(number)) || node.child.exitCode !== null ? true : undefined), DEADLINE_MS)
    if (node.child.exitCode !== null) failures.push(`the node ended by itself with ${node.child.exitCode}: ${node.said().slice(-500)}`)
  } catch (thrown) {
    failures.push(String(thrown))
  } finally {
    await Promise.all(looks)
    await node.stop()
    await stage.close()
  }
  return { ...count(stage, cases, { base, programs, running }), failures: [...failures, ...honestProblems(stage)] }
}

/** As another node would: the record says how the first attempt ended, and a second would only take time. */
const holdElsewhere = (remote: string, number: string): void => {
  const [ref = '', tip = ''] = gitSays(remote, 'for-each-ref', '--format=%(refname) %(objectname)', `refs/chorus/claims/${number}-*`).trim().split(' ')
  const last = JSON.parse(gitSays(remote, 'log', '-1', '--format=%b', tip)) as ClaimRecord & { signature?: string; reason?: string; retryAfterMs?: number }
  const { signature: _, reason: _reason, retryAfterMs: _retry, ...kept } = last
  const by = new KeySigner(randomBytes(32))
  const message = sealRecord({ ...kept, node: by.node, session: randomUUID() as SessionId, epoch: epoch(last.epoch + 1), state: 'held', leaseMs: 86_400_000, nonce: randomUUID(), parent: tip as Oid }, by)
  const author = 'chorus <chorus@localhost> 0 +0000'
  const commit = execFileSync('git', ['--git-dir', remote, 'hash-object', '-w', '-t', 'commit', '--stdin'], { input: `tree ${EMPTY_TREE}\nparent ${tip}\nauthor ${author}\ncommitter ${author}\n\n${message}`, encoding: 'utf8' }).trim()
  gitSays(remote, 'update-ref', ref, commit, tip)
}

/** A killed process may take a moment to go. */
const leftOver = async (mark: string): Promise<number> => {
  for (let tries = 0; tries < 20 && processesWith(mark).length > 0; tries += 1) await delay(100)
  return processesWith(mark).length
}

const count = (stage: Stage, cases: ReadonlyMap<string, TaskCase>, before: { readonly base: string; readonly programs: string; readonly running: ReadonlyMap<string, number> }): Omit<Tally, 'failures'> => {
  const tips = branches(stage.remote)
  const results = [...tips.keys()].filter((name) => !/^chorus\/[^/]+-parked-e\d+$/.test(name))
  const delivered = new Set(deliveredNumbers(stage.remote, results, before.base).filter((number) => !HONEST.some((honest) => honest === number)))
  for (const number of cases.keys()) if (claimRecords(stage.remote, number).some(({ state }) => state === 'delivered' || state === 'done')) delivered.add(number)
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
const honestProblems = (stage: Stage): readonly string[] => {
  const base = gitSays(stage.remote, 'rev-list', '--max-parents=0', 'main').trim()
  const numbers = deliveredNumbers(stage.remote, ['main'], base).filter((number) => !number.startsWith('nobody'))
  return HONEST.filter((number) => numbers.filter((other) => other === number).length !== 1).map((number) => `the honest task ${number} was not merged once (${path.basename(stage.remote)})`)
}
