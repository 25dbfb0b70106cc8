import { describe, expect, it } from 'vitest'
import { oid } from '../core/mod.ts'
import type { NodeId, Oid } from '../core/mod.ts'
import type { TaskResult } from '../ports/mod.ts'
import { SimBoard } from './board.ts'
import { Chance } from './chance.ts'
import type { Happening } from './events.ts'
import { MachineClock, SimProcess } from './process.ts'
import { CALM_PROVIDER, ROUGH_PROVIDER, SimProvider } from './provider.ts'
import type { ProviderProfile } from './provider.ts'
import { Scheduler } from './scheduler.ts'

const ONE = oid('1'.repeat(40))
const TWO = oid('2'.repeat(40))

const stage = (given: Partial<ProviderProfile> = {}) => {
  const scheduler = new Scheduler()
  const board = new SimBoard({ repository: 'demo', nowMs: () => scheduler.nowMs })
  const happenings: Happening[] = []
  let profile: ProviderProfile = { ...CALM_PROVIDER, ...given }
  const open = (name: string) => {
    const process = new SimProcess(name, scheduler, new MachineClock(scheduler, { rate: 1, wallMs: 0 }))
    const provider = new SimProvider({ process, chance: new Chance(name), node: name as NodeId, board, nowMs: () => scheduler.nowMs, profile: () => profile, emit: (happening) => { happenings.push(happening) } })
    return { process, provider }
  }
  /** What came of it within the time, if anything did. */
  const within = async <T>(ms: number, work: Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown } | undefined> => {
    let end: { readonly value?: T; readonly error?: unknown } | undefined
    work.then((value) => { end = { value } }, (error: unknown) => { end = { error } })
    await scheduler.run(scheduler.nowMs + ms, () => end !== undefined)
    return end
  }
  return { scheduler, board, happenings, open, within, calm: () => { profile = CALM_PROVIDER } }
}

const resultOf = (commit: Oid | ''): TaskResult => ({
  success: true, message: '',
  metadata: {
    execution_type: 'command', duration: 1, commands_executed: 1, files_generated: [], resource_usage: { wall_ms: 1, cpu_ms: 1, memory_bytes_peak: 1, processes_peak: 1, source: 'exact' },
    artifacts: { commit, branch: 'main', evidence: 'proved' }, tokens: null, cost: null,
  },
})

