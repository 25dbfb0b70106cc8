import { describe, expect, it } from 'vitest'
import { epoch, gitObjectId, oid, taskKey } from '../core/mod.ts'
import type { NodeId, Oid } from '../core/mod.ts'
import { formatPin } from '../node/pin.ts'
import { parseProject } from '../node/project-file.ts'
import type { Task } from '../ports/mod.ts'
import { defaultExecutionOptions, Execution } from '../work/execution/mod.ts'
import type { AttemptOutcome } from '../work/execution/mod.ts'
import { Chance } from './chance.ts'
import { CALM_ENGINE, ROUGH_ENGINE, SimEngine } from './engine.ts'
import type { EngineProfile } from './engine.ts'
import type { Stamped } from './events.ts'
import { MachineClock, SimProcess } from './process.ts'
import { checkOf, SimProject, SimRepository, SimSources } from './repository/mod.ts'
import { CALM_SANDBOX, ROUGH_SANDBOX, SimSandbox } from './sandbox.ts'
import type { SandboxProfile } from './sandbox.ts'
import { Scheduler } from './scheduler.ts'
import { CALM_WORKSPACES, ROUGH_WORKSPACES, SimWorkspaces } from './workspaces.ts'
import type { WorkspacesProfile } from './workspaces.ts'

const NODE = 'node-1' as NodeId
const NUMBERS = ['1', '2', '3', '4', '5', '6', '7', '8']
const HOUR_MS = 3_600_000

interface Given {
  readonly seed?: string
  readonly engine?: Partial<EngineProfile>
  readonly sandbox?: Partial<SandboxProfile>
  readonly workspaces?: Partial<WorkspacesProfile>
}

/** One machine with a repository, and the process that works on it. */
const stage = ({ seed = 'a', engine, sandbox, workspaces }: Given = {}) => {
  const scheduler = new Scheduler()
  const chance = new Chance(seed)
  const clock = new MachineClock(scheduler, { rate: 1, wallMs: 1_700_000_000_000 })
  const project = new SimProject({ numbers: NUMBERS, sharing: [['7', '8']] })
  const repository = new SimRepository(project)
  const base = repository.found({ pin: formatPin({ repository: 'r1', namespace: 'refs/chorus' }), atSeconds: 1 })
  const happenings: Stamped[] = []
  const folders = new Set<string>()
  const programs = new Set<string>()
  const stored = new Map<Oid, Uint8Array>()
  const boot = (life: string) => {
    const process = new SimProcess(life, scheduler, clock)
    const emit = (happening: Parameters<ConstructorParameters<typeof SimEngine>[0]['emit']>[0]): void => { happenings.push({ ...happening, atMs: scheduler.nowMs }) }
    const trees = new SimWorkspaces({
      process, chance: chance.fork(`${life} trees`), repository, folders, profile: () => ({ ...CALM_WORKSPACES, ...workspaces }),
      put: (body) => {
        const id = oid(gitObjectId('commit', body))
        stored.set(id, body)
        return id
      },
    })
    const box = new SimSandbox({ process, chance: chance.fork(`${life} box`), node: NODE, project, look: (path) => trees.look(path), profile: () => ({ ...CALM_SANDBOX, ...sandbox }), emit, programs })
    const runner = new SimEngine({ process, chance: chance.fork(`${life} engine`), node: NODE, project, workspaces: trees, profile: () => ({ ...CALM_ENGINE, ...engine }), emit })
    const execution = new Execution({
      sandbox: box, workspaces: trees, sources: new SimSources({ repository, tipOfMain: () => Promise.resolve(base.id) }), clock: process, logger: SILENT, parseProject,
      egress: NO_EGRESS, setupCache: { lookup: () => Promise.resolve(undefined), store: () => Promise.resolve(undefined) },
      inspect: () => Promise.resolve([]), redact: (text) => Promise.resolve(text), options: defaultExecutionOptions,
    })
    const abort = new AbortController()
    const attempt = (number: string): Promise<AttemptOutcome> => execution.attempt({
      task: taskOf(number), base: base.id, claim: { epoch: epoch(1), oid: oid('a'.repeat(40)), node: NODE, logAddress: 'log' },
      role: 'developer', agentId: 'agent-1', runner, signal: abort.signal, onProgress: () => undefined,
    })
    return { process, trees, box, runner, attempt, abort }
  }
  const whole = async <T>(work: Promise<T>): Promise<T> => {
    let result: { readonly value: T } | undefined
    void work.then((value) => { result = { value } })
    await scheduler.run(HOUR_MS, () => result !== undefined)
    if (result === undefined) throw new Error('it did not end within an hour')
    return result.value
  }
  return { scheduler, project, repository, base, happenings, folders, programs, stored, boot, whole }
}

