import { chmodSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testSpec } from '../../testing/sandbox-compliance.ts'
import { BubblewrapSandbox } from './mod.ts'

/** Machines on which nothing may run: the answer is a reason and a fix, never a run without a sandbox. */
describe('a machine without a working sandbox', () => {
  const instance = `absent${process.pid}`.slice(0, 16)
  let folder = ''
  let workspace = ''
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'chorus-absent-'))
    chmodSync(folder, 0o755)
    workspace = path.join(folder, 'workspace')
    mkdirSync(workspace)
  })
  afterAll(() => {
    expect(globSync(`/sys/fs/cgroup/{,*/}chorus-${instance}-*`)).toEqual([])
    rmSync(folder, { recursive: true, force: true })
  })

  /** A search path whose bwrap is this script. */
  const withBwrap = (name: string, script: string): BubblewrapSandbox => {
    const bin = path.join(folder, name)
    mkdirSync(bin)
    writeFileSync(path.join(bin, 'bwrap'), script, { mode: 0o755 })
    return new BubblewrapSandbox({ instance, searchPath: bin })
  }

  it('without bubblewrap it says what to install', async () => {
    const sandbox = new BubblewrapSandbox({ instance, searchPath: folder })
    expect(await sandbox.probe()).toMatchObject({ available: false, reason: expect.stringContaining('bwrap is not installed'), fix: expect.stringContaining('apt-get install bubblewrap socat') })
    await expect(sandbox.start(testSpec(workspace, ['true']))).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE', setting: 'sandbox.kind' })
  })

  it('without user namespaces it says what bubblewrap said', async () => {
    const sandbox = withBwrap('refusing', '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n')
    expect(await sandbox.probe()).toMatchObject({ available: false, reason: 'the sandbox could not be set up: bwrap: No permissions to create new namespace', fix: expect.stringContaining('max_user_namespaces') })
  })

  it('does not take a bwrap that pretends: no report, no run', async () => {
    // It runs the command without any namespace, as a broken wrapper might.
    const sandbox = withBwrap('pretending', '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\nexec "$@"\n')
    await expect(sandbox.start(testSpec(workspace, ['sh', '-c', `touch ${folder}/ran`]))).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' })
    expect(globSync(`${folder}/ran`)).toEqual([])
  })

  it('does not take one that leaves a namespace out', async () => {
    const sandbox = withBwrap('leaving', '#!/bin/bash\nargs=$(tr "\\0" "\\n" <&3 | sed "s/^--unshare-all$/--unshare-pid\\n--unshare-uts/" | tr "\\n" "\\0" | base64 -w0)\nexec /usr/bin/bwrap --args 3 "${@:3}" 3< <(base64 -d <<<"$args")\n')
    expect(await sandbox.probe()).toMatchObject({ available: false, reason: 'the sandbox shares these namespaces with the host: net, ipc' })
  })

  it('with a bwrap that cannot be started', async () => {
    const sandbox = withBwrap('broken', '#!/absent/interpreter\n')
    await expect(sandbox.start(testSpec(workspace, ['true']))).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE', message: expect.stringContaining('ENOENT') })
  })

  it('without a node that runs inside', async () => {
    const node = path.join(folder, 'node')
    writeFileSync(node, '#!/bin/sh\nexit 3\n', { mode: 0o755 })
    expect(await new BubblewrapSandbox({ instance, nodePath: node }).probe()).toMatchObject({ available: false, reason: '`node -v` failed inside the sandbox: exited with code 3' })
  })

  it('refuses an instance that is no plain name', async () => {
    await expect(new BubblewrapSandbox({ instance: '../x' }).reap()).rejects.toThrow(RangeError)
  })
})