describe('the board, as a node sees it', () => {
  it('shows the tasks as they are when nothing is wrong', async () => {
    const { board, open, within } = stage()
    board.add('1', { priority: 7, check: 'check 1' })
    const { provider } = open('n1')
    expect((await within(60_000, provider.list()))?.value?.tasks).toMatchObject([{ key: 'local:demo#1', priority: 7, state: 'open' }])
    const before = (await within(60_000, provider.get('1')))?.value?.contentHash
    board.edit('1', { description: 'Something else.' })
    expect((await within(60_000, provider.get('1')))?.value?.contentHash).not.toBe(before)
    board.close('1')
    expect((await within(60_000, provider.get('1')))?.value?.state).toBe('closed')
    board.withdraw('1')
    expect(await within(60_000, provider.get('1'))).toEqual({ value: undefined })
    expect((await within(60_000, provider.list()))?.value?.tasks).toEqual([])
  })

  it('is behind by no more than its bound', async () => {
    const { scheduler, board, open, within } = stage({ staleShare: 1, staleMsMax: 10_000 })
    board.add('1')
    await scheduler.run(60_000)
    board.close('1')
    const { provider } = open('n1')
    const seen = new Set<string>()
    while (scheduler.nowMs < 90_000) {
      const begunMs = scheduler.nowMs
      const state = (await within(60_000, provider.get('1')))?.value?.state ?? 'gone'
      if (begunMs > 70_000) expect(state).toBe('closed')
      seen.add(state)
    }
    expect([...seen].sort()).toEqual(['closed', 'open'])
  })

  it('completes once for each commit that is named, whoever names it', async () => {
    const { board, happenings, open, within } = stage()
    const task = board.add('1')
    const [one, other] = [open('n1').provider, open('n2').provider]
    for (const [provider, commit] of [[one, ONE], [other, ONE], [other, ''], [other, TWO]] as const) await within(60_000, provider.complete(task, resultOf(commit)))
    expect(happenings.map((one) => one.kind === 'provider' ? one.effect : '')).toEqual(['completed', 'already-complete', 'already-complete', 'completed'])
    expect(board.completions.map(({ commit, node }) => [commit, node])).toEqual([[ONE, 'n1'], [TWO, 'n2']])
    expect(board.task('1')?.state).toBe('closed')
  })

  it('fails without an effect, and with one that nobody hears of', async () => {
    const failing = stage({ failShare: 1 })
    const task = failing.board.add('1')
    expect((await failing.within(60_000, failing.open('n1').provider.complete(task, resultOf(ONE))))?.error).toMatchObject({ code: 'PROVIDER_FAILED', retryable: true })
    expect([failing.board.isCompleted('1'), failing.happenings]).toMatchObject([false, [{ outcome: 'failed' }]])
    const losing = stage({ lostShare: 1 })
    losing.board.add('1')
    expect((await losing.within(60_000, losing.open('n1').provider.complete(task, resultOf(ONE))))?.error).toMatchObject({ code: 'PROVIDER_FAILED' })
    expect([losing.board.isCompleted('1'), losing.happenings]).toMatchObject([true, [{ outcome: 'lost', effect: 'completed', commit: ONE }]])
  })

  it('limits one node until the time that it names, and nobody once the trouble is over', async () => {
    const { scheduler, board, open, within, calm } = stage({ rateLimitShare: 1, retryAfterMs: { p50: 50_000, p99: 60_000 } })
    board.add('1')
    const { provider } = open('n1')
    const end = await within(60_000, provider.list())
    expect(end?.error).toMatchObject({ code: 'PROVIDER_FAILED', message: expect.stringContaining('429') as string, data: { retryAfterMs: expect.any(Number) as number } })
    const { provider: again } = open('n1')
    expect((await within(60_000, again.list()))?.error).toBeDefined()
    calm()
    expect((await within(60_000, provider.list()))?.value?.tasks).toHaveLength(1)
    expect(scheduler.nowMs).toBeLessThan(50_000)
  })

  it('hangs until the client gives up, or for ever', async () => {
    const { board, open, within, scheduler } = stage({ hangShare: 1, hangMs: 120_000 })
    board.add('1')
    expect((await within(600_000, open('n1').provider.list()))?.error).toMatchObject({ code: 'PROVIDER_FAILED' })
    expect(scheduler.nowMs).toBe(120_000)
    const endless = stage({ hangShare: 1, hangMs: 'forever' })
    const { provider } = endless.open('n1')
    expect(await endless.within(3_600_000, provider.list())).toBeUndefined()
    expect(provider.open).toBe(1)
  })

  it('carries out late what a node asked that is dead by then', async () => {
    const { scheduler, board, happenings, open } = stage({ lateShare: 1 })
    const task = board.add('1')
    const { process, provider } = open('n1')
    void provider.complete(task, resultOf(ONE))
    process.kill()
    await scheduler.run(3_600_000)
    expect([board.completions.length, happenings]).toMatchObject([1, [{ outcome: 'lost', effect: 'completed' }]])
  })

  it('is the same twice for the same seed', async () => {
    const story = async (): Promise<string> => {
      const { board, happenings, open, within, scheduler } = stage(ROUGH_PROVIDER)
      const task = board.add('1')
      const { provider } = open('n1')
      const ends: unknown[] = []
      for (let turn = 0; turn < 60; turn += 1) ends.push(await within<unknown>(600_000, turn % 3 === 0 ? provider.list() : turn % 3 === 1 ? provider.get('1') : provider.report(task, { kind: 'started' })))
      return JSON.stringify([happenings, ends.map((end) => String((end as { error?: unknown }).error ?? 'answered')), scheduler.nowMs])
    }
    const first = await story()
    expect(await story()).toBe(first)
    expect(first).toContain('429')
  })
})
