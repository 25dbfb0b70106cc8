import { describe, expect, it } from 'vitest'
import { ChorusError, epoch, fail, oid, ok, taskKey } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { AgentRunner, Egress, Task } from '../../ports/mod.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { ScriptedRunner } from '../../testing/scripted-runner.ts'
import type { ScriptedRound } from '../../testing/scripted-runner.ts'
import { ScriptedSandbox } from '../../testing/scripted-sandbox.ts'
import type { ScriptedProgram } from '../../testing/scripted-sandbox.ts'
import { ScriptedWorkspaces } from '../../testing/scripted-workspaces.ts'
import type { ScriptedFiles, ScriptedRebase } from '../../testing/scripted-workspaces.ts'
import type { AttemptRequest } from './attempt.ts'
import { defaultExecutionOptions } from './options.ts'
import { Execution } from './service.ts'
import type { ExecutionParts } from './parts.ts'

const BASE = oid('b'.repeat(40))
const MOVED = oid('d'.repeat(40))
const CHECK = 'node --test test/sum.test.js'
const RED = '✔ zero (1ms)\n✖ adds (1ms)\n'
const GREEN = '✔ zero (1ms)\n✔ adds (1ms)\n'

const FILES: ScriptedFiles = {
  'package.json': JSON.stringify({ scripts: { test: 'node --test' } }),
  'src/sum.js': 'export const sum = (a, b) => a - b\n',
  'test/sum.test.js': 'the test\n',
}

const TASK: Task = {
  key: taskKey({ provider: 'local', repository: 'demo', number: '7' }), provider: 'local', repository: 'demo', number: '7', title: 'sum() subtracts', description: 'It should add.',
  labels: ['bug'], priority: 4, type: 'bug_fix', requiredRole: undefined, requiredExpertise: [], dependsOn: [], check: CHECK, state: 'open', url: undefined,
  createdAtMs: 0, contentHash: 'h',
}

interface Scene {
  readonly programs: readonly ScriptedProgram[]
  readonly rounds?: readonly ScriptedRound[] | ((workspaces: ScriptedWorkspaces) => readonly ScriptedRound[])
  readonly files?: ScriptedFiles
  readonly moved?: ScriptedFiles
  readonly rebases?: readonly ScriptedRebase[]
  readonly task?: Partial<Task>
  readonly needs?: AgentRunner['needs']
  readonly parts?: Partial<ExecutionParts>
  readonly signal?: AbortSignal
}

const stage = (scene: Scene) => {
  const sandbox = new ScriptedSandbox(scene.programs)
  const workspaces = new ScriptedWorkspaces({ [BASE]: scene.files ?? FILES, [MOVED]: scene.moved ?? scene.files ?? FILES }, { rebases: scene.rebases ?? [] })
  const rounds = typeof scene.rounds === 'function' ? scene.rounds(workspaces) : scene.rounds ?? []
  const runner = new ScriptedRunner(rounds, scene.needs === undefined ? {} : { needs: scene.needs })
  const clock = new ManualClock()
  const gates = new Gates()
  const execution = new Execution({
    sandbox, workspaces, sources: workspaces.sources, egress: gates, clock, logger: SILENT,
    setupCache: { lookup: () => Promise.resolve(undefined), store: (key, path, folder) => Promise.resolve(`/cache/${key.slice(0, 4)}${path}/${folder}`) },
    parseProject: () => ok({}), inspect: (text) => Promise.resolve(text.includes('AKIA') ? [{ rule: 'aws-key' }] : []),
    redact: (text) => Promise.resolve(text.replaceAll('hunter2', '[REDACTED]')),
    options: defaultExecutionOptions, ...scene.parts,
  })
  const progress: string[] = []
  const request: AttemptRequest = {
    task: { ...TASK, ...scene.task }, base: BASE, claim: { epoch: epoch(2), oid: oid('a'.repeat(40)), node: '12D3KooWNode' as NodeId, logAddress: 'log:abc/4' },
    role: 'backend developer', agentId: 'agent-1', runner, signal: scene.signal ?? new AbortController().signal, onProgress: (text) => { progress.push(text) },
  }
  const finish = (): void => {
    sandbox.finish()
    workspaces.finish()
    runner.finish()
    expect(gates.open).toBe(0)
    expect(clock.armed).toBe(0)
  }
  return { execution, request, sandbox, workspaces, runner, clock, gates, progress, finish }
}

