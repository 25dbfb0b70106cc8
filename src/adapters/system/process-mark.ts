import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorCodeOf } from './files.ts'

/**
 * Tells one process from every other, a later one with the same number included. `start` is the kernel's start time
 * (opaque), `space` the boot and process-number space in which `pid` means something.
 */
export interface ProcessMark {
  readonly pid: number
  readonly start: string
  readonly space: string
}

export const markOf = async (pid: number): Promise<ProcessMark> => ({ pid, start: (await startOf(pid)) ?? 'unknown', space: await spaceOf() })

/**
 * True when the marked process runs. A mark from another space (before a reboot, in another container) cannot be
 * checked from here and counts as ended: what must never be shared has the kernel's own lock as well (the log does).
 */
export const isRunning = async (mark: ProcessMark): Promise<boolean> => {
  if (mark.space !== (await spaceOf())) return false
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if (errorCodeOf(error) !== 'EPERM') return false
  }
  const start = await startOf(mark.pid)
  return start !== ENDED && (start === undefined || mark.start === 'unknown' || start === mark.start)
}

/** A process that has ended and waits for its parent to notice. */
const ENDED = 'ended'

const startOf = async (pid: number): Promise<string | undefined> => {
  try {
    if (process.platform !== 'linux') return (await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim() || undefined
    const text = await readFile(`/proc/${pid}/stat`, 'latin1')
    // Field 22 (proc_pid_stat(5)); the program name in brackets may itself hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? ENDED : fields[19]
  } catch {
    // It ended in between, or procfs hides it: the caller decides by the number alone.
    return undefined
  }
}

const spaceOf = async (): Promise<string> => {
  try {
    return `${(await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim()} ${await readlink('/proc/self/ns/pid')}`
  } catch {
    // No procfs: one space for the whole machine.
    return process.platform
  }
}
