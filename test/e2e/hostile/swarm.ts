import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import path from 'node:path'
import { KeySigner } from '../../../src/adapters/system/mod.ts'
import { placesOf } from '../../../src/cli/places.ts'
import { EMPTY_TREE, epoch } from '../../../src/core/mod.ts'
import type { Oid, SessionId } from '../../../src/core/mod.ts'
import type { NodeStatus } from '../../../src/node/status.ts'
import { askNode } from '../../../src/surfaces/control/mod.ts'
import { sealRecord } from '../../../src/work/claims/mod.ts'
import type { ClaimRecord } from '../../../src/work/claims/mod.ts'
import { chorus, lastJson, until } from '../scenarios/scenario.ts'
import type { ScenarioContext } from '../scenarios/scenario.ts'
import type { TaskCase, Verdict } from './case.ts'
import { claimProblems, layClaim } from './claims.ts'
import type { ClaimCase } from './claims.ts'
import { NOTHING, count, honestProblems } from './counting.ts'
import type { Tally } from './counting.ts'
import { attackByGossip } from './gossip.ts'
import type { GossipCase } from './gossip.ts'
import { gitSays, processesWith, programsOf } from './look.ts'
import { HONEST, layStage, startNode } from './stage.ts'
import type { NodeEvent, RunningNode, Stage } from './stage.ts'
import { taskFileProblems } from './task-files.ts'
import type { Listing, TaskFileCase } from './task-files.ts'

export interface SwarmCases {
  readonly tasks: readonly TaskCase[]
  readonly files: readonly TaskFileCase[]
  readonly claims: readonly ClaimCase[]
  readonly gossip: readonly GossipCase[]
}

const ENDS = new Set(['task_parked', 'task_failed', 'task_released', 'task_escalated', 'task_completed', 'task_lost'])
const DEADLINE_MS = 900_000
const FORGED_FROM = 600

/** Everything hostile on one node at once, with an honest task before and one after: the node must go on working. */
export const runSwarm = async (context: ScenarioContext, folder: string, given: SwarmCases): Promise<Tally> => {
  if (Object.values(given).every((cases: readonly unknown[]) => cases.length === 0)) return NOTHING
  const cases = new Map(given.tasks.map((about, index) => [String(index + 1), about] as const))
  const forged = given.claims.map((about, index) => ({ about, number: String(FORGED_FROM + index) }))
  const stage = await layStage(context, folder, { cases, forged: forged.map(({ number }) => number), files: given.files })
  const laid = forged.map(({ about, number }) => ({ about, number, ...layClaim(stage.remote, number, about) }))
  const base = gitSays(stage.remote, 'rev-parse', 'main').trim()
  const programs = programsOf(stage.remote)
  const ended = new Map<string, NodeEvent>()
  const running = new Map<string, number>()
  const looks: Promise<void>[] = []
  const attacked = Promise.withResolvers<ReadonlyMap<string, readonly string[]>>()
  const node = startNode(context, stage, (event) => {
    if (event.kind === 'node_ready') attackByGossip(given.gossip, { address: event.addresses?.[0] ?? '', state: stage.state, counters: async () => (await status(stage)).counters }).then(attacked.resolve, attacked.reject)
    const number = event.key?.split('#').at(-1)
    if (number === undefined || !ENDS.has(event.kind) || ended.has(number)) return
    ended.set(number, event)
    context.say(`      ${event.kind.replaceAll('_', ' ').padEnd(14)} ${cases.get(number)?.name ?? `honest ${number}`}: ${(event.reason ?? '').slice(0, 160)}`)
    if (event.kind === 'task_failed' || event.kind === 'task_released') holdElsewhere(stage.remote, number)
    looks.push(leftOver(stage.host(number).mark).then((left) => { running.set(number, left) }))
  })
  const failures: string[] = []
  let others: readonly Verdict[] = []
  try {
    await until('the end of every task', () => Promise.resolve([...cases.keys(), ...HONEST].every((number) => ended.has(number)) || node.child.exitCode !== null ? true : undefined), DEADLINE_MS)
    if (node.child.exitCode !== null) throw new Error(`the node ended by itself with ${node.child.exitCode}: ${node.said().slice(-500)}`)
    others = await judgeOthers(context, stage, node, { given, laid, attacked: await attacked.promise })
  } catch (thrown) {
    failures.push(String(thrown))
  } finally {
    await Promise.all(looks)
    await node.stop()
    await stage.close()
  }
  const counted = count(stage, { cases, forged: forged.map(({ number }) => number), base, programs, running })
  return { ...counted, verdicts: [...counted.verdicts, ...others], failures: [...failures, ...honestProblems(stage)] }
}

const status = async (stage: Stage): Promise<NodeStatus> =>
  await askNode(placesOf({ config: path.join(stage.repository, 'chorus.yaml'), state: stage.state }).controlSocket, 'status') as NodeStatus

/** What was told of files, claims and messages, while the node still runs. */
const judgeOthers = async (context: ScenarioContext, stage: Stage, node: RunningNode, about: {
  readonly given: SwarmCases
  readonly laid: readonly { readonly about: ClaimCase; readonly number: string; readonly ref: string; readonly oid: string }[]
  readonly attacked: ReadonlyMap<string, readonly string[]>
}): Promise<readonly Verdict[]> => {
  const listing = lastJson(await chorus(context, ['task', 'list', '--json'], { cwd: stage.repository, env: stage.env })) as unknown as Listing
  const { problems: needsPerson } = await status(stage)
  const told = node.events.flatMap(({ kind, place, reason }) => kind === 'task_problem' && place !== undefined && reason !== undefined ? [{ place, reason }] : [])
  const started = new Set(node.events.flatMap(({ kind, key }) => kind === 'task_started' && key !== undefined ? [key.split('#').at(-1) ?? ''] : []))
  return [
    ...about.given.files.map((one): Verdict => ({ about: one, problems: taskFileProblems(one, listing, told) })),
    ...about.laid.map((one): Verdict => ({ about: one.about, problems: claimProblems(one.about, one, { remote: stage.remote, listing, needsPerson, started }) })),
    ...about.given.gossip.map((one): Verdict => ({ about: one, problems: about.attacked.get(one.name) ?? ['it was not tried'] })),
  ]
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
