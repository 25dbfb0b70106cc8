import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureSwarmAccess, readSwarmAccess, writeSwarmAccess } from './swarm-key.ts'

describe('the swarm key in the state folder', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'chorus-key-')) })
  afterEach(() => { rmSync(folder, { recursive: true, force: true }) })
  const keyFile = (): string => path.join(folder, 'swarm.key')
  const peersFile = (): string => path.join(folder, 'bootstrap.json')
  const mode = (file: string): number => statSync(file).mode & 0o777

  it('is made once, and is another in another folder', () => {
    expect(readSwarmAccess(folder)).toBeUndefined()
    const made = ensureSwarmAccess(folder)
    expect(made).toMatchObject({ created: true, bootstrap: [], swarmKey: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    expect(ensureSwarmAccess(folder)).toEqual({ ...made, created: false })
    const other = mkdtempSync(path.join(folder, 'other'))
    expect(ensureSwarmAccess(other).swarmKey).not.toBe(made.swarmKey)
  })

  it('reads back what it was given', () => {
    const access = { swarmKey: 'ab'.repeat(32), bootstrap: ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWx'] }
    writeSwarmAccess(folder, access)
    expect(readSwarmAccess(folder)).toEqual(access)
  })

  it('is nobody else\'s to read, also in files that were there with wider rights', () => {
    for (const file of [keyFile(), peersFile()]) { writeFileSync(file, ''); chmodSync(file, 0o644) }
    writeSwarmAccess(folder, { swarmKey: 'ab'.repeat(32), bootstrap: [] })
    expect([keyFile(), peersFile()].map(mode)).toEqual([0o600, 0o600])
  })

  it.each(['', 'short', 'AB'.repeat(32), `${'ab'.repeat(32)}00`, 'zz'.repeat(32)])('that reads %j is refused, and not overwritten', (text) => {
    writeFileSync(keyFile(), text)
    expect(() => ensureSwarmAccess(folder)).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }) as Error)
    expect(readFileSync(keyFile(), 'utf8')).toBe(text)
  })

  it('is never in the message of its refusal', () => {
    writeFileSync(keyFile(), 'nearly-a-secret')
    expect(() => readSwarmAccess(folder)).toThrow(expect.not.objectContaining({ message: expect.stringContaining('nearly-a-secret') as string }) as Error)
  })

  it.each(['{}', '[1]', '"x"', 'null', JSON.stringify(['x'.repeat(300)]), JSON.stringify(Array.from({ length: 17 }, () => 'x')), 'not json'])('goes with no peers but a short list of addresses: %s is refused', (text) => {
    ensureSwarmAccess(folder)
    writeFileSync(peersFile(), text)
    expect(() => readSwarmAccess(folder)).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }) as Error)
  })
})
