import { describe, expect, it } from 'vitest'
import { AssertionError, oid, ok } from '../../core/mod.ts'
import type { FileChange } from '../../ports/mod.ts'
import type { CommandRun } from './checks.ts'
import { newAttempt, step } from './machine.ts'
import type { AttemptInput, AttemptPlan, AttemptState } from './attempt-state.ts'
import { detectProject } from './project.ts'

const PLAN: AttemptPlan = { base: oid('b'.repeat(40)), check: 'c', taskType: 'bug_fix', roundsMax: 3, agentTimeoutMs: 60_000, changesMax: 10, feedbackBytesMax: 8_000 }
const COMMIT = oid('c'.repeat(40))
const usage = { wallMs: 1, cpuMs: 1, memoryBytesPeak: 1, processesPeak: 1, source: 'exact' } as const
const run = (command: string, code: number): CommandRun => ({ command, green: code === 0, end: { outcome: 'exited', code, outputBytesDropped: 0, usage }, output: 'out', outputHash: 'h', tests: new Map(), complete: true })
const cut = (command: string, outcome: 'timeout' | 'out-of-memory' | 'disk-full' | 'killed' = 'timeout'): CommandRun => ({ ...run(command, 1), end: { outcome, code: null, outputBytesDropped: 0, usage: { ...usage, wallMs: 300_000 } } })
const edit: FileChange = { path: 'src/a.js', kind: 'modified', modeBefore: '100644', modeAfter: '100644' }

const project: AttemptInput = { kind: 'project-read', project: ok(detectProject(new Map([['package.json', '{"scripts":{"test":"x"}}']]), {}, false)) }
const red: AttemptInput = { kind: 'base-ran', runs: [run('c', 1), run('npm test', 0)] }
const agent: AttemptInput = { kind: 'agent-ended', agent: { outcome: 'finished', detail: '', silent: false } }
const late: AttemptInput = { kind: 'agent-ended', agent: { outcome: 'timeout', detail: '', silent: false } }
const snapshot = (tree: string, changes: readonly FileChange[] = [edit]): AttemptInput => ({ kind: 'snapshot-taken', snapshot: { tree: oid(tree.repeat(40)), changes } })
const inspected: AttemptInput = { kind: 'inspected', inspection: { commit: COMMIT, secretRules: [], diffCut: false, hidesContent: false, contents: new Map(), twins: new Map(), setup: undefined } }
const checked = (check: number, rest = 0): AttemptInput => ({ kind: 'checked', runs: [run('c', check), run('npm test', rest)] })

/** Phase and effect after each input; times in milliseconds after the start. */
const transcript = (inputs: readonly (AttemptInput | readonly [AttemptInput, number])[], plan: Partial<AttemptPlan> = {}): { readonly lines: readonly string[]; readonly state: AttemptState } => {
  let state = newAttempt({ ...PLAN, ...plan })
  const lines = inputs.map((entry) => {
    const [input, atMs] = 'kind' in entry ? [entry, 0] as const : entry
    const next = step(state, input, atMs)
    state = next.state
    return `${input.kind} -> ${state.phase}${next.effects.map((effect) => `: ${effect.kind}${effect.kind === 'run-agent' ? ` ${effect.round} ${effect.timeoutMs}` : effect.kind === 'run-base' ? ` ${effect.commands.join(', ')}` : ''}`).join('')}`
  })
  return { lines, state }
}

