import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { readLog } from '../../../src/cli/commands/audit.ts'
import { chorus } from '../scenarios/scenario.ts'
import { count, judge } from './counted.ts'
import type { Counted } from './counted.ts'
import { clearScratch, leftOf, runs } from './left.ts'
import { UpProcess, waitFor } from './node-process.ts'
import { PRUNING, WRITES } from './points.ts'
import type { Point, Stop } from './points.ts'
import { Site, TASK_KEY } from './site.ts'
import type { NodeHome } from './site.ts'
import type { StopInside } from './stop-inside.ts'

export interface Tried { readonly point: string; readonly lost: boolean; readonly duplicated: boolean; readonly problems: readonly string[]; readonly epochs: number; readonly seconds: number }

/** After `done` a second delivery gets this long to happen. */
const GRACE_MS = 1_500
const ROOT = path.resolve(import.meta.dirname, '../../..')

/** One node is killed at the point and started again (or another takes over); then everything is counted. */
export const tryPoint = async (point: Point, folder: string): Promise<Tried> => {
  const begunMs = performance.now()
  mkdirSync(folder, { recursive: true })
  const site = new Site({ name: point.name, folder, delivery: point.delivery, remote: point.remote ?? 'http', checkSeconds: point.checkSeconds ?? ['0', '0'] })
  const attempt = new Attempt(point, site)
  try {
    const tried = await attempt.run()
    return { point: point.name, ...tried, seconds: Math.round((performance.now() - begunMs) / 100) / 10 }
  } finally {
    await attempt.end()
  }
}

class Attempt {
  readonly #point: Point
  readonly #site: Site
  readonly #problems: string[] = []
  readonly #started: UpProcess[] = []

  constructor(point: Point, site: Site) {
    this.#point = point
    this.#site = site
  }

