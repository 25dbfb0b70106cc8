import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { signal } from './resource-group.ts'
import type { Controller } from './cgroup-layout.ts'

/**
 * The files of one control group. They are the kernel's and answer at once, so they are read and written
 * synchronously: no other run of this process can come between two steps.
 */

/** Kills what lives in a group and removes it. Gives up after two seconds: the next reap tries again. */
export const empty = async (folder: string): Promise<void> => {
  writeIfThere(path.join(folder, 'pids.max'), '0')
  for (let tries = 0; tries < EMPTY_TRIES_MAX; tries += 1) {
    killAll([folder])
    if (removeQuietly(folder)) return
    await delay(EMPTY_TRY_MS)
  }
}

export const killAll = (folders: readonly string[]): void => {
  for (const folder of folders) {
    // cgroup.kill (version 2, Linux 5.14) takes a forking tree at once.
    if (existsSync(path.join(folder, 'cgroup.kill'))) writeIfThere(path.join(folder, 'cgroup.kill'), '1')
    else for (const pid of membersOf(folder)) signal(pid, 'SIGKILL')
  }
}

export const membersOf = (folder: string): number[] => read(path.join(folder, 'cgroup.procs')).split('\n').filter((line) => line !== '').map(Number)

/** Whether groups with these controllers can be made below `parent`, found out by making one. */
export const isUsable = (controllers: readonly Controller[], version: 1 | 2, parent: string, probeName: string): boolean => {
  const folder = path.join(parent, probeName)
  if (version === 2) {
    for (const controller of controllers) if (controller !== 'cpuacct') writeIfThere(path.join(parent, 'cgroup.subtree_control'), `+${controller}`)
  }
  try {
    mkdirSync(folder)
    return controllers.every((controller) => existsSync(path.join(folder, (version === 1 ? FILES_V1 : FILES_V2)[controller])))
  } catch {
    // Not ours to make groups in: the next candidate may be.
    return false
  } finally {
    removeQuietly(folder)
  }
}

const FILES_V1 = { memory: 'memory.limit_in_bytes', pids: 'pids.max', cpu: 'cpu.cfs_quota_us', cpuacct: 'cpuacct.usage' } as const
const FILES_V2 = { memory: 'memory.max', pids: 'pids.max', cpu: 'cpu.max', cpuacct: 'cpu.stat' } as const
const EMPTY_TRIES_MAX = 400
const EMPTY_TRY_MS = 5

/** Empty when the file is not there. */
export const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    // A file that this kernel does not have, or a group that is gone: nothing to report.
    return ''
  }
}

export const write = (file: string, text: string): void => writeFileSync(file, text)

export const writeIfThere = (file: string, text: string): void => {
  try {
    writeFileSync(file, text, { flag: 'r+' })
  } catch {
    // An optional file: its absence is judged by its effect (see isUsable), not here.
  }
}

/** True when the folder is gone. */
export const removeQuietly = (folder: string): boolean => {
  try {
    rmdirSync(folder)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
