import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import type { Oid, RefName, TaskKey } from '../core/mod.ts'
import type { Logger, LogStore, SandboxProbe, SourceTree } from '../ports/mod.ts'
import { ScriptedProvider, TaskBoard } from '../testing/coordinator-doubles.ts'
import { MemoryHead } from '../testing/log-store-audit.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { MemoryNetwork } from '../testing/memory-gossip.ts'
import type { MemoryGossip } from '../testing/memory-gossip.ts'
import { MemoryLog, MemoryLogStore } from '../testing/memory-log-store.ts'
import { MemoryRemote } from '../testing/memory-ref-store.ts'
import { ScriptedRunner } from '../testing/scripted-runner.ts'
import { ScriptedSandbox } from '../testing/scripted-sandbox.ts'
import { SeededEntropy } from '../testing/seeded-entropy.ts'
import { SeededSigner } from '../testing/seeded-signer.ts'
import { parseConfig } from './config.ts'
import { ChorusNode } from './node.ts'
import type { NodeEvent, NodeParts } from './node.ts'
import { formatPin } from './pin.ts'
import type { RepositoryParts } from './repository.ts'

const MAIN = 'refs/heads/main' as RefName
const CONFIG = 'agent: { id: ada, role: developer, max_tasks: 2 }\nrepositories:\n  - { path: ., delivery: merge, approve_first: false }\n'

/** One repository with a task that never ends: its work tree opens when the test says so, or not at all. */
class Repository {
  readonly board: TaskBoard
  readonly remote = new MemoryRemote()
  readonly provider: ScriptedProvider
  readonly parts: RepositoryParts
  pinned = true
  /** What the repository was asked before it answered. */
  looks = 0
  hold: Promise<void> = Promise.resolve()