  async run(): Promise<Omit<Tried, 'point' | 'seconds'>> {
    const { stop, again, closed, by, claim } = this.#point
    await this.#site.lay()
    let firstCommits = 1
    const home = this.#site.layNode('n1', this.#point.agent ?? WRITES)
    const first = this.#start(home, stop)
    if (this.#point.first !== undefined) {
      const { seconds, then } = this.#point.first
      await waitFor(first, `sleep ${seconds} to run`, () => runs('sleep', seconds))
      if (then === 'SIGTERM') first.signal('SIGTERM')
      else { await this.#moveMain('other.txt', 'a person was here\n'); firstCommits += 1 }
    }
    if (closed === true) {
      await this.#untilEnded(first, 'done')
      await this.#moveMain('.chorus/tasks/1.md', (await this.#site.git(this.#site.remote, 'show', 'main:.chorus/tasks/1.md')).replace('id: 1', 'id: 1\nstatus: closed'))
      firstCommits += 1
    }
    let atKill = await this.#killAt(first, stop)
    const state = atKill.history.at(-1)?.state ?? 'none'
    if (state !== claim) this.#problems.push(`at the point the claim is ${claim}, got ${state}: it is another point`)

    // Killed alone: what it had started is gone all the same, and nobody but the system has had a hand in it.
    if (stop.kind === 'program') await waitFor(undefined, 'the sandbox of the killed node to end', () => !runs('sleep', stop.seconds), { timeoutMs: 10_000 })
    const calm = by === 'another' ? this.#site.layNode('n2', WRITES) : this.#site.layNode('n1', WRITES)
    let second = this.#start(calm, again)
    if (again !== undefined) {
      atKill = await this.#killAt(second, again)
      second = this.#start(calm, undefined)
    }
    if (stop.kind === 'push' && stop.landing === 'after the restart') {
      await waitFor(second, 'the restarted node to have claimed', () => second.said('task_claimed'))
      this.#site.letGo()
    }
    await this.#untilEnded(second, closed === true ? 'pruned' : 'done')
    const back = by === 'another' ? this.#start(this.#site.layNode('n1', WRITES), undefined) : undefined
    if (back !== undefined) await waitFor(back, 'the killed node to come back', () => back.said('node_ready'))
    else await waitFor(second, 'the node to be ready', () => second.said('node_ready'))
    await new Promise((resolve) => { setTimeout(resolve, GRACE_MS) })
    for (const node of [second, back]) {
      if (node === undefined) continue
      const code = await node.stop()
      if (code !== 0) this.#problems.push(`exit code 0 after SIGTERM expected, got ${code}: ${node.errors}`)
    }

    const last = atKill.history.at(-1)
    const counted = await count(this.#site)
    const verdict = await judge(this.#site, counted, { firstCommits, epochAtKill: last?.epoch ?? 0, heldAtKill: last?.state === 'held' || last?.state === 'delivered', pruned: closed === true })
    for (const node of by === 'another' ? [calm, home] : [home]) await this.#lookAt(node, counted)
    return { lost: verdict.lost, duplicated: verdict.duplicated, problems: [...this.#problems, ...verdict.problems], epochs: counted.history.at(-1)?.epoch ?? 0 }
  }

  /** Whatever happened: nothing of it runs on. */
  async end(): Promise<void> {
    this.#site.letGo()
    for (const node of this.#started) await node.kill()
    for (const home of new Map(this.#started.map((node) => [node.home.name, node.home])).values()) clearScratch(home)
    await this.#site.stop()
  }

  #start(home: NodeHome, stop: Stop | undefined): UpProcess {
    const edits = [...this.#point.closed === true ? PRUNING : [], ...stop?.kind === 'inside' ? stop.edits : []]
    rmSync(this.#site.reachedFile, { force: true })
    if (stop?.kind === 'push') this.#site.stopPush(stop.push)
    const inside: StopInside | undefined = edits.length === 0 ? undefined : { name: this.#point.name, edits, reachedFile: this.#site.reachedFile }
    const node = new UpProcess(home, inside)
    this.#started.push(node)
    return node
  }

  /** Waits until it stands there, kills it, and says what the repository knew at that moment. */
  async #killAt(node: UpProcess, stop: Stop): Promise<Counted> {
    const reached = stop.kind === 'program' ? (): boolean => runs('sleep', stop.seconds) : (): boolean => existsSync(this.#site.reachedFile)
    await waitFor(node, 'the point', reached)
    await node.kill()
    const counted = await count(this.#site)
    if (stop.kind === 'push' && stop.landing !== 'after the restart') {
      const before = this.#site.ledger.length
      this.#site.letGo()
      if (stop.push.when === 'before') await waitFor(undefined, 'the push to land after the death', () => this.#site.ledger.length > before)
    }
    return counted
  }

  #untilEnded(node: UpProcess, how: 'done' | 'pruned'): Promise<void> {
    return waitFor(node, `the claim to be ${how}`, async () => {
      const [tip = ''] = (await this.#site.git(this.#site.remote, 'for-each-ref', '--format=%(contents:subject)', 'refs/chorus/claims')).split('\n')
      return how === 'done' ? tip.includes(': done by ') : tip === ''
    }, { everyMs: 250 })
  }

  /** A person's commit on main. */
  async #moveMain(file: string, content: string): Promise<void> {
    const { folder } = this.#site.options
    const person = path.join(folder, 'person')
    await this.#site.git(folder, 'clone', '-q', this.#site.url, person)
    writeFileSync(path.join(person, file), content)
    await this.#site.git(person, 'add', '-A')
    await this.#site.git(person, 'commit', '-q', '-m', 'a change by a person')
    await this.#site.git(person, 'push', '-q', 'origin', 'HEAD:main')
  }

  /** What one node leaves: its log sound and complete, nothing on the machine. */
  async #lookAt(home: NodeHome, counted: Counted): Promise<void> {
    const context = { root: ROOT, agents: '', say: () => undefined }
    const audit = await chorus(context, ['audit', 'verify', '--json', '--config', home.config, '--state', home.state])
    if (audit.code !== 0) this.#problems.push(`${home.name}: audit verify: ${audit.stdout.trim()} ${audit.stderr.trim()}`)
    const entries = await readLog(home.state)
    const intents = new Set(entries.flatMap((entry) => entry.type === 'claim_intent' && entry.data.key === TASK_KEY ? [String(entry.data.oid)] : []))
    const [mine] = entries.map((entry) => entry.node)
    for (const [index, step] of counted.history.entries()) {
      const renewal = counted.history[index - 1]?.state === step.state && counted.history[index - 1]?.session === step.session
      if (step.node === mine && !renewal && !intents.has(step.oid)) this.#problems.push(`${home.name}: ${step.state} of epoch ${step.epoch} was pushed without an intent in the log`)
    }
    const ends = entries.filter((entry) => entry.type === 'task_completed').length
    if (ends > 1) this.#problems.push(`${home.name}: the log says ${ends} times that the task was completed`)
    let left = leftOf(home)
    const deadline = performance.now() + 5_000
    while (left.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => { setTimeout(resolve, 100) })
      left = leftOf(home)
    }
    this.#problems.push(...left.map((what) => `${home.name}: ${what}`))
  }
}
