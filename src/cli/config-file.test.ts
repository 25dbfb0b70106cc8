import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readConfigFile } from './config-file.ts'

let folder: string
beforeEach(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'chorus-config-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

describe('readConfigFile()', () => {
  it('gives the text, without a byte order mark', () => {
    const file = path.join(folder, 'chorus.yaml')
    writeFileSync(file, '\uFEFFagent: {role: "é"}\n')
    expect(readConfigFile(file)).toBe('agent: {role: "é"}\n')
  })

  it('refuses bytes that are no UTF-8, and what is no file, as a mistake in the configuration', () => {
    const file = path.join(folder, 'chorus.yaml')
    writeFileSync(file, Buffer.from([0x61, 0x3a, 0xff]))
    expect(() => readConfigFile(file)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('UTF-8') as string }))
    expect(() => readConfigFile(folder)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('cannot be read') as string }))
  })
})