const fixes = (workspaces: ScriptedWorkspaces): ScriptedRound => ({ does: () => { workspaces.write('src/sum.js', 'export const sum = (a, b) => a + b\n') } })
const baseRed: readonly ScriptedProgram[] = [{ command: CHECK, folder: '/checkout/1', stdout: RED, code: 1 }, { command: 'npm test', folder: '/checkout/2', stdout: RED, code: 1 }]
const nowGreen: readonly ScriptedProgram[] = [{ command: CHECK, folder: '/checkout/3', stdout: GREEN }, { command: 'npm test', folder: '/checkout/4', stdout: GREEN }]

describe('Execution.attempt', () => {
  it('proves a change that turns the check of the task green, on fresh checkouts without a network', async () => {
    const scene = stage({ programs: [...baseRed, ...nowGreen], rounds: (workspaces) => [fixes(workspaces)] })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'proved', base: BASE, flags: [], changes: [{ path: 'src/sum.js', kind: 'modified' }] })
    if (outcome.kind !== 'verified') return
    expect(outcome.metadata).toMatchObject({ execution_type: 'ai_powered', commands_executed: 1, files_generated: ['src/sum.js'], cost: null, tokens: null })
    expect(outcome.metadata.resource_usage).toMatchObject({ wall_ms: 400, cpu_ms: 200, processes_peak: 2, source: 'exact' })
    expect(outcome.checks.map(({ green, greenAtBase, testsPassed }) => ({ green, greenAtBase, testsPassed }))).toEqual([{ green: true, greenAtBase: false, testsPassed: 2 }, { green: true, greenAtBase: false, testsPassed: 2 }])
    expect(scene.sandbox.started.every((spec) => spec.network.kind === 'none')).toBe(true)
    expect(scene.workspaces.checkouts).toEqual([BASE, BASE, outcome.commit, outcome.commit])
    expect(scene.workspaces.messages[0]).toBe(`sum() subtracts (7)\n\nChorus-Task: local:demo#7\nChorus-Claim: 2 ${'a'.repeat(40)}\nChorus-Node: 12D3KooWNode\nChorus-Log: log:abc/4\n`)
    expect(scene.runner.requests[0]?.environment).toEqual({ TASK_ID: 'local:demo#7', REPOSITORY: 'demo', AGENT_ID: 'agent-1', AGENT_ROLE: 'backend developer' })
    await outcome.dispose()
    await outcome.dispose()
    scene.finish()
  })

  it('does not take the word of an agent that lies: red goes back with its output, then fails', async () => {
    const red = (from: number): ScriptedProgram[] => [{ command: CHECK, folder: `/checkout/${from}`, stdout: RED, code: 1 }, { command: 'npm test', folder: `/checkout/${from + 1}`, stdout: RED, code: 1 }]
    const scene = stage({
      programs: [...baseRed, ...red(3), ...red(5), ...red(7)],
      rounds: (workspaces) => [1, 2, 3].map((round) => ({ does: () => { workspaces.write('src/sum.js', `wrong ${round}`) } })),
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining('must be green and is red') as string })
    expect(scene.runner.requests.map(({ feedback }) => feedback?.includes('✖ adds'))).toEqual([undefined, true, true])
    scene.finish()
  })

  it('tells the agent no secret that the task or a check lets slip', async () => {
    const scene = stage({
      task: { description: 'log in with hunter2' },
      programs: [...baseRed, { command: CHECK, stdout: `${RED}\npassword hunter2`, code: 1 }, { command: 'npm test', stdout: RED, code: 1 }],
      rounds: (workspaces) => [1, 2].map(() => ({ does: () => { workspaces.write('src/sum.js', 'wrong') } })),
    })
    await scene.execution.attempt(scene.request)
    expect(scene.runner.requests).toHaveLength(2)
    expect(JSON.stringify(scene.runner.requests)).not.toContain('hunter2')
    expect(scene.runner.requests[1]?.feedback).toContain('[REDACTED]')
  })

  it('fails at once when the agent comes back with a change that was refused before', async () => {
    const scene = stage({
      programs: [...baseRed, { command: CHECK, stdout: RED, code: 1 }, { command: 'npm test', stdout: RED, code: 1 }],
      rounds: (workspaces) => [{ does: () => { workspaces.write('src/sum.js', 'wrong') } }, {}],
    })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'failed' })
    scene.finish()
  })

  it('refuses a green exit code when a test of before is not run any more', async () => {
    const gone: ScriptedProgram[] = [{ command: CHECK, stdout: '✔ test/sum.test.js (1ms)\n' }, { command: 'npm test', stdout: '✔ test/sum.test.js (1ms)\n' }]
    const scene = stage({ programs: [...baseRed, ...gone], rounds: (workspaces) => [{ does: () => { workspaces.write('src/sum.js', 'process.exit(0)') } }, {}] })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'failed', reason: expect.stringContaining('is not run any more') as string })
    scene.finish()
  })

  it('runs a check that was cut short at base once more, on a fresh checkout, and proves by what it says then', async () => {
    const later = (program: ScriptedProgram, checkout: number): ScriptedProgram => ({ ...program, folder: `/checkout/${checkout}` })
    const [named, others] = baseRed as [ScriptedProgram, ScriptedProgram]
    const scene = stage({
      programs: [{ ...named, outcome: 'out-of-memory' }, others, later(named, 3), ...nowGreen.map((program, index) => later(program, index + 4))],
      rounds: (workspaces) => [fixes(workspaces)],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'proved' })
    expect(scene.workspaces.checkouts.slice(0, 3)).toEqual([BASE, BASE, BASE])
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it.each(['timeout', 'out-of-memory', 'disk-full', 'killed'] as const)('starts no agent where the check of the task ends as %s at base, twice: that is no red', async (outcome) => {
    const scene = stage({ programs: [{ command: CHECK, outcome }, { command: 'npm test', stdout: GREEN }, { command: CHECK, outcome }] })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('did not end by itself before any change') as string })
    expect(scene.runner.requests).toEqual([])
    scene.finish()
  })

  it('hides no regression behind a check of the project that was cut short at base', async () => {
    const red: ScriptedProgram[] = [{ command: CHECK, stdout: GREEN }, { command: 'npm test', code: 1 }]
    const scene = stage({
      programs: [{ command: CHECK, stdout: RED, code: 1 }, { command: 'npm test', outcome: 'timeout' }, { command: 'npm test' }, ...red],
      rounds: (workspaces) => [fixes(workspaces), {}],
    })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'failed', reason: expect.stringContaining('"npm test" was green before the change and is red now') as string })
    scene.finish()
  })

  it('tells the agent that its change made a check hang', async () => {
    const scene = stage({
      programs: [...baseRed, { command: CHECK, stdout: 'half a report', outcome: 'timeout' }, { command: 'npm test', stdout: RED, code: 1 }],
      rounds: (workspaces) => [fixes(workspaces), {}],
    })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'failed', reason: expect.stringContaining('must end by itself and did not: out of time after') as string })
    expect(scene.runner.requests[1]?.feedback).toMatch(/must end by itself and did not: out of time after[^]*half a report/)
    scene.finish()
  })

  it('parks a task whose check is already green at base, before any agent starts', async () => {
    const scene = stage({ programs: [{ command: CHECK, stdout: GREEN }, { command: 'npm test', stdout: GREEN }] })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'parked', reason: expect.stringContaining('already green at base') as string, commit: undefined })
    scene.finish()
  })

  it('parks a change that edits an existing test, and keeps the patch', async () => {
    const scene = stage({ programs: baseRed, rounds: (workspaces) => [{ does: () => { workspaces.write('test/sum.test.js', 'nothing') } }] })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'parked', reason: expect.stringContaining('edits an existing test') as string, metadata: { artifacts: { commit: expect.stringMatching(/^c/) as string } } })
    scene.finish()
  })

  it('parks a change that holds a secret, and names only the rule', async () => {
    const scene = stage({ programs: baseRed, rounds: (workspaces) => [{ does: () => { workspaces.write('src/key.js', 'const key = "AKIA123"') } }] })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'parked', reason: 'the change holds what looks like a secret (aws-key)' })
    scene.finish()
  })

  it('calls a change reproduced when a test that it adds is red without it', async () => {
    const green = { command: 'npm test', stdout: '✔ zero (1ms)\n' }
    const scene = stage({
      task: { check: undefined, type: 'feature_development' },
      programs: [green, { command: 'npm test', stdout: '✔ zero (1ms)\n✔ adds (1ms)\n' }, { command: 'npm test', folder: '/checkout/3', stdout: RED, code: 1 }],
      rounds: (workspaces) => [{ does: () => { workspaces.write('src/sum.js', 'better'); workspaces.write('test/add.test.js', 'adds') } }],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'reproduced' })
    expect(scene.workspaces.checkouts[2]).toMatch(new RegExp(`^${BASE}\\+test/add.test.js$`))
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('calls a change unproven when no check speaks of it', async () => {
    const green = { command: 'npm test', stdout: '✔ zero (1ms)\n' }
    const scene = stage({ task: { check: undefined, type: 'documentation' }, programs: [green, green], rounds: (workspaces) => [{ does: () => { workspaces.write('README.md', 'words') } }] })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'unproven' })
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('opens the model gate only for an engine that needs it, counts its tokens and closes it', async () => {
    const scene = stage({
      needs: { mounts: [{ source: '/opt/engine', target: '/opt/agent', writable: false }], modelPort: 8080 },
      programs: [...baseRed, { command: 'engine', where: (spec) => spec.network.kind === 'socket' && spec.network.port === 8080 && spec.mounts.length === 1 }, ...nowGreen],
      rounds: (workspaces) => [{
        does: async (bench) => {
          await (await bench.start(['engine'])).ended
          workspaces.write('src/sum.js', 'a + b')
        },
      }],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', metadata: { tokens: { input: 11, output: 5 } } })
    expect(scene.gates.labels).toEqual(['model:7-e2-1'])
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('is unavailable, not failed, when the model answers nothing or no model is configured', async () => {
    const silent = stage({ needs: { mounts: [], modelPort: 8080 }, programs: baseRed, rounds: [{ report: { outcome: 'failed', detail: 'connection refused' } }] })
    silent.gates.tokens = { inputTokens: 0, outputTokens: 0 }
    expect(await silent.execution.attempt(silent.request)).toEqual({ kind: 'unavailable', reason: 'the model did not answer: connection refused' })
    silent.finish()
    const without = stage({ needs: { mounts: [], modelPort: 8080 }, programs: baseRed })
    without.gates.refuses = new ChorusError('ENGINE_UNAVAILABLE', 'no model is configured')
    expect(await without.execution.attempt(without.request)).toEqual({ kind: 'unavailable', reason: 'no model is configured' })
    without.finish()
  })

  it('is unavailable without a sandbox', async () => {
    const scene = stage({ programs: [{ command: CHECK, refuses: new ChorusError('SANDBOX_UNAVAILABLE', 'no user namespaces') }] })
    expect(await scene.execution.attempt(scene.request)).toEqual({ kind: 'unavailable', reason: 'no user namespaces' })
    scene.finish()
  })

  it('ends an agent that hangs at its own deadline, and judges what it left', async () => {
    const scene = stage({
      programs: [...baseRed, { command: 'sleep', hangs: true }, ...nowGreen],
      rounds: (workspaces) => [{
        hangs: true,
        does: async (bench) => {
          await bench.start(['sleep'])
          workspaces.write('src/sum.js', 'a + b')
        },
      }],
    })
    const attempt = scene.execution.attempt(scene.request)
    await waitFor(() => scene.sandbox.running === 1)
    await scene.clock.advance(600_000)
    await waitFor(() => scene.sandbox.running === 0 && scene.clock.armed === 1)
    await scene.clock.advance(10_000)
    const outcome = await attempt
    expect(outcome).toMatchObject({ kind: 'verified', evidence: 'proved' })
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('is cancelled with every program gone', async () => {
    const controller = new AbortController()
    const scene = stage({
      signal: controller.signal,
      programs: [...baseRed, { command: 'work', hangs: true }],
      rounds: [{
        does: async (bench) => {
          const process = await bench.start(['work'])
          controller.abort(new Error('stop'))
          await process.ended
        },
      }],
    })
    expect(await scene.execution.attempt(scene.request)).toEqual({ kind: 'cancelled' })
    scene.finish()
  })

  it('is cancelled in the middle of a check, too', async () => {
    const controller = new AbortController()
    const scene = stage({ signal: controller.signal, programs: [{ command: CHECK, hangs: true }] })
    const attempt = scene.execution.attempt(scene.request)
    await waitFor(() => scene.sandbox.running === 1)
    controller.abort(new Error('stop'))
    expect(await attempt).toEqual({ kind: 'cancelled' })
    scene.finish()
  })

  it('lends the agent the check of the task on its clone, with a limit that it can only shorten', async () => {
    let green: boolean | undefined
    const scene = stage({
      programs: [...baseRed, { command: CHECK, folder: '/clone', code: 1, where: (spec) => spec.limits.timeoutMs === 2_000 }, ...nowGreen],
      rounds: (workspaces) => [{
        does: async (bench) => {
          green = (await bench.check({ timeoutMs: 2_000 })).green
          workspaces.write('src/sum.js', 'a + b')
        },
      }],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(green).toBe(false)
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('parks when chorus.yaml at the base commit is broken', async () => {
    const scene = stage({ files: { ...FILES, 'chorus.yaml': 'checks: 5' }, programs: [], parts: { parseProject: () => fail('checks is a list') } })
    expect(await scene.execution.attempt(scene.request)).toMatchObject({ kind: 'parked', reason: expect.stringContaining('checks is a list') as string })
    scene.finish()
  })
})

describe('VerifiedAttempt.again', () => {
  const proved = async (scene: ReturnType<typeof stage>) => {
    const outcome = await scene.execution.attempt(scene.request)
    if (outcome.kind !== 'verified') throw new Error(`verified expected, got ${outcome.kind}`)
    return outcome
  }

  it('judges the change in full on the moved base', async () => {
    const scene = stage({
      programs: [...baseRed, ...nowGreen, { command: CHECK, stdout: RED, code: 1 }, { command: 'npm test', stdout: RED, code: 1 }, { command: CHECK, stdout: GREEN }, { command: 'npm test', stdout: GREEN }],
      rounds: (workspaces) => [fixes(workspaces)], rebases: [{ onto: MOVED }],
    })
    const first = await proved(scene)
    const again = await first.again(MOVED)
    expect(again).toMatchObject({ kind: 'verified', base: MOVED, evidence: 'proved' })
    expect(scene.workspaces.checkouts.slice(4, 6)).toEqual([MOVED, MOVED])
    await first.dispose()
    scene.finish()
  })

  it('names the paths of a conflict', async () => {
    const scene = stage({ programs: [...baseRed, ...nowGreen], rounds: (workspaces) => [fixes(workspaces)], rebases: [{ onto: MOVED, conflicts: ['src/sum.js'] }] })
    const first = await proved(scene)
    expect(await first.again(MOVED)).toMatchObject({ kind: 'conflict', reason: expect.stringContaining('src/sum.js') as string })
    await first.dispose()
    scene.finish()
  })

  it('is a conflict, without an agent, when the replayed change is red there', async () => {
    const scene = stage({
      programs: [...baseRed, ...nowGreen, { command: CHECK, stdout: RED, code: 1 }, { command: 'npm test', stdout: RED, code: 1 }, { command: CHECK, stdout: RED, code: 1 }, { command: 'npm test', stdout: RED, code: 1 }],
      rounds: (workspaces) => [fixes(workspaces)], rebases: [{ onto: MOVED }],
    })
    const first = await proved(scene)
    expect(await first.again(MOVED)).toMatchObject({ kind: 'conflict', reason: expect.stringContaining('must be green') as string })
    await first.dispose()
    scene.finish()
  })
})

describe('Set-up of dependencies', () => {
  const LOCKED: ScriptedFiles = { ...FILES, 'package-lock.json': JSON.stringify({ packages: { '': {}, 'node_modules/dep': {} } }) }
  const npm: ScriptedProgram = { command: 'npm ci', folder: '/checkout/1', where: (spec) => spec.network.kind === 'socket' && spec.environment['npm_config_registry'] === 'http://127.0.0.1:3128/' }
  const mounted = (spec: { readonly mounts: readonly { readonly target: string; readonly writable: boolean }[] }): boolean => spec.mounts.some((mount) => mount.target === '/workspace/node_modules' && !mount.writable)

  it('runs once with the registry alone, and is bound read-only for checks and agent', async () => {
    const scene = stage({
      files: LOCKED, task: { check: undefined, type: 'documentation' },
      programs: [npm, { command: 'npm test', where: mounted }, { command: 'npm test', where: mounted }],
      rounds: (workspaces) => [{ does: () => { workspaces.write('README.md', 'words') } }],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified' })
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it('is not run when the result is kept', async () => {
    const scene = stage({
      files: LOCKED, task: { check: undefined, type: 'documentation' }, programs: [{ command: 'npm test', where: mounted }, { command: 'npm test', where: mounted }],
      rounds: (workspaces) => [{ does: () => { workspaces.write('README.md', 'words') } }],
      parts: { setupCache: { lookup: () => Promise.resolve('/cache/kept/node_modules'), store: () => Promise.reject(new Error('nothing to store')) } },
    })
    const outcome = await scene.execution.attempt(scene.request)
    if (outcome.kind === 'verified') await outcome.dispose()
    expect(outcome.kind).toBe('verified')
    scene.finish()
  })

  it('runs again for a changed lockfile, whose result is kept apart, and flags it', async () => {
    const scene = stage({
      files: LOCKED, task: { check: undefined, type: 'documentation' },
      programs: [npm, { command: 'npm test' }, { command: 'npm ci' }, { command: 'npm test', where: mounted }],
      rounds: (workspaces) => [{ does: () => { workspaces.write('package-lock.json', JSON.stringify({ packages: { 'node_modules/other': {} } })) } }],
    })
    const outcome = await scene.execution.attempt(scene.request)
    expect(outcome).toMatchObject({ kind: 'verified', flags: ['lockfile-changed'] })
    if (outcome.kind === 'verified') await outcome.dispose()
    scene.finish()
  })

  it.each([
    ['the registry does not answer', { stderr: 'npm error code ENOTFOUND', code: 1 }, 'unavailable'],
    ['npm is missing', { stderr: 'sh: npm: not found', code: 127 }, 'unavailable'],
    ['time is over', { outcome: 'timeout' }, 'unavailable'],
    ['the lockfile does not fit', { stderr: 'npm error code EUSAGE', code: 1 }, 'failed'],
  ] as const)('tells apart: %s', async (_name, program, kind) => {
    const scene = stage({ files: LOCKED, programs: [{ ...npm, ...program }] })
    expect((await scene.execution.attempt(scene.request)).kind).toBe(kind)
    scene.finish()
  })
})

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }

class Gates implements Egress {
  open = 0
  tokens = { inputTokens: 11, outputTokens: 5 }
  refuses: Error | undefined
  readonly labels: string[] = []
  openRegistry({ label }: { readonly label: string }) { return this.#gate(`registry:${label}`) }
  openModel({ label }: { readonly label: string }) { return this.refuses === undefined ? this.#gate(`model:${label}`) : Promise.reject(this.refuses) }
  registryEnvironment(port: number) { return { npm_config_registry: `http://127.0.0.1:${port}/` } }
  #gate(label: string) {
    this.labels.push(label)
    this.open += 1
    return Promise.resolve({
      socketPath: `/gates/${this.labels.length}`,
      counts: () => ({ allowed: 1, refused: 0, ...this.tokens }),
      close: () => {
        this.open -= 1
        return Promise.resolve()
      },
    })
  }
}

/** Lets pending work go on until the condition holds. */
const waitFor = async (condition: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (condition()) return
    await new Promise<void>((resolve) => { setImmediate(resolve) })
  }
  throw new Error('the condition did not come to hold')
}