describe('step()', () => {
  it('goes through the phases of a fix that holds', () => {
    const { lines, state } = transcript([{ kind: 'started' }, project, red, agent, snapshot('1'), inspected, checked(0)])
    expect(lines).toEqual([
      'started -> reading-project: read-project', 'project-read -> base-run: run-base npm test, c', 'base-ran -> agent-round: run-agent 1 60000', 'agent-ended -> snapshot: take-snapshot',
      'snapshot-taken -> judge-changes: inspect', 'inspected -> check: run-checks', 'checked -> ended',
    ])
    expect(state.end).toEqual({ kind: 'verified', evidence: 'proved' })
  })

  it('does not call a check proved that only the change\'s own tests make green', () => {
    const added: FileChange = { path: 'test/new.test.js', kind: 'added', modeBefore: '000000', modeAfter: '100644' }
    const own = (code: number): AttemptInput => ({ kind: 'without-added-ran', runs: [run('c', code)] })
    const before = [{ kind: 'started' }, project, red, agent, snapshot('1', [edit, added]), inspected, checked(0)] as const
    const without = transcript([...before, own(1)])
    expect(without.lines.slice(-2)).toEqual(['checked -> own-tests: run-without-added', 'without-added-ran -> evidence: run-overlay'])
    expect(without.state.flags).toContain('check-added-by-change')
    const overlay: AttemptInput = { kind: 'overlay-ran', runs: [run('c', 0), run('npm test', 0)] }
    expect(transcript([...before, own(1), overlay]).state.end).toEqual({ kind: 'verified', evidence: 'unproven' })
    expect(transcript([...before, own(0)]).state.end).toEqual({ kind: 'verified', evidence: 'proved' })
  })

  it('runs a check once more at base that did not end by itself there, on nothing that ran before, and goes on by what it then says', () => {
    const before = [{ kind: 'started' }, project] as const
    const named = transcript([...before, { kind: 'base-ran', runs: [cut('c'), run('npm test', 0)] }, { kind: 'base-ran', runs: [run('c', 1)] }, agent, snapshot('1'), inspected, checked(0)])
    expect(named.lines.slice(2, 4)).toEqual(['base-ran -> base-run: run-base c', 'base-ran -> agent-round: run-agent 1 60000'])
    expect(named.state).toMatchObject({ end: { kind: 'verified', evidence: 'proved' }, base: [{ command: 'c', end: { outcome: 'exited' } }, { command: 'npm test', green: true }] })
    const green = transcript([...before, { kind: 'base-ran', runs: [cut('c'), run('npm test', 0)] }, { kind: 'base-ran', runs: [run('c', 0)] }])
    expect(green.state.end).toMatchObject({ kind: 'parked', reason: expect.stringContaining('already green at base') as string })
    const broken = transcript([...before, { kind: 'base-ran', runs: [run('c', 1), cut('npm test')] }, { kind: 'base-ran', runs: [run('npm test', 0)] }, agent, snapshot('1'), inspected, checked(0, 1), agent, snapshot('1')])
    expect(broken.state.end).toMatchObject({ kind: 'failed', reason: expect.stringContaining('was green before the change') as string })
  })

  it('has what the cut short check may need run before it once more', () => {
    const two: AttemptInput = { kind: 'project-read', project: ok(detectProject(new Map(), { checks: ['make', 'make test'] }, false)) }
    expect(transcript([{ kind: 'started' }, two, { kind: 'base-ran', runs: [run('c', 1), run('make', 0), cut('make test')] }]).lines[2]).toBe('base-ran -> base-run: run-base make, make test')
  })

  it.each([['timeout', 'out of time'], ['out-of-memory', 'out of memory'], ['disk-full', 'over the disk limit'], ['killed', 'killed']] as const)('takes %s twice at base for no evidence: no agent is started, and nothing counts as an attempt', (outcome, words) => {
    for (const [runs, again] of [[[cut('c', outcome), run('npm test', 0)], [cut('c', outcome)]], [[run('c', 1), cut('npm test', outcome)], [cut('npm test', outcome)]]] as const) {
      for (const replayed of [undefined, { commit: COMMIT, changes: [edit] }]) {
        const { lines, state } = transcript([{ kind: 'started' }, project, { kind: 'base-ran', runs }, { kind: 'base-ran', runs: again }], { replayed })
        expect(lines.at(-1)).toBe('base-ran -> ended')
        expect(state.end).toMatchObject({ kind: 'unavailable', reason: expect.stringMatching(new RegExp(`"${again[0].command}" did not end by itself.*${words}`)) as string })
      }
    }
  })

  it('tells the agent what ended its check, and how long that took', () => {
    const { state } = transcript([{ kind: 'started' }, project, red, agent, snapshot('1'), inspected, { kind: 'checked', runs: [cut('c'), cut('npm test', 'out-of-memory')] }])
    const { effects } = step(transcript([{ kind: 'started' }, project, red, agent, snapshot('1'), inspected]).state, { kind: 'checked', runs: [cut('c'), cut('npm test', 'out-of-memory')] }, 0)
    expect(state.lastProblem).toContain('"c" must end by itself and did not: out of time after 300 s')
    expect(effects[0]).toMatchObject({ kind: 'run-agent', feedback: expect.stringContaining('"npm test" must end by itself and did not: out of memory after 300 s') as string })
  })

  it('blames nobody when a check was killed from outside', () => {
    expect(transcript([{ kind: 'started' }, project, red, agent, snapshot('1'), inspected, { kind: 'checked', runs: [cut('c', 'killed'), run('npm test', 0)] }]).state.end)
      .toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('"c"') as string })
  })

  it('shares one time budget among the rounds, and starts none without time', () => {
    const { lines, state } = transcript([{ kind: 'started' }, project, red, [agent, 40_000], [snapshot('1'), 41_000], inspected, [checked(1), 50_000], [agent, 67_000], snapshot('2'), inspected, [checked(1), 70_000]])
    expect(lines.filter((line) => line.includes('run-agent'))).toEqual(['base-ran -> agent-round: run-agent 1 60000', 'checked -> agent-round: run-agent 2 20000'])
    expect(state.end).toMatchObject({ kind: 'failed' })
  })

  it('judges what an agent left that ran out of time, without another round', () => {
    expect(transcript([{ kind: 'started' }, project, red, late, snapshot('1'), inspected, checked(0)]).state.end).toEqual({ kind: 'verified', evidence: 'proved' })
    expect(transcript([{ kind: 'started' }, project, red, late, snapshot('1'), inspected, checked(1)]).state.end).toMatchObject({ kind: 'failed', reason: expect.stringContaining('ran out of time') as string })
  })

  it('fails a change of too many files', () => {
    const many = Array.from({ length: 11 }, (_, index) => ({ ...edit, path: `src/${index}.js` }))
    expect(transcript([{ kind: 'started' }, project, red, agent, snapshot('1', many)]).state.end).toMatchObject({ kind: 'failed', reason: expect.stringContaining('11 files') as string })
  })

  it('goes from the base run straight to the judgement in a recheck, and never to an agent', () => {
    const { lines, state } = transcript([{ kind: 'started' }, project, red, inspected, checked(0, 1)], { replayed: { commit: COMMIT, changes: [edit] } })
    expect(lines[2]).toBe('base-ran -> judge-changes: inspect')
    expect(state.end).toMatchObject({ kind: 'failed' })
  })

  it('parks a check that is no command', () => {
    for (const check of ['', ' ', 'a\0b', 'x'.repeat(2_001)]) expect(transcript([{ kind: 'started' }, project], { check }).state.end).toMatchObject({ kind: 'parked' })
  })

  it('ends from every phase when cancelled, and stays ended', () => {
    const inputs: readonly AttemptInput[] = [{ kind: 'started' }, project, red, agent, snapshot('1'), inspected]
    for (let length = 0; length <= inputs.length; length += 1) {
      const { state } = transcript([...inputs.slice(0, length), { kind: 'cancelled' }])
      expect(state.end).toEqual({ kind: 'cancelled' })
      expect(step(state, agent, 0)).toEqual({ state, effects: [] })
    }
  })

  it('throws on an input that it does not wait for', () => {
    expect(() => transcript([{ kind: 'started' }, agent])).toThrow(AssertionError)
  })
})
