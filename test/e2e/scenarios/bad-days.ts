import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { SmallDisk } from '../../../src/cli/chaos/small-disk.ts'
import { count, judge } from '../crash/counted.ts'
import type { Counted } from '../crash/counted.ts'
import { clearScratch, leftOf, runs } from '../crash/left.ts'
import { UpProcess, waitFor } from '../crash/node-process.ts'
import type { Enter } from '../crash/node-process.ts'
import { Site } from '../crash/site.ts'
import type { NodeHome, SiteOptions } from '../crash/site.ts'
import { withoutUserNamespaces } from './no-namespaces.ts'
import { chorus, expect, lastJson } from './scenario.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

/** What goes wrong on a machine or with the people around it, as docs/operations.md tells it ("Bad days"). */

const WRITES = "echo 'line 1' >> lines.txt"

/** One repository with one task; whatever happens, nothing of it stays. */
class Day {
  readonly site: Site
  readonly context: ScenarioContext
  readonly #started: UpProcess[] = []
  readonly #homes = new Map<string, NodeHome>()

  constructor(context: ScenarioContext, site: Site) {
    this.context = context
    this.site = site
  }

  home(name: string, agent = WRITES): NodeHome {
    const home = this.site.layNode(name, agent)
    this.#homes.set(name, home)
    return home
  }

  up(home: NodeHome, enter?: Enter): UpProcess {
    const node = new UpProcess(home, undefined, enter)
    this.#started.push(node)
    return node
  }

  say(home: NodeHome, ...args: readonly string[]): ReturnType<typeof chorus> {
    return chorus(this.context, [...args, '--json', '--config', home.config, '--state', home.state], { env: { HOME: home.home, TMPDIR: home.temporary } })
  }

  /** A person's commit on main. */
  async person(file: string, change: (text: string) => string): Promise<void> {
    const clone = mkdtempSync(path.join(this.site.options.folder, 'person-'))
    await this.site.git(clone, 'clone', '-q', this.site.url, 'clone')
    const there = path.join(clone, 'clone', file)
    writeFileSync(there, change(readFileSync(there, 'utf8')))
    await this.site.git(path.join(clone, 'clone'), 'commit', '-q', '-a', '-m', 'a change by a person')
    await this.site.git(path.join(clone, 'clone'), 'push', '-q', 'origin', 'HEAD:main')
  }

  state(): Promise<string> { return count(this.site).then(({ history }) => history.at(-1)?.state ?? 'none') }

  async untilDone(node: UpProcess): Promise<void> {
    await waitFor(node, 'the task to be done', async () => (await this.site.git(this.site.remote, 'for-each-ref', '--format=%(contents:subject)', 'refs/chorus/claims')).includes(': done by '), { everyMs: 250 })
  }

  /** Every node ends with 0, its log is sound, nothing of it is left. */
  async end(...nodes: readonly UpProcess[]): Promise<Counted> {
    for (const node of nodes) expect(await node.stop() === 0, `exit code 0 after SIGTERM expected, got ${node.exitCode}: ${node.errors}`)
    for (const home of this.#homes.values()) {
      const audit = await this.say(home, 'audit', 'verify')
      expect(audit.code === 0, `${home.name}: the log must verify: ${audit.stdout}`)
      // Half an object: git's own, when the disk was full under it. It is nobody's, and `git prune` takes it.
      const left = (): readonly string[] => leftOf(home).filter((what) => !what.includes('/tmp_obj_'))
      await waitFor(undefined, `${home.name}: nothing to be left`, () => left().length === 0, { timeoutMs: 10_000, seen: () => left().join('; ') })
    }
    return count(this.site)
  }

  /** Exactly one delivery, and all that goes with it. */
  async deliveredOnce(counted: Counted, about: { readonly commits: number; readonly after?: number }): Promise<void> {
    const { problems } = await judge(this.site, counted, { firstCommits: about.commits, epochAtKill: about.after ?? 0, heldAtKill: about.after !== undefined, pruned: false })
    expect(problems.length === 0, problems.join('; '))
  }

