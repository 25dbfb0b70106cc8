import { describe, expect, it } from 'vitest'
import type { NodeId } from '../core/mod.ts'
import { runToEnd, testSpec } from '../testing/sandbox-compliance.ts'
import { Chance } from './chance.ts'
import type { Happening } from './events.ts'
import { MachineClock, SimProcess } from './process.ts'
import { GENERAL_CHECK, SimProject } from './repository/mod.ts'
import { agentCommand, CALM_SANDBOX, SimSandbox } from './sandbox.ts'
import type { SandboxProfile } from './sandbox.ts'
import { Scheduler } from './scheduler.ts'

const stage = (profile: Partial<SandboxProfile> = {}) => {
  const scheduler = new Scheduler()
  const process = new SimProcess('1', scheduler, new MachineClock(scheduler, { rate: 1, wallMs: 0 }))
  const project = new SimProject({ numbers: ['1'] })
  const programs = new Set<string>()
  const happenings: Happening[] = []
  const files = project.baseFiles('')
  const sandbox = new SimSandbox({
    process, chance: new Chance('box'), node: 'n' as NodeId, project, look: (path) => path === '/here' ? { files, commit: undefined } : undefined,
    profile: () => ({ ...CALM_SANDBOX, ...profile }), emit: (happening) => { happenings.push(happening) }, programs,
  })
  const until = async <T>(work: Promise<T>): Promise<T> => {
    let ended = false
    const over = (): void => { ended = true }
    work.then(over, over)
    await scheduler.run(3_600_000, () => ended)
    return work
  }
  return { scheduler, process, sandbox, programs, happenings, until }
}

const check = (command: string) => ['sh', '-c', command]

describe('the simulated sandbox', () => {
  it('runs a check on what lies in the folder, and says what it prints', async () => {
    const { sandbox, until, happenings } = stage()
    expect(await until(runToEnd(sandbox, testSpec('/here', check('check 1'))))).toMatchObject({ end: { outcome: 'exited', code: 1, outputBytesDropped: 0 }, stdout: expect.stringContaining('✖ it is right') as string })
    expect(await until(runToEnd(sandbox, testSpec('/here', check(GENERAL_CHECK))))).toMatchObject({ end: { outcome: 'exited', code: 0 } })
    expect((await until(runToEnd(sandbox, testSpec('/here', check('make'))))).end.code).toBe(127)
    expect((await until(runToEnd(sandbox, testSpec('/nowhere', check('check 1'))))).end.code).toBe(127)
    expect(happenings.map((one) => one.kind === 'ran' ? one.green : '')).toEqual([false, true, false, false])
  })

  it('ends what is over its time, and counts what it dropped', async () => {
    const { sandbox, scheduler, process, programs, until } = stage()
    const { end, stdout } = await until(runToEnd(sandbox, testSpec('/here', agentCommand({ forMs: undefined, code: 0, outputBytes: 3_000_000 }), { limits: { timeoutMs: 5_000 } })))
    expect([end, stdout]).toMatchObject([{ outcome: 'timeout', code: null, outputBytesDropped: 3_000_000 - 2 ** 20 }, ''])
    expect(scheduler.nowMs).toBeLessThan(6_500)
    expect([sandbox.running, programs.size, process.armed]).toEqual([0, 0, 0])
  })

  it('kill() and an aborted signal end a program, twice as well as once', async () => {
    const { sandbox, until } = stage()
    const started = await until(sandbox.start(testSpec('/here', agentCommand({ forMs: undefined, code: 0, outputBytes: 0 }))))
    const [first, second] = await until(Promise.all([started.kill(), started.kill()]))
    expect([first, second === first]).toMatchObject([{ outcome: 'killed', code: null }, true])
    const abort = new AbortController()
    const other = await until(sandbox.start(testSpec('/here', agentCommand({ forMs: undefined, code: 0, outputBytes: 0 }), { signal: abort.signal })))
    abort.abort(new Error('enough'))
    expect((await until(other.ended)).outcome).toBe('killed')
    await expect(until(sandbox.start(testSpec('/here', check('check 1'), { signal: abort.signal })))).rejects.toThrow('enough')
  })

  it('gives what was printed to who asks for it after the end', async () => {
    const { sandbox, until } = stage()
    const started = await until(sandbox.start(testSpec('/here', check('check 1'))))
    await until(started.ended)
    const chunks: string[] = []
    const ended = new Promise<void>((resolve) => {
      started.stdout.on('data', (chunk: Buffer) => chunks.push(chunk.toString('utf8')))
      started.stdout.once('end', resolve)
    })
    await until(ended)
    expect(chunks.join('')).toContain('✖ it is right')
  })

  it('does not end for its time while its node is stopped, and ends by itself then', async () => {
    const { sandbox, scheduler, process, programs, until } = stage()
    const started = await until(sandbox.start(testSpec('/here', agentCommand({ forMs: 60_000, code: 0, outputBytes: 0 }), { limits: { timeoutMs: 20_000 } })))
    process.pause()
    await scheduler.run(50_000)
    expect(programs.size).toBe(1)
    await scheduler.run(90_000)
    expect(programs.size).toBe(0)
    process.resume()
    expect((await until(started.ended)).outcome).toBe('exited')
    expect(process.armed).toBe(0)
  })

  it('leaves the programs of a dead node running until they end or are reaped', async () => {
    const { sandbox, scheduler, process, programs, happenings, until } = stage()
    const short = await until(sandbox.start(testSpec('/here', agentCommand({ forMs: 10_000, code: 0, outputBytes: 0 }))))
    await until(sandbox.start(testSpec('/here', agentCommand({ forMs: undefined, code: 0, outputBytes: 0 }))))
    let heard = false
    void short.ended.then(() => { heard = true })
    process.kill()
    await scheduler.run(60_000)
    expect([programs.size, heard, happenings]).toEqual([1, false, []])
    const next = new SimSandbox({
      process: new SimProcess('2', scheduler, new MachineClock(scheduler, { rate: 1, wallMs: 0 })), chance: new Chance('next'), node: 'n' as NodeId, project: new SimProject({ numbers: [] }),
      look: () => undefined, profile: () => CALM_SANDBOX, emit: () => undefined, programs,
    })
    expect(await until(next.reap())).toBe(1)
    expect(programs.size).toBe(0)
  })

  it('says when it cannot be set up', async () => {
    const { sandbox, until, programs } = stage({ unavailableShare: 1, available: false })
    expect(await until(sandbox.probe())).toMatchObject({ available: false })
    await expect(until(sandbox.start(testSpec('/here', check('check 1'))))).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' })
    expect(programs.size).toBe(0)
  })
})