  constructor(name: string) {
    this.board = new TaskBoard(name)
    this.provider = new ScriptedProvider(this.board)
    const tip = this.remote.plant(MAIN, 'commit', 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nfirst\n')
    const sources: SourceTree = {
      refresh: async () => { this.looks += 1; await this.hold; return { branch: 'main', tip } },
      read: (_commit: Oid, path: string) => Promise.resolve(path === '.chorus/swarm.yaml' && this.pinned ? new TextEncoder().encode(formatPin({ repository: `id-${name}`, namespace: 'refs/chorus' })) : undefined),
      list: () => Promise.resolve([]), addedAtSeconds: () => Promise.resolve(undefined), hasTrailer: () => Promise.resolve(false),
    }
    const settings = parseConfig(CONFIG, { env: {} }).repositories[0]
    if (settings === undefined) throw new Error('the configuration has a repository')
    this.parts = {
      settings, provider: this.provider, sources, refs: this.remote.open(name),
      workspaces: { open: () => Promise.reject(new ChorusError('IO_FAILED', 'no work tree today')), reap: () => Promise.resolve(0) },
      setupCache: { lookup: () => Promise.resolve(undefined), store: () => Promise.resolve(undefined) },
      egress: { openRegistry: () => Promise.reject(new Error('unused')), openModel: () => Promise.reject(new Error('unused')), registryEnvironment: () => ({}) },
      seenId: { read: () => Promise.resolve(undefined), write: () => Promise.resolve() },
    }
  }
}

describe('a node', () => {
  let clock: ManualClock
  let gossip: MemoryGossip
  let memory: MemoryLog
  let head: MemoryHead
  let paused: boolean
  let warnings: string[]
  let events: string[]
  let probe: SandboxProbe
  let web: Repository
  let api: Repository
  let node: ChorusNode
  beforeEach(() => {
    clock = new ManualClock()
    memory = new MemoryLog()
    head = new MemoryHead()
    paused = false
    warnings = []
    events = []
    probe = { available: true, facts: {} }
    web = new Repository('web')
    api = new Repository('api')
    node = make()
  })
  afterEach(async () => {
    await clock.drive(node.stop())
    expect(clock.armed).toBe(0)
    expect(gossip.running).toBe(false)
  })

  const make = (change: Partial<NodeParts> = {}): ChorusNode => {
    const signer = new SeededSigner('ada')
    gossip = new MemoryNetwork().join(signer.node)
    const logger: Logger = { debug: () => undefined, info: () => undefined, warn: (text) => { warnings.push(text) }, error: (text) => { warnings.push(text) }, child: () => logger }
    const sandbox = new ScriptedSandbox([])
    sandbox.probe = () => Promise.resolve(probe)
    const made = new ChorusNode({
      version: '0.0.0', config: parseConfig(CONFIG, { env: {} }), clock, entropy: new SeededEntropy('node'), signer, logger, gossip,
      log: { store: new MemoryLogStore(memory) as LogStore, head }, scanner: { scan: () => Promise.resolve([]) }, redactionKey: new Uint8Array(32), knownSecrets: [],
      sandbox, runner: new ScriptedRunner([]), repositories: [web.parts, api.parts],
      pause: { read: () => Promise.resolve(paused), write: (wanted) => { paused = wanted; return Promise.resolve() } }, ...change,
    })
    made.watch((event: NodeEvent) => { events.push(event.kind) })
    return made
  }
  const logged = (): readonly string[] => memory.entries.map((bytes) => /"type":"(\w+)"/.exec(Buffer.from(bytes).toString('utf8'))?.[1] ?? '')

  it('is ready after its start, and offline after its stop', async () => {
    expect(node.status()).toMatchObject({ status: 'offline', uptime_seconds: 0, active_providers: 0 })
    await clock.drive(node.start())
    expect(node.status()).toMatchObject({ agent_id: 'ada', role: 'developer', status: 'ready', current_tasks: 0, max_tasks: 2, active_providers: 2, problems: [], active_tasks: [], members: [] })
    await clock.advance(5_000)
    expect(node.status().uptime_seconds).toBeGreaterThanOrEqual(5)
    await clock.drive(node.stop())
    expect(node.status().status).toBe('offline')
    expect(events).toEqual(['node_ready', 'node_stopped'])
    expect(logged()).toEqual(['session_started', 'session_ended'])
  })

  it('adds up the counters of its repositories', async () => {
    await clock.drive(node.start())
    await clock.advance(95_000)
    const rounds = node.status().counters.claims_refreshes ?? 0
    expect(rounds).toBeGreaterThanOrEqual(8)
    expect(rounds % 2).toBe(0)
  })

  it('counts what runs, and says that it is full', async () => {
    for (const { board } of [web, api]) board.add(1)
    for (const { parts } of [web, api]) parts.workspaces.open = () => new Promise(() => undefined)
    await clock.drive(node.start())
    await clock.advance(1_000)
    expect(node.status()).toMatchObject({ status: 'busy', current_tasks: 2 })
    const active = [...node.status().active_tasks].sort((a, b) => a.key < b.key ? -1 : 1)
    expect(active).toMatchObject([{ key: 'local:api#1', status: 'working', epoch: 1, claimed_at: expect.stringMatching(/^20\d\d-/) as string }, { key: 'local:web#1' }])
    await clock.drive(node.stop())
    expect(node.status()).toMatchObject({ status: 'offline', current_tasks: 0, active_tasks: [] })
  })

  it('claims nothing more and says so when its log cannot be written', async () => {
    const store = new MemoryLogStore(memory)
    const append = store.append.bind(store)
    let full = false
    store.append = (entry) => full ? Promise.reject(new ChorusError('LOG_UNAVAILABLE', 'no space left')) : append(entry)
    node = make({ log: { store, head } })
    await clock.drive(node.start())
    full = true
    for (const number of [1, 2, 3]) web.board.add(number)
    await clock.advance(40_000)
    expect(await clock.drive(node.broken)).toMatchObject({ code: 'LOG_UNAVAILABLE' })
    expect(node.status().problems).toEqual(expect.arrayContaining([expect.stringContaining('log: ') as string]))
    expect([...web.remote.refs.keys()].filter((ref) => ref.startsWith('refs/chorus/'))).toEqual([])
    await clock.advance(600_000)
    expect(node.status().current_tasks).toBe(0)
  })

  it('works on with the repositories that can be joined, and names the one that cannot', async () => {
    web.pinned = false
    await clock.drive(node.start())
    expect(node.status()).toMatchObject({ active_providers: 1, status: 'ready' })
    expect(node.status().problems).toEqual([expect.stringMatching(/^local:web: \.chorus\/swarm\.yaml is not on main: run `chorus init`/)])
    expect(events).toContain('node_problem')
  })

  it('releases what it took when it cannot start, and says why', async () => {
    web.pinned = false
    api.pinned = false
    await expect(clock.drive(node.start())).rejects.toMatchObject({ code: 'REPOSITORY_INVALID', setting: 'repositories' })
    expect(gossip.running).toBe(false)
    expect(logged().at(-1)).toBe('session_ended')
    await expect(node.start()).rejects.toMatchObject({ code: 'REPOSITORY_INVALID' })
  })

  it('claims nothing without a sandbox, and says what to do', async () => {
    probe = { available: false, reason: 'no user namespaces', fix: 'sysctl ...' }
    web.board.add(1)
    await clock.drive(node.start())
    await clock.advance(60_000)
    expect(node.status()).toMatchObject({ status: 'offline', sandbox: { available: false, reason: 'no user namespaces' }, problems: ['sandbox: nothing is claimed: no user namespaces; sysctl ...'] })
    expect(events).not.toContain('task_claimed')
  })

  it('that is stopped while it starts starts no further', async () => {
    const opened = Promise.withResolvers<undefined>()
    web.hold = opened.promise.then(() => undefined)
    const starting = node.start()
    for (let turn = 0; web.looks === 0; turn++) { if (turn > 1_000) throw new Error('it never looked'); await clock.advance(0) }
    const stopping = node.stop()
    opened.resolve(undefined)
    await clock.drive(Promise.all([starting, stopping]))
    expect(api.looks).toBe(0)
    expect(events).not.toContain('node_ready')
    expect(events.at(-1)).toBe('node_stopped')
    expect(logged().at(-1)).toBe('session_ended')
  })

  it('that was stopped before it started does not start', async () => {
    await clock.drive(node.stop())
    await clock.drive(node.start())
    expect(logged()).toEqual([])
    expect(web.looks).toBe(0)
  })

  it('starts and stops once, however often it is asked', async () => {
    await clock.drive(Promise.all([node.start(), node.start()]))
    await clock.drive(Promise.all([node.stop(), node.stop()]))
    expect(logged()).toEqual(['session_started', 'session_ended'])
  })

  it('that a person paused claims nothing after a restart either', async () => {
    await clock.drive(node.start())
    await clock.drive(node.pause())
    expect(node.status().status).toBe('paused')
    await clock.drive(node.stop())
    events = []
    node = make()
    web.board.add(1)
    await clock.drive(node.start())
    await clock.advance(120_000)
    expect(node.status().status).toBe('paused')
    expect(events).toEqual(['node_ready', 'node_paused'])
    await clock.drive(node.resume())
    await clock.advance(1_000)
    expect(events).toContain('task_claimed')
  })

  it('pauses and resumes in the order in which it was told', async () => {
    await clock.drive(node.start())
    await clock.drive(Promise.all([node.pause(), node.resume(), node.pause(), node.pause(), node.resume()]))
    expect(events.filter((kind) => kind !== 'node_ready')).toEqual(['node_paused', 'node_resumed', 'node_paused', 'node_resumed'])
    expect(node.status().status).toBe('ready')
    expect(paused).toBe(false)
  })

  it('is not harmed by a watcher that fails', async () => {
    node.watch(() => { throw new Error('a broken pipe') })
    const seen: string[] = []
    const unwatch = node.watch((event) => { seen.push(event.kind) })
    web.board.add(1)
    await clock.drive(node.start())
    await clock.advance(1_000)
    expect(seen).toContain('task_released')
    expect(warnings).toContain('a watcher failed')
    unwatch()
    const before = seen.length
    await clock.drive(node.pause())
    expect(seen).toHaveLength(before)
  })

  it('gives a task another try when a person asks, and only one of its own repositories', async () => {
    const task = web.board.add(1)
    await clock.drive(node.start())
    await clock.advance(1_000)
    expect(events.filter((kind) => kind === 'task_released')).toHaveLength(1)
    await clock.drive(node.retry(task.key))
    await clock.advance(1_000)
    expect(events.filter((kind) => kind === 'task_released')).toHaveLength(2)
    await expect(node.retry('local:elsewhere#1' as TaskKey)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(clock.drive(node.retry('local:web#99' as TaskKey))).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })
})
