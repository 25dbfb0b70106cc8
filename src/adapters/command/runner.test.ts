import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AgentRequest } from '../../ports/mod.ts'
import { localBench } from '../../testing/local-bench.ts'
import { CommandRunner } from './mod.ts'

let workspace = ''
beforeEach(async () => { workspace = await mkdtemp(path.join(os.tmpdir(), 'command-')) })
afterEach(() => rm(workspace, { recursive: true, force: true }))

const request = (given: Partial<AgentRequest> = {}): AgentRequest =>
  ({ taskId: 't', title: 'x', description: 'x', prompt: 'mend $(touch pwned) `touch pwned`', environment: { TASK_ID: '7' }, timeoutMs: 20_000, ...given })
const written = (file: string): Promise<string> => readFile(path.join(workspace, file), 'utf8')

describe('CommandRunner', () => {
  test('gives the prompt on standard input, and the environment, and hears the last words', async () => {
    const bench = localBench(workspace)
    const runner = new CommandRunner({ command: 'cat > got; printf "$TASK_ID $EXTRA" > env; echo done', environment: { EXTRA: 'e' } })
    const report = await runner.run(request(), bench)
    expect(report).toMatchObject({ outcome: 'finished', said: 'done\n', commandsExecuted: 1, tokens: null })
    expect(await written('got')).toBe('mend $(touch pwned) `touch pwned`')
    expect(await written('env')).toBe('7 e')
    expect(bench.events).toContainEqual({ kind: 'text', text: 'done\n' })
  })

  test('a prompt in an argument is one argument, whatever it says', async () => {
    const runner = new CommandRunner({ command: ['sh', '-c', 'printf %s "$1" > got', 'sh', '--prompt={prompt}'] })
    expect((await runner.run(request({ prompt: 'a\0b "$(touch pwned)" $& {prompt}' }), localBench(workspace))).outcome).toBe('finished')
    expect(await written('got')).toBe('--prompt=a b "$(touch pwned)" $& {prompt}')
    await expect(written('pwned')).rejects.toThrow('ENOENT')
  })

  test('what the checks said goes with the prompt in the next round', async () => {
    await new CommandRunner({ command: 'cat > got' }).run(request({ feedback: 'not ok 1 - adds' }), localBench(workspace))
    expect(await written('got')).toContain('The checks printed:\n\nnot ok 1 - adds')
  })

  test.each([
    ['an exit code', 'echo said; echo broken >&2; exit 3', { outcome: 'failed', detail: 'exit code 3: broken', said: 'said\n' }],
    ['a program that is not there', 'no-such-program-here', { outcome: 'failed', detail: expect.stringContaining('exit code 127') as unknown }],
    ['a program that does not read its prompt', 'exec <&-; exit 0', { outcome: 'finished' }],
  ])('%s is a report, not a throw', async (_what, command, expected) => {
    expect(await new CommandRunner({ command }).run(request({ prompt: 'x'.repeat(300_000) }), localBench(workspace))).toMatchObject(expected)
  })

  test('ends a program that does not, at the deadline and when cancelled, children included', async () => {
    const bench = localBench(workspace)
    const late = await new CommandRunner({ command: 'sleep 600 & echo here; wait' }).run(request({ timeoutMs: 300 }), bench)
    expect(late).toMatchObject({ outcome: 'timeout', said: 'here\n' })
    expect(bench.running()).toBe(0)
    const stop = new AbortController()
    const cancelled = localBench(workspace, { signal: stop.signal })
    const running = new CommandRunner({ command: 'echo here; exec sleep 600' }).run(request(), { ...cancelled, progress: () => stop.abort() })
    expect(await running).toMatchObject({ outcome: 'cancelled' })
  })

  test('a flood of output is kept to its last part', async () => {
    const report = await new CommandRunner({ command: 'yes flood | head -c 3000000; echo; echo end' }).run(request(), localBench(workspace))
    expect(report.outcome).toBe('finished')
    expect(report.said.length).toBeLessThanOrEqual(4_000)
    expect(report.said.endsWith('end\n')).toBe(true)
  })

  test.each([[''], [[]], ['agent --message "{prompt}"'], [['{prompt}']], [['/bin/bash', '-ec', 'agent {prompt}']]])('the command %j is refused with the setting to change', (command) => {
    expect(() => new CommandRunner({ command })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', setting: 'execution.command' }) as Error)
  })

  test('a prompt too long for an argument is said to be so', async () => {
    const report = await new CommandRunner({ command: ['echo', '{prompt}'] }).run(request({ prompt: 'x'.repeat(200_000) }), localBench(workspace))
    expect(report).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('read it from standard input') as unknown })
  })

  test('probe() names a mount that is missing', async () => {
    const mounts = [{ source: '/no/such/agent', target: '/opt/agent/x', writable: false }]
    expect(await new CommandRunner({ command: ['/opt/agent/x'], mounts }).probe()).toMatchObject({ ready: false, fix: expect.stringContaining('/no/such/agent') as unknown })
    expect(await new CommandRunner({ command: 'true' }).probe()).toEqual({ ready: true })
  })
})
