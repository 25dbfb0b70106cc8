import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AcpRunner } from '../../src/adapters/acp/mod.ts'
import type { AcpPreset } from '../../src/adapters/acp/mod.ts'
import { BubblewrapSandbox } from '../../src/adapters/bubblewrap/mod.ts'
import { CommandRunner } from '../../src/adapters/command/mod.ts'
import { RepairRunner } from '../../src/adapters/repair/mod.ts'
import type { AgentRequest } from '../../src/ports/mod.ts'
import { sandboxBench } from '../../src/testing/sandbox-bench.ts'

/** The three engines on the real sandbox: their programs really run there, and nothing of them is left. */
const AGENT = fileURLToPath(new URL('../../src/testing/scripted-acp-agent.ts', import.meta.url))
const INSIDE = '/opt/agent/agent.ts'
const sandbox = new BubblewrapSandbox({ instance: `engines${process.pid}`.slice(0, 16) })

let folder = ''
let workspacePath = ''
let count = 0
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'engines-'))
  await chmod(folder, 0o755)
})
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeEach(async () => {
  count += 1
  workspacePath = path.join(folder, `workspace${count}`)
  await mkdir(workspacePath)
})

const request = (given: Partial<AgentRequest> = {}): AgentRequest => ({ taskId: 't', title: 'mend it', description: 'mend it', prompt: 'mend it', environment: { TASK_ID: '7' }, timeoutMs: 25_000, ...given })
const written = (file: string): Promise<string> => readFile(path.join(workspacePath, file), 'utf8')
const preset = (behaviour: string): AcpPreset => ({
  name: 'scripted', command: ['node', INSIDE, behaviour], binary: AGENT, environment: {}, modelPort: undefined, mounts: [{ source: AGENT, target: INSIDE, writable: false }],
})

describe('the repair engine', () => {
  test('finds the edit by checks that run in the sandbox, and the file keeps the sandbox user as its owner', async () => {
    await writeFile(path.join(workspacePath, 'add.mjs'), 'export const add = (a, b) => a - b\n')
    await writeFile(path.join(workspacePath, 'add.test.mjs'), 'import test from \'node:test\'\nimport assert from \'node:assert\'\nimport { add } from \'./add.mjs\'\ntest(\'adds\', () => assert.equal(add(1, 2), 3))\n')
    const bench = sandboxBench(sandbox, { workspacePath, check: 'node --test' })
    const report = await new RepairRunner().run(request({ title: 'add() subtracts' }), bench)
    expect(report).toMatchObject({ outcome: 'finished', detail: expect.stringContaining('add.mjs:1: - -> +') as unknown, tokens: { input: 0, output: 0 } })
    expect(await written('add.mjs')).toBe('export const add = (a, b) => a + b\n')
    expect((await stat(path.join(workspacePath, 'add.mjs'))).uid).toBe((await stat(workspacePath)).uid)
    expect(bench.running()).toBe(0)
  })

  test('checks that plant links while it searches do not make it write outside', async () => {
    const outside = path.join(folder, 'outside.mjs')
    await writeFile(outside, 'export const f = (a) => a - 1\n')
    await chmod(outside, 0o666)
    await writeFile(path.join(workspacePath, 'f.mjs'), 'export const f = (a) => a - 1\n')
    const bench = sandboxBench(sandbox, { workspacePath, check: `ln -sf ${outside} f.mjs; exit 1` })
    expect(await new RepairRunner().run(request(), bench)).toMatchObject({ outcome: 'failed' })
    expect(await readFile(outside, 'utf8')).toBe('export const f = (a) => a - 1\n')
  })
})

describe('the command engine', () => {
  test('runs at /workspace without a network, told its prompt', async () => {
    const bench = sandboxBench(sandbox, { workspacePath, check: 'true' })
    const report = await new CommandRunner({ command: 'cat > got; pwd; ls /sys/class/net 2>/dev/null | grep -v lo; echo "$TASK_ID"' }).run(request(), bench)
    expect(report).toMatchObject({ outcome: 'finished', said: '/workspace\n7\n' })
    expect(await written('got')).toBe('mend it')
  })

  test('is ended at its deadline with everything that it started', async () => {
    const bench = sandboxBench(sandbox, { workspacePath, check: 'true' })
    const report = await new CommandRunner({ command: 'setsid sleep 600 & sleep 600' }).run(request({ timeoutMs: 1_200 }), bench)
    expect(report.outcome).toBe('timeout')
    expect(bench.running()).toBe(0)
  })
})

describe('the engine for coding agents', () => {
  test('talks to an agent that lives in the sandbox', async () => {
    const bench = sandboxBench(sandbox, { workspacePath, check: 'true', mounts: preset('').mounts })
    expect(await new AcpRunner({ preset: preset('normal') }).run(request(), bench)).toMatchObject({ outcome: 'finished', said: 'Running the tests. Done.', commandsExecuted: 1 })
    expect(await written('work.txt')).toBe('fixed')
    expect(bench.running()).toBe(0)
  })

  test.each([['hang-at-initialize', 'timeout'], ['hang', 'timeout'], ['stubborn', 'timeout'], ['die', 'failed']])('an agent that does %s ends as %s, and its tree is gone', async (behaviour, outcome) => {
    const bench = sandboxBench(sandbox, { workspacePath, check: 'true', mounts: preset('').mounts })
    const report = await new AcpRunner({ preset: preset(behaviour), cancelGraceMs: 300 }).run(request({ timeoutMs: behaviour === 'die' ? 20_000 : 1_500 }), bench)
    expect(report.outcome).toBe(outcome)
    expect(bench.running()).toBe(0)
    expect(bench.usages).toHaveLength(1)
  })

  test('an agent that takes all memory is told as that', async () => {
    const bench = sandboxBench(sandbox, { workspacePath, check: 'true', mounts: preset('').mounts, limits: { memoryBytesMax: 128 * 2 ** 20 } })
    const report = await new AcpRunner({ preset: preset('hungry') }).run(request(), bench)
    expect(report.outcome).toBe('failed')
    // Only control groups can tell why; limits per process let it die by itself.
    if (process.getuid?.() === 0) expect(report.detail).toContain('out of memory')
    expect(bench.running()).toBe(0)
  })
})
