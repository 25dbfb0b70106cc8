import type { Edit } from '../../../src/sim/bite/plant.ts'
import type { PushStop, SiteOptions } from './site.ts'

/** How a node is stopped at a point, from outside wherever the outside can see the point. */
export type Stop =
  /** The repository's own hook says that this push has come. `landing`: what becomes of a push that waits before it lands. */
  | { readonly kind: 'push'; readonly push: PushStop; readonly landing?: 'at once' | 'after the restart' }
  /** A program is seen to run in the sandbox: `sleep` for this long. */
  | { readonly kind: 'program'; readonly seconds: string }
  /** A line of production, before which the process stands still (stop-inside.ts). */
  | { readonly kind: 'inside'; readonly edits: readonly Edit[] }

export interface Point {
  readonly name: string
  readonly delivery: SiteOptions['delivery']
  readonly remote?: SiteOptions['remote']
  /** What the first process's agent does, and what every later one does. */
  readonly agent?: string
  readonly checkSeconds?: SiteOptions['checkSeconds']
  readonly stop: Stop
  /** The claim's newest state when the process stands at the point: proof that it is this point. */
  readonly claim: 'none' | 'held' | 'delivered' | 'done' | 'released'
  /** What is done to the running node before: once this program runs. */
  readonly first?: { readonly seconds: string; readonly then: 'SIGTERM' | 'main moves' }
  /** The task is closed by its person when it is done; then its claim is old enough to be pruned. */
  readonly closed?: true
  /** The process that is started on the same folder is killed here too. */
  readonly again?: Stop
  /** Another node takes over; the killed one comes back when all is done. */
  readonly by?: 'another'
}

const before = (file: string, find: string, when = 'true'): Stop =>
  ({ kind: 'inside', edits: [{ file, find, replace: find.replace(/^(\s*)/, `$1globalThis.stopHere(${when}); `) }] })
const after = (file: string, find: string, when = 'true'): Stop =>
  ({ kind: 'inside', edits: [{ file, find, replace: `${find}; globalThis.stopHere(${when})` }] })
const push = (when: PushStop['when'], of: PushStop['of'], landing: 'at once' | 'after the restart' = 'at once'): Stop => ({ kind: 'push', push: { when, of }, landing })
const program = (seconds: string): Stop => ({ kind: 'program', seconds })

const INTENTS = 'src/node/intents.ts'
const INTENT_DRAWN = '    const { alongside, from, ...facts } = intent'
const INTENT_DURABLE = "    await log.append('claim_intent', { ...facts, from, repository, alongside: alongside.map(({ ref, to }) => ({ ref, to })) })"
const TASK_RUN = 'src/coordinator/task-run.ts'
const TELLING = 'src/coordinator/telling.ts'

/** What the agent does unless a point wants it otherwise. */
export const WRITES = "echo 'line 1' >> lines.txt"
/** Long enough that nobody sees its end; each point has its own, since it is known by that in the list of processes. */
const long = (part: number): string => `60.${part}`

