import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type * as FileSystem from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CgroupGroups } from './cgroup.ts'
import type { CgroupLayout, Controller } from './cgroup-layout.ts'

// Version 1 is tried for real by the compliance suite on machines that have it. Version 2 is tried here on plain
// folders that show the kernel's files: what is written where, and what is read.
const FILES = ['memory.max', 'memory.swap.max', 'memory.oom.group', 'memory.peak', 'memory.events', 'pids.max', 'pids.peak', 'pids.current', 'cpu.max', 'cpu.stat', 'cgroup.procs', 'cgroup.kill']

vi.mock('node:fs', async (original) => {
  const real = await original<typeof FileSystem>()
  return {
    ...real,
    // A new group has its files at once, and goes as a whole.
    mkdirSync: (folder: string) => {
      real.mkdirSync(folder)
      for (const file of FILES) real.writeFileSync(path.join(folder, file), '')
    },
    rmdirSync: (folder: string) => { real.rmSync(folder, { recursive: true }) },
  }
})

describe('control groups of version 2', () => {
  let root = ''
  beforeEach(async () => {
    const { mkdtempSync: make } = await vi.importActual<typeof FileSystem>('node:fs')
    root = make(path.join(os.tmpdir(), 'chorus-cgroup-'))
    writeFileSync(path.join(root, 'cgroup.subtree_control'), '')
  })
  afterEach(() => { rmSync(root, { recursive: true, force: true }) })

  const layout = (): CgroupLayout => new Map((['memory', 'pids', 'cpu', 'cpuacct'] as const).map((name: Controller) => [name, { version: 2 as const, parents: ['/absent', root] }]))
  const open = (): CgroupGroups => {
    const groups = CgroupGroups.open('x', layout())
    if (!(groups instanceof CgroupGroups)) throw new Error(groups.reason)
    return groups
  }

  it('hold memory without swap, processes and processors in one group', () => {
    const groups = open()
    expect([groups.kind, groups.holdsCpus, groups.needsProcessLimits]).toEqual(['cgroup v2', true, false])
    const group = groups.create('one', { memoryBytesMax: 3 * 2 ** 30, processesMax: 70, cpusMax: 1.5 })
    const read = (file: string): string => readFileSync(path.join(root, 'chorus-x-one', file), 'utf8')
    expect(['memory.max', 'memory.swap.max', 'memory.oom.group', 'pids.max', 'cpu.max'].map(read)).toEqual(['3221225472', '0', '1', '70', '150000 100000'])
    group.join(4242)
    expect(read('cgroup.procs')).toBe('4242')
    group.kill()
    expect(read('cgroup.kill')).toBe('1')
  })

  it('report what the kernel counted', () => {
    const group = open().create('two', { memoryBytesMax: 1, processesMax: 1, cpusMax: 1 })
    const write = (file: string, content: string): void => { writeFileSync(path.join(root, 'chorus-x-two', file), content) }
    expect(group.isOutOfMemory()).toBe(false)
    write('memory.events', 'low 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 1\n')
    write('cpu.stat', 'usage_usec 1234567\nuser_usec 1000000\n')
    write('memory.peak', '4096\n')
    write('pids.peak', '9\n')
    expect(group.isOutOfMemory()).toBe(true)
    expect(group.usage()).toEqual({ cpuMs: 1235, memoryBytesPeak: 4096, processesPeak: 9 })
  })

  it('are refused where they cannot be made', () => {
    expect(CgroupGroups.open('x', new Map([['memory', { version: 2, parents: ['/absent'] }]]))).toEqual({ reason: 'no cgroup that can be written for memory, pids, cpuacct' })
  })

  it('go away with their run, or with the next reap', async () => {
    const groups = open()
    const group = groups.create('three', { memoryBytesMax: 1, processesMax: 1, cpusMax: 1 })
    mkdirSync(path.join(root, 'chorus-x-earlier'))
    mkdirSync(path.join(root, 'chorus-y-other'))
    expect(await groups.reap()).toBe(1)
    await group.remove()
    expect(await groups.reap()).toBe(0)
    expect(readFileSync(path.join(root, 'chorus-y-other', 'cgroup.procs'), 'utf8')).toBe('')
  })
})