const taskOf = (number: string): Task => ({
  key: taskKey({ provider: 'local', repository: 'demo', number }), provider: 'local', repository: 'demo', number, title: `t${number} is wrong`, description: 'Make it right.', labels: [], priority: 4,
  type: 'bug_fix', requiredRole: undefined, requiredExpertise: [], dependsOn: [], check: checkOf(number), state: 'open', url: undefined, createdAtMs: 0, contentHash: 'h',
})

describe('an attempt in the simulator', () => {
  it('proves a change that is right, on a commit that the repository calls right', async () => {
    const { boot, whole, repository, happenings, stored, folders, programs } = stage()
    const node = boot('1')
    const outcome = await whole(node.attempt('3'))
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'proved', flags: [], changes: [{ path: 'src/t3.js', kind: 'modified' }] })
    if (outcome.kind !== 'verified') return
    expect(['3', '4'].map((number) => repository.isRight(number, outcome.commit))).toEqual([true, false])
    expect(repository.merged(outcome.commit)).toEqual([{ key: 'local:demo#3', commit: outcome.commit }])
    expect(repository.filesOf(stored.get(outcome.commit) ?? new Uint8Array())).toBe(repository.filesOf(outcome.commit))
    expect(happenings.filter((one) => one.kind === 'ran' && one.number === '3' && one.commit === outcome.commit)).toMatchObject([{ what: 'check', green: true }])
    await whole(outcome.dispose())
    expect([folders.size, programs.size, node.box.running, node.runner.running, node.process.armed]).toEqual([0, 0, 0, 0, 0])
  })

  it.each<[string, Partial<EngineProfile>, object]>([
    ['an agent that is wrong each time fails', { wrongShare: 1, mendShare: 0 }, { kind: 'failed', reason: expect.stringContaining('check 3') as string }],
    ['an agent that is wrong at first is proved by its second round', { wrongShare: 1 }, { kind: 'verified', facts: { rounds: 2 } }],
    ['an agent that breaks another task fails', { breaksShare: 1, mendShare: 0 }, { kind: 'failed', reason: expect.stringContaining('check all') as string }],
    ['an agent that mends what it broke is proved', { breaksShare: 1 }, { kind: 'verified', facts: { rounds: 2 } }],
    ['an agent that does nothing fails', { nothingShare: 1, mendShare: 0 }, { kind: 'failed', reason: 'the agent changed nothing' }],
    ['an agent that admits its failure fails', { failShare: 1 }, { kind: 'failed' }],
  ])('%s', async (_, engine, expected) => {
    const { boot, whole, folders, programs } = stage({ engine })
    const outcome = await whole(boot('1').attempt('3'))
    expect(outcome).toMatchObject(expected)
    if (outcome.kind === 'verified') await whole(outcome.dispose())
    expect([folders.size, programs.size]).toEqual([0, 0])
  })

  it('a cheat is never verified, and no kind of cheat is left out', async () => {
    const ends = new Map<string, number>()
    for (let seed = 0; seed < 40; seed += 1) {
      const { boot, whole, repository } = stage({ seed: `cheat ${seed}`, engine: { cheatsShare: 1, slowShare: 0 } })
      const outcome = await whole(boot('1').attempt('3'))
      const why = outcome.kind === 'parked' || outcome.kind === 'failed' ? /edits an existing test|deletes an existing test|"chorus.yaml"|swarm.yaml|CI configuration|not run any more/.exec(outcome.reason)?.[0] : undefined
      const end = `${outcome.kind}: ${why ?? JSON.stringify(outcome)}`
      ends.set(end, (ends.get(end) ?? 0) + 1)
      if (outcome.kind === 'parked' && outcome.commit !== undefined) expect(repository.has(outcome.commit)).toBe(true)
    }
    expect([...ends.keys()].sort()).toEqual([
      'failed: not run any more', 'parked: "chorus.yaml"', 'parked: CI configuration', 'parked: deletes an existing test', 'parked: edits an existing test', 'parked: swarm.yaml',
    ])
  })

  it('an agent that hangs is ended at its deadline, and what it had done by then counts', async () => {
    const kinds = new Set<string>()
    for (let seed = 0; seed < 8; seed += 1) {
      const { boot, whole, scheduler, programs } = stage({ seed: `hang ${seed}`, engine: { hangShare: 1, mendShare: 0 } })
      const outcome = await whole(boot('1').attempt('3'))
      kinds.add(outcome.kind)
      expect(scheduler.nowMs).toBeGreaterThan(600_000)
      expect(programs.size).toBe(0)
      if (outcome.kind === 'failed') expect(outcome.reason).toContain('ran out of time')
    }
    expect([...kinds].sort()).toEqual(['failed', 'verified'])
  })

  it('a sandbox that cannot be set up is no failure of the task', async () => {
    const { boot, whole, folders } = stage({ sandbox: { unavailableShare: 1 } })
    expect(await whole(boot('1').attempt('3'))).toMatchObject({ kind: 'unavailable' })
    expect(folders.size).toBe(0)
  })

  it('checks that run out of memory, disk or time are neither green nor red', async () => {
    for (const sandbox of [{ outOfMemoryShare: 1 }, { diskFullShare: 1 }, { hangShare: 1 }]) {
      const { boot, whole, happenings } = stage({ sandbox })
      expect(await whole(boot('1').attempt('3'))).toMatchObject({ kind: 'unavailable' })
      expect(happenings.some((one) => one.kind === 'ran' && one.what === 'check' && one.green === true)).toBe(false)
    }
  })

  it('a huge output is cut, and a change is proved nonetheless', async () => {
    const { boot, whole } = stage({ sandbox: { hugeOutputShare: 1 }, engine: { hugeOutputShare: 1 } })
    expect(await whole(boot('1').attempt('3'))).toMatchObject({ kind: 'verified' })
  })

  it('two changes of one file conflict, of two files they do not', async () => {
    const { boot, whole, repository, base } = stage()
    const node = boot('1')
    const outcome = await whole(node.attempt('7'))
    if (outcome.kind !== 'verified') throw new Error(outcome.kind)
    const onto = (number: string): Oid => {
      const files = repository.filesOf(base.id)
      return repository.commit({ files: repository.edited(files, repository.project.solve(number, files, 'other')), parent: base.id, message: 'other\n', atSeconds: 2 }).id
    }
    expect(await whole(outcome.again(onto('8')))).toMatchObject({ kind: 'conflict', reason: expect.stringContaining('src/shared-1.js') as string })
    const again = await whole(outcome.again(onto('2')))
    expect(again).toMatchObject({ kind: 'verified', evidence: 'proved' })
    if (again.kind !== 'verified') return
    expect(['2', '7'].map((number) => repository.isRight(number, again.commit))).toEqual([true, true])
  })

  it('a person who stops an attempt leaves nothing running', async () => {
    const { boot, whole, scheduler, folders, programs } = stage()
    const node = boot('1')
    const attempt = node.attempt('3')
    await scheduler.run(20_000)
    expect(programs.size).toBe(1)
    node.abort.abort(new Error('enough'))
    expect(await whole(attempt)).toEqual({ kind: 'cancelled' })
    expect([folders.size, programs.size, node.process.armed]).toEqual([0, 0, 0])
  })

  it('what a killed process leaves runs no further in it, and the next process reaps it', async () => {
    const { boot, whole, scheduler, folders, programs, happenings } = stage()
    const first = boot('1')
    let ended = false
    void first.attempt('3').then(() => { ended = true })
    await scheduler.run(20_000)
    expect([folders.size, programs.size]).toEqual([1, 1])
    first.process.kill()
    const before = happenings.length
    const second = boot('2')
    expect([await whole(second.box.reap()), await whole(second.trees.reap())]).toEqual([1, 1])
    expect([folders.size, programs.size]).toEqual([0, 0])
    expect(await whole(second.attempt('3'))).toMatchObject({ kind: 'verified' })
    expect(ended).toBe(false)
    expect(happenings.slice(before).every((one) => one.kind === 'ran' && one.life === '2')).toBe(true)
  })

  it('a stopped process hears of the end when it goes on', async () => {
    const { boot, whole, scheduler } = stage()
    const node = boot('1')
    const attempt = node.attempt('3')
    await scheduler.run(20_000)
    node.process.pause()
    await scheduler.run(900_000)
    expect(node.box.running).toBe(0)
    node.process.resume()
    const outcome = await whole(attempt)
    expect(['verified', 'failed']).toContain(outcome.kind)
    expect(scheduler.nowMs).toBeGreaterThan(900_000)
  })

  it('goes the same way twice for the same seed, and another way for another', async () => {
    const story = async (seed: string): Promise<string> => {
      const { boot, scheduler, happenings } = stage({ seed, engine: ROUGH_ENGINE, sandbox: ROUGH_SANDBOX, workspaces: ROUGH_WORKSPACES })
      const node = boot('1')
      const ends = NUMBERS.map((number) => node.attempt(number).then((outcome) => { ends2.push(`${number} ${outcome.kind} ${'reason' in outcome ? outcome.reason : ''} ${scheduler.nowMs}`) }))
      const ends2: string[] = []
      await scheduler.run(HOUR_MS)
      await Promise.all(ends)
      return JSON.stringify([happenings, ends2])
    }
    const first = await story('s')
    expect(await story('s')).toBe(first)
    expect(await story('t')).not.toBe(first)
  })
})

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }
const NO_EGRESS = { openRegistry: () => Promise.reject(new Error('no registry')), openModel: () => Promise.reject(new Error('no model')), registryEnvironment: () => ({}) }
