import { describe, expect, it } from 'vitest'
import { TEST_LIMITS, testSpec } from '../../testing/sandbox-compliance.ts'
import { sandboxArguments } from './arguments.ts'
import type { SandboxRequest } from './arguments.ts'

describe('sandboxArguments()', () => {
  const host = { bwrap: '/usr/bin/bwrap', node: '/n/node', npmFolder: '/n/npm', systemFolders: [{ at: '/bin', linkTo: 'usr/bin' }, { at: '/lib', linkTo: undefined }] }
  const request = (changes: Partial<SandboxRequest> = {}): SandboxRequest => ({ ...testSpec('/w', ['make', 'all']), processLimits: false, openFilesMax: 100, ...changes })

  it('closes every namespace, drops every capability and binds little', () => {
    const { options } = sandboxArguments(request(), host)
    const line = options.join(' ')
    for (const part of ['--unshare-all --unshare-user --disable-userns --die-with-parent --new-session --cap-drop ALL', '--clearenv', '--ro-bind /proc/sys /proc/sys', '--remount-ro /dev --remount-ro /', '--bind /w /workspace', '--symlink usr/bin /bin', '--ro-bind /lib /lib']) {
      expect(line).toContain(part)
    }
    expect(line.match(/--bind \S+/g)).toEqual(['--bind /w'])
    expect(line).not.toContain('/run/egress')
  })

  it('mounts a folder before what lies inside it, read-only unless said otherwise', () => {
    const mounts = [{ source: '/b', target: '/workspace/a/b', writable: false }, { source: '/a', target: '/workspace/a', writable: true }]
    expect(sandboxArguments(request({ mounts }), host).options.join(' ')).toContain('--bind /w /workspace --bind /a /workspace/a --ro-bind /b /workspace/a/b')
  })

  it('sets the limits of each process only where no group holds them', () => {
    const alone = sandboxArguments(request({ processLimits: true }), host).command
    expect(sandboxArguments(request(), host).command.filter((word) => /^--(nproc|data|cpu)=/.test(word))).toEqual([])
    expect(alone.filter((word) => /^--(nproc|data|cpu)=/.test(word))).toEqual([`--nproc=${TEST_LIMITS.processesMax}`, `--data=${TEST_LIMITS.memoryBytesMax + 2 ** 30}`, '--cpu=21'])
    expect(alone.slice(-3)).toEqual(['--', 'make', 'all'])
  })

  it('programs that honour a proxy still reach what listens beside them', () => {
    const { options } = sandboxArguments(request({ environment: { NO_PROXY: 'here.example' } }), host)
    expect(options[options.indexOf('NO_PROXY') + 1]).toBe('127.0.0.1,localhost,::1,here.example')
  })
})