  async clear(): Promise<void> {
    this.site.letGo()
    for (const node of this.#started) { node.signal('SIGCONT'); await node.kill() }
    for (const home of this.#homes.values()) clearScratch(home)
    await this.site.stop()
  }
}

const day = (name: string, work: (day: Day) => Promise<void>, options: Partial<SiteOptions> = {}): Scenario => ({
  name,
  onDemand: true,
  run: async (context) => {
    const folder = mkdtempSync('/var/tmp/chorus-e2e-')
    chmodSync(folder, 0o711)
    const site = new Site({ name, folder, delivery: 'merge', remote: 'http', checkSeconds: ['0', '0'], ...options })
    const one = new Day(context, site)
    try {
      await site.lay()
      await work(one)
    } finally {
      await one.clear()
      rmSync(folder, { recursive: true, force: true })
    }
  },
})

const TASK = '.chorus/tasks/1.md'

const closed = day('closed-mid-work', async (day) => {
  const node = day.up(day.home('n1', `sleep 4.201; ${WRITES}`))
  await waitFor(node, 'the agent to work', () => runs('sleep', '4.201'))
  await day.person(TASK, (text) => text.replace('id: 1', 'id: 1\nstatus: closed'))
  await waitFor(node, 'the task to be released', () => node.said('task_released'))
  const { history, delivered } = await day.end(node)
  expect(history.at(-1)?.state === 'released' && delivered.length === 0, `released and nothing delivered expected, got ${JSON.stringify(history.at(-1))}`)
  expect(node.events.some((event) => event.kind === 'task_released' && String(event.reason).includes('closed')), 'the reason must say so')
})

const changed = day('changed-mid-work', async (day) => {
  // The work is right only with the new text.
  const node = day.up(day.home('n1', `sleep 4.301; case "$said" in *'the line of today'*) ${WRITES} ;; *) echo wrong >> other.txt; ${WRITES} ;; esac`))
  await waitFor(node, 'the agent to work', () => runs('sleep', '4.301'))
  await day.person(TASK, (text) => text.replace('Add `', 'Add the line of today, `'))
  await day.untilDone(node)
  const started = node.events.filter(({ kind }) => kind === 'task_started').length
  await day.deliveredOnce(await day.end(node), { commits: 2 })
  expect(started === 2, `the engine started again with the new text, once; got ${started} starts`)
  expect(await day.site.git(day.site.remote, 'ls-tree', '--name-only', 'main', 'other.txt') === '', 'what was made of the old text must not be delivered')
})

const remoteGone = day('remote-gone', async (day) => {
  const home = day.home('n1', `sleep 60.401; ${WRITES}`)
  const node = day.up(home)
  await waitFor(node, 'the agent to work', () => runs('sleep', '60.401'))
  day.site.goAway()
  const goneMs = performance.now()
  await waitFor(node, 'the work to be lost', () => node.said('task_lost'))
  await waitFor(node, 'the agent to be stopped', () => !runs('sleep', '60.401'), { timeoutMs: 10_000 })
  await waitFor(node, 'the status to name the repository', async () => String(JSON.stringify(lastJson(await day.say(home, 'status')).problems)).includes('local:crash'), { everyMs: 1_000 })
  await waitFor(node, 'a minute to pass', () => performance.now() - goneMs >= 60_000, { everyMs: 500 })
  day.home('n1')
  day.site.comeBack()
  // The engine's command is as it was when the node started.
  await waitFor(node, 'the task to be claimed again', () => node.events.filter(({ kind }) => kind === 'task_claimed').length === 2)
  const again = await node.stop()
  expect(again === 0, `exit code 0 expected, got ${again}`)
  const other = day.up(home)
  await day.untilDone(other)
  await day.deliveredOnce(await day.end(other), { commits: 1, after: 1 })
})

const fullDisk = day('full-disk', async (day) => {
  const home = day.home('n1', `sleep 6.501; ${WRITES}`)
  const access = ['swarm.key', 'bootstrap.json'].map((name) => [path.join(home.state, name), readFileSync(path.join(home.state, name))] as const)
  for (const [file] of access) rmSync(file)
  const disk = new SmallDisk(home.state)
  disk.mount()
  try {
    for (const [file, content] of access) writeFileSync(file, content, { mode: 0o600 })
    const node = day.up(home)
    await waitFor(node, 'the agent to work', () => runs('sleep', '6.501'))
    disk.fill()
    await waitFor(undefined, 'the node to end by itself', () => !node.running)
    expect(node.exitCode === 74 && lastLine(node).includes('LOG_UNAVAILABLE'), `exit code 74 and LOG_UNAVAILABLE expected, got ${node.exitCode}: ${lastLine(node)} ${node.errors}`)
    expect((await day.say(home, 'audit', 'verify')).code === 0, 'the log must be whole while the disk is full')
    const state = await day.state()
    expect(state === 'held', `nothing is pushed without an intent on disk: held expected, got ${state}`)
    disk.makeRoom()
    day.home('n1')
    const again = day.up(home)
    await day.untilDone(again)
    await day.deliveredOnce(await day.end(again), { commits: 1, after: 1 })
  } finally {
    disk.unmount()
  }
})

const lastLine = (node: UpProcess): string => JSON.stringify(node.events.at(-1))

const suspendedAlone = day('suspended-alone', async (day) => {
  const node = day.up(day.home('n1', `sleep 20.601; ${WRITES}`))
  await waitFor(node, 'the agent to work', () => runs('sleep', '20.601'))
  node.signal('SIGSTOP')
  const stoppedMs = performance.now()
  await waitFor(undefined, 'longer than a lease', () => performance.now() - stoppedMs > 14_000, { everyMs: 500 })
  node.signal('SIGCONT')
  await day.untilDone(node)
  const counted = await day.end(node)
  await day.deliveredOnce(counted, { commits: 1 })
  expect(counted.history.at(-1)?.epoch === 1, 'nobody took it: it goes on in its own epoch')
})

const suspendedZombie = day('suspended-zombie', async (day) => {
  const sleeper = day.up(day.home('n1', `sleep 15.701; ${WRITES}`))
  await waitFor(sleeper, 'the agent to work', () => runs('sleep', '15.701'))
  sleeper.signal('SIGSTOP')
  const other = day.up(day.home('n2'))
  await day.untilDone(other)
  sleeper.signal('SIGCONT')
  await waitFor(sleeper, 'the sleeper to see that it lost', () => sleeper.said('task_lost'))
  const counted = await day.end(sleeper, other)
  await day.deliveredOnce(counted, { commits: 1, after: 1 })
})

/** The wall clock of the process alone: the machine's own is everybody's. */
const setClock: Enter = ([program = '', ...args], options) =>
  ({ child: spawn(program, ['--import', path.join(import.meta.dirname, '../crash/wall-clock.ts'), ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] }) })

const clockSet = day('clock-set', async (day) => {
  const node = day.up(day.home('n1', `sleep 9.901; ${WRITES}`), setClock)
  await waitFor(node, 'the agent to work', () => runs('sleep', '9.901'))
  const renewals = (): number => day.site.ledger.length
  for (const way of ['ahead', 'behind']) {
    node.signal('SIGUSR2')
    const before = renewals()
    await waitFor(node, `a renewal with the clock ${way}`, () => renewals() > before)
  }
  await day.untilDone(node)
  const counted = await day.end(node)
  await day.deliveredOnce(counted, { commits: 1 })
  expect(counted.history.at(-1)?.epoch === 1, 'no lease goes by the wall clock: one epoch expected')
  const hours = node.events.map(({ at }) => Date.parse(String(at))).filter(Number.isFinite)
  expect(Math.max(...hours) - Math.min(...hours) > 3_600_000, 'the node must have seen its clock move')
})

const oneStateFolder = day('one-state-folder', async (day) => {
  const home = day.home('n1')
  const node = day.up(home)
  await waitFor(node, 'the first to be ready', () => node.said('node_ready'))
  const second = await day.say(home, 'up')
  const said = lastJson(second)
  expect(second.code === 75 && said.code === 'STATE_LOCKED', `exit code 75 and STATE_LOCKED expected, got ${second.code} ${second.stdout}`)
  expect(String(said.error).includes(String(node.pid)), `the first one's process number ${node.pid} expected, got ${String(said.error)}`)
  await day.untilDone(node)
  await day.deliveredOnce(await day.end(node), { commits: 1 })
})

const interruptedOnce = day('ctrl-c-once', async (day) => {
  const home = day.home('n1', `sleep 60.801; ${WRITES}`)
  const node = day.up(home)
  await waitFor(node, 'the agent to work', () => runs('sleep', '60.801'))
  node.signal('SIGINT')
  await waitFor(undefined, 'the node to end', () => !node.running)
  expect(node.exitCode === 0 && await day.state() === 'released', `exit code 0 and the task given back expected, got ${node.exitCode}`)
  // A delivery that is under way is finished, and told.
  day.home('n1')
  day.site.stopPush({ when: 'before', of: 'delivery' })
  const again = day.up(home)
  await waitFor(again, 'the delivery to be on its way', () => day.site.reached)
  again.signal('SIGINT')
  day.site.letGo()
  await waitFor(undefined, 'the node to end', () => !again.running)
  expect(again.exitCode === 0, `exit code 0 expected, got ${again.exitCode}: ${again.errors}`)
  await day.deliveredOnce(await day.end(), { commits: 1 })
})

const interruptedTwice = day('ctrl-c-twice', async (day) => {
  const home = day.home('n1')
  // In the middle of an orderly stop, which waits for the delivery.
  day.site.stopPush({ when: 'before', of: 'delivery' })
  const node = day.up(home)
  await waitFor(node, 'the delivery to be on its way', () => day.site.reached)
  node.signal('SIGINT')
  // Two of them at the same moment are one to the system.
  await new Promise((resolve) => { setTimeout(resolve, 500) })
  expect(node.running, 'the first one waits for what is under way')
  node.signal('SIGINT')
  await waitFor(undefined, 'the node to end at once', () => !node.running, { timeoutMs: 5_000 })
  expect(node.exitCode === 130, `exit code 130 expected, got ${node.exitCode}`)
  day.site.letGo()
  const again = day.up(home)
  await day.untilDone(again)
  await day.deliveredOnce(await day.end(again), { commits: 1, after: 1 })
})

const noNamespaces = day('no-user-namespaces', async (day) => {
  const home = day.home('n1')
  const doctor = await withoutUserNamespaces([process.execPath, path.join(day.context.root, 'bin/chorus.js'), 'doctor', '--json', '--config', home.config, '--state', home.state]).ended
  const findings = (lastJson(doctor) as { readonly findings?: readonly { readonly name: string; readonly ok: boolean; readonly found: string; readonly fix: string }[] }).findings
  const sandbox = findings?.find(({ name }) => name === 'sandbox')
  expect(doctor.code === 1 && sandbox?.ok === false, `doctor must end with 1 and name the sandbox, got ${doctor.code}: ${doctor.stdout.slice(-600)}`)
  expect(/namespace/.test(sandbox?.found ?? '') && /max_user_namespaces/.test(sandbox?.fix ?? ''), `what is missing and how to mend it expected, got ${JSON.stringify(sandbox)}`)
  const node = day.up(home, withoutUserNamespaces)
  await waitFor(node, 'the node to say what is missing', () => node.events.some(({ kind, reason }) => kind === 'node_problem' && /nothing is claimed.*namespace.*max_user_namespaces/.test(String(reason))))
  await waitFor(node, 'the status to say so', async () => JSON.stringify(lastJson(await day.say(home, 'status')).problems).includes('namespace'), { everyMs: 1_000 })
  expect(await day.state() === 'none', 'nothing is claimed')
  await day.end(node)
})

/** Each also by its own name. */
export const badDayScenarios: readonly Scenario[] = [closed, changed, remoteGone, fullDisk, suspendedAlone, suspendedZombie, clockSet, oneStateFolder, interruptedOnce, interruptedTwice, noNamespaces]

/** All of them, two at a time. */
export const badDays: Scenario = {
  name: 'bad-days',
  run: async (context) => {
    const left = [...badDayScenarios].sort((a, b) => Number(b === remoteGone) - Number(a === remoteGone))
    const failures: string[] = []
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const begunMs = performance.now()
        await next.run(context).catch((thrown: unknown) => { failures.push(`${next?.name ?? ''}: ${thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)}`) })
        context.say(`      ${next.name}  (${((performance.now() - begunMs) / 1_000).toFixed(1)} s)`)
      }
    }
    await Promise.all([worker(), worker()])
    expect(failures.length === 0, failures.join('\n'))
  },
}
