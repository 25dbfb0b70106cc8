import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const CHORUS = fileURLToPath(new URL('../../bin/chorus.js', import.meta.url))

describe('chorus, as typed', () => {
  let root: string
  beforeAll(() => { root = mkdtempSync(path.join(os.tmpdir(), 'chorus-typed-')) })
  afterAll(() => { rmSync(root, { recursive: true, force: true }) })

  const run = (args: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> => {
    const cwd = mkdtempSync(path.join(root, 'in-'))
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(cwd, name), text)
    const env = { PATH: process.env.PATH, HOME: cwd, XDG_STATE_HOME: path.join(cwd, 'state') }
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [CHORUS, ...args], { cwd, env, timeout: 20_000 })
      let out = ''
      let err = ''
      child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString('utf8') })
      child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString('utf8') })
      child.once('error', reject)
      child.once('close', (code) => { resolve({ code, out, err }) })
    })
  }
  const lastLine = (out: string): unknown => JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')

  // Each process takes a second to load: one for what each case is about.
  it.concurrent.each<[readonly string[], number, unknown, Readonly<Record<string, string>>?]>([
    [['nonsense'], 64, { code: 'USAGE', error: 'unknown command \'nonsense\'' }],
    [['status'], 78, { code: 'CONFIG_MISSING', setting: '--config' }],
    [['config'], 78, { code: 'CONFIG_INVALID', setting: 'agent.max_tasks' }, { 'chorus.yaml': 'agent: { max_tasks: many }\nrepositories: [{ path: . }]\n' }],
    [['status'], 66, { code: 'NOT_FOUND' }, { 'chorus.yaml': 'repositories: [{ path: . }]\n' }],
  ])('--json %j fails with exit code %i, and says so as one object', async (args, code, error, files) => {
    const json = await run(['--json', ...args], files)
    expect(json.code).toBe(code)
    expect(lastLine(json.out)).toMatchObject(error as object)
  })

  it.concurrent('a failure is told in words, without a trace, and not where the results go', async () => {
    const { code, out, err } = await run(['join', 'no-token'])
    expect([code, out]).toEqual([65, ''])
    expect(err).toMatch(/^chorus: a join token/)
    expect(err).not.toMatch(/^ {4}at /m)
  })

  it.concurrent('help is no failure', async () => {
    const { code, out, err } = await run(['task', '--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('Usage: chorus task')
  })
})