export const POINTS: readonly Point[] = [
  { name: 'claim: before its intent is durable', delivery: 'branch', claim: 'none', stop: before(INTENTS, INTENT_DRAWN, "intent.state === 'held'") },
  { name: 'claim: intent durable, not pushed', delivery: 'branch', claim: 'none', stop: after(INTENTS, INTENT_DURABLE, "intent.state === 'held'") },
  { name: 'claim: on its way, lands after the death', delivery: 'branch', claim: 'none', stop: push('before', 'claim') },
  { name: 'claim: on its way, lands after the restart', delivery: 'merge', claim: 'none', stop: push('before', 'claim', 'after the restart') },
  { name: 'claim: pushed, answer not handled', delivery: 'merge', claim: 'held', stop: push('after', 'claim') },
  { name: 'claim: won, not logged', delivery: 'branch', claim: 'held', stop: before(TELLING, "    await this.#parts.record('task_claimed', {") },
  { name: 'work tree half made', delivery: 'branch', claim: 'held', stop: before('src/adapters/git/workspace.ts', "    await git([...quiet, 'reset', '--quiet', '--hard']") },
  { name: 'check runs at base', delivery: 'branch', claim: 'held', checkSeconds: ['2.125', '0'], stop: program('2.125') },
  { name: 'agent has begun', delivery: 'merge', claim: 'held', agent: `sleep ${long(101)}; ${WRITES}`, stop: program(long(101)) },
  { name: 'agent has written half', delivery: 'merge', claim: 'held', agent: `printf line >> lines.txt; sleep ${long(102)}; echo ' 1' >> lines.txt`, stop: program(long(102)) },
  { name: 'renewal pushed, answer not handled', delivery: 'branch', claim: 'held', agent: `sleep ${long(103)}; ${WRITES}`, stop: push('after', 'renewal') },
  { name: 'agent has ended, nothing checked', delivery: 'branch', claim: 'held', stop: before('src/work/execution/run.ts', "return this.#snapshot()") },
  { name: 'check runs on the change', delivery: 'merge', claim: 'held', checkSeconds: ['0', '2.375'], stop: program('2.375') },
  { name: 'verified, task not read again', delivery: 'branch', claim: 'held', stop: before(TASK_RUN, "        emit({ kind: 'task_verified', key") },
  { name: 'task read again, no intent to deliver', delivery: 'merge', claim: 'held', stop: before('src/coordinator/delivery.ts', '  const answer = await repository.claims.deliver(') },
  { name: 'delivery: intent durable, not pushed', delivery: 'merge', claim: 'held', stop: after(INTENTS, INTENT_DURABLE, "intent.state === 'delivered'") },
  { name: 'delivery: on its way, lands after the death', delivery: 'merge', claim: 'held', stop: push('before', 'delivery') },
  { name: 'delivery: on its way, refused after the restart', delivery: 'merge', claim: 'held', stop: push('before', 'delivery', 'after the restart') },
  { name: 'delivery: pushed, answer not handled', delivery: 'merge', claim: 'delivered', stop: push('after', 'delivery') },
  { name: 'delivery: pushed to a branch, answer not handled', delivery: 'branch', claim: 'delivered', stop: push('after', 'delivery') },
  { name: 'delivered, provider not told', delivery: 'branch', claim: 'delivered', stop: before(TASK_RUN, '      const result = this.#result ?? resultForAnother(this.#delivered)') },
  { name: 'provider told, not done', delivery: 'merge', claim: 'delivered', stop: before(TASK_RUN, "    this.input({ kind: 'provider-confirmed' })") },
  { name: 'done: pushed, answer not handled', delivery: 'branch', claim: 'done', stop: push('after', 'done') },
  { name: 'done, not logged', delivery: 'merge', claim: 'done', stop: before(TELLING, "      await this.#logEnd('task_completed'") },
  { name: 'start: settling what the last kill left', delivery: 'merge', claim: 'delivered', stop: push('after', 'delivery'), again: before('src/work/claims/start-up.ts', '    await log.settled(intent.oid, outcome)') },
  { name: 'start: the sandbox is being tried', delivery: 'branch', claim: 'held', agent: `sleep ${long(107)}; ${WRITES}`, stop: program(long(107)), again: before('src/adapters/bubblewrap/probe.ts', '    const first = await firstLook(inside)') },
  { name: 'start: giving back what the last kill held', delivery: 'branch', claim: 'held', agent: `sleep ${long(104)}; ${WRITES}`, stop: program(long(104)), again: push('after', 'give-back') },
  { name: 'draining: work given back, answer not handled', delivery: 'branch', claim: 'released', agent: `sleep ${long(105)}; ${WRITES}`, first: { seconds: long(105), then: 'SIGTERM' }, stop: push('after', 'give-back') },
  { name: 'waiting to merge: the turn is taken', delivery: 'merge', claim: 'held', agent: `sleep 2.625; ${WRITES}`, first: { seconds: '2.625', then: 'main moves' }, stop: push('after', 'turn') },
  { name: 'pruning: on its way, lands after the death', delivery: 'branch', claim: 'done', closed: true, stop: push('before', 'prune') },
  { name: 'merge into a checked-out branch: the files have moved, the refs not', delivery: 'merge', remote: 'here', claim: 'held', stop: before('src/adapters/git/checked-out-delivery.ts', '    await this.#beforeCommit()') },
  { name: 'merge into a checked-out branch: all has moved, the journal is left', delivery: 'merge', remote: 'here', claim: 'delivered', stop: before('src/adapters/git/checked-out-delivery.ts', '    const unrepaired = await this.#journal.repair()\n    if (lost') },
  { name: 'takeover: agent has written half', delivery: 'merge', by: 'another', claim: 'held', agent: `printf line >> lines.txt; sleep ${long(106)}; echo ' 1' >> lines.txt`, stop: program(long(106)) },
  { name: 'takeover: delivered, provider not told', delivery: 'branch', by: 'another', claim: 'delivered', stop: push('after', 'delivery') },
]

/** So that a claim is old enough at once. */
export const PRUNING: readonly Edit[] = [
  { file: 'src/coordinator/times.ts', find: 'pruneEveryMs: 6 * 3_600_000,', replace: 'pruneEveryMs: 500,' },
  { file: 'src/coordinator/times.ts', find: 'prunedAfterMs: 30 * 24 * 3_600_000,', replace: 'prunedAfterMs: 0,' },
  { file: 'src/work/claims/settings.ts', find: 'freshMs: 60_000,', replace: 'freshMs: 300,' },
]
