import { describe, expect, it } from 'vitest'
import { cgroupLayout } from './cgroup-layout.ts'

describe('cgroupLayout()', () => {
  const mount = (root: string, point: string, type: string, options: string): string => `31 23 0:28 ${root} ${point} rw,relatime shared:9 - ${type} ${type} rw,${options}`

  it('finds version 1 controllers wherever they are mounted, together or apart', () => {
    const layout = cgroupLayout([
      mount('/', '/sys/fs/cgroup/memory', 'cgroup', 'memory'), mount('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      mount('/', '/sys/fs/cgroup/pids', 'cgroup', 'pids'), mount('/', '/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
    ].join('\n'), '4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/\n0::/', () => '')
    expect(Object.fromEntries(layout)).toEqual({
      memory: { version: 1, parents: ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/memory/a/b', '/sys/fs/cgroup/memory/a'] },
      cpu: { version: 1, parents: ['/sys/fs/cgroup/cpu,cpuacct'] }, cpuacct: { version: 1, parents: ['/sys/fs/cgroup/cpu,cpuacct'] },
      pids: { version: 1, parents: ['/sys/fs/cgroup/pids'] },
    })
  })

  it('finds version 2, and the delegated group of a systemd user above our own', () => {
    const layout = cgroupLayout(mount('/', '/sys/fs/cgroup', 'cgroup2', 'nsdelegate'), '0::/user.slice/app.slice/term.scope', () => 'cpuset cpu io memory pids')
    const place = { version: 2, parents: ['/sys/fs/cgroup', '/sys/fs/cgroup/user.slice/app.slice/term.scope', '/sys/fs/cgroup/user.slice/app.slice'] }
    expect(Object.fromEntries(layout)).toEqual({ memory: place, pids: place, cpu: place, cpuacct: place })
  })

  it('reads spaces in mount points, and the part of the hierarchy that a container sees', () => {
    const layout = cgroupLayout(mount('/docker/abc', '/sys/fs/my\\040groups', 'cgroup', 'memory'), '4:memory:/docker/abc/x', () => '')
    expect(layout.get('memory')?.parents).toEqual(['/sys/fs/my groups', '/sys/fs/my groups/x'])
  })
})
