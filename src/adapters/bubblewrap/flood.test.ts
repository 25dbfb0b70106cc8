import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runToEnd, testSpec } from '../../testing/sandbox-compliance.ts'
import { BubblewrapSandbox } from './mod.ts'

it('a program that prints without end is read slowly once it is over its limit', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-flood-'))
  try {
    await chmod(folder, 0o755)
    const limits = { timeoutMs: 3_000, graceMs: 100, outputBytesMax: 100_000 }
    const { end, stdout } = await runToEnd(new BubblewrapSandbox({ instance: 'flood' }), testSpec(folder, ['yes'], { limits }))
    expect(end.outcome).toBe('timeout')
    expect(stdout).toHaveLength(100_000)
    // Read as fast as it comes it is a gigabyte a second, and a processor of ours.
    expect(end.outputBytesDropped).toBeGreaterThan(5_000_000)
    expect(end.outputBytesDropped).toBeLessThan(250_000_000)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
