import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const SCRIPT = path.resolve(import.meta.dirname, '../../../scripts/system-packages.js')

describe('scripts/system-packages.js', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'chorus-packages-'))
    chmodSync(folder, 0o755)
  })
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  /** A search path that holds nothing but these programs, each a shell script. */
  const pathWith = (name: string, programs: Readonly<Record<string, string>>): string => {
    const bin = path.join(folder, name)
    mkdirSync(bin)
    for (const [program, body] of Object.entries(programs)) writeFileSync(path.join(bin, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return bin
  }
  const run = (searchPath: string, words: readonly string[] = [], asNobody = false): { status: number | null; stdout: string; stderr: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], {
      encoding: 'utf8', env: { PATH: searchPath }, ...asNobody && process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {},
    })
    return { status, stdout, stderr }
  }

  it('says nothing when everything is there', () => {
    const bin = pathWith('all', { bwrap: '', socat: '', git: '' })
    expect(run(bin)).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('tells who is not root what to run, on standard error', () => {
    const bin = pathWith('nobody', { git: '', 'apt-get': 'exit 1' })
    expect(run(bin, [], true)).toEqual({ status: 69, stdout: '', stderr: 'chorus needs bwrap, socat: run `sudo apt-get install -y bubblewrap socat`\n' })
  })

  it('names the packages where there is no apt-get', () => {
    const bin = pathWith('other', {})
    expect(run(bin, ['git'], true).stderr).toBe('chorus needs git: install the packages git of your system\n')
  })

  it('refuses options that it does not know', () => {
    expect(run('/usr/bin:/bin', ['--fast']).status).toBe(64)
  })

  if (process.getuid?.() === 0) {
    it('as root installs what is missing with one line, which --quiet sends to standard error', () => {
      for (const [name, quiet] of [['root', false], ['root-quiet', true]] as const) {
        const bin = pathWith(name, { git: '' })
        writeFileSync(path.join(bin, 'apt-get'), `#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >>${bin}/calls\ncase "$*" in *install*) for p in socat; do ln -s /bin/true ${bin}/$p; done;; esac\n`, { mode: 0o755 })
        symlinkSync('/bin/ln', path.join(bin, 'ln'))
        const done = run(bin, [...quiet ? ['--quiet'] : [], 'git', 'socat'])
        const line = 'installing system packages: socat\n'
        expect(done).toEqual({ status: 0, stdout: quiet ? '' : line, stderr: quiet ? line : '' })
        expect(readFileSync(path.join(bin, 'calls'), 'utf8')).toMatch(/^noninteractive .*install -y --no-install-recommends socat\n$/m)
      }
    })

    it('as root says what apt-get said when that fails', () => {
      const bin = pathWith('failing', { 'apt-get': 'echo "E: broken $1"; exit 100' })
      const done = run(bin, ['socat'])
      expect(done.status).toBe(69)
      expect(done.stderr).toContain('E: broken')
      expect(done.stderr).toContain('chorus needs socat: `apt-get install -y socat` failed (exit 100)')
    })
  }
})
