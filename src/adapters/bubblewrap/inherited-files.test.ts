import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testSpec, text } from '../../testing/sandbox-compliance.ts'

describe('files that the coordinator was started with', () => {
  let folder = ''
  beforeAll(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'chorus-inherited-')) })
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  it.each([9, 40])('do not reach the sandbox (number %i)', async (number) => {
    const workspace = path.join(folder, `workspace${number}`)
    mkdirSync(workspace)
    writeFileSync(path.join(folder, 'secret'), 'secret')
    writeFileSync(path.join(folder, 'caller.ts'), `
import { readFileSync } from 'node:fs'
import { BubblewrapSandbox } from ${JSON.stringify(path.join(import.meta.dirname, 'mod.ts'))}
const started = await new BubblewrapSandbox({ instance: 'inherited' }).start(${JSON.stringify(testSpec(workspace, ['sh', '-c', 'for f in /proc/self/fd/*; do readlink $f; done | sort']))})
started.stdin.end()
await started.ended
console.log(JSON.stringify({ own: readFileSync(${number}, 'utf8'), inside: String(started.stdout.read()) }))
`)
    const secret = openSync(path.join(folder, 'secret'), 'r')
    const stdio = Array.from({ length: number }, (): 'ignore' | 'pipe' | 'inherit' | number => 'ignore')
    stdio[1] = 'pipe'
    stdio[2] = 'inherit'
    const caller = spawn(process.execPath, [path.join(folder, 'caller.ts')], { stdio: [...stdio, secret] })
    closeSync(secret)
    if (caller.stdout === null) throw new Error('no output')
    const said = JSON.parse(await text(caller.stdout)) as { own: string; inside: string }
    expect(said.own).toBe('secret')
    expect(said.inside.trim().split('\n').filter((target) => !/^(socket:|pipe:|\/dev\/null$)/.test(target))).toEqual([])
  })
})
