import { readFile } from 'node:fs/promises'

/** Names one process of one boot, so that a number that was used again is not taken for it. */
export interface ProcessMark {
  readonly pid: number
  /** Start in ticks since boot, and the boot's id; empty where the system does not say (then the number alone decides). */
  readonly start: string
}

export const ownMark = async (): Promise<ProcessMark> => ({ pid: process.pid, start: await startOf(process.pid) })

export const isAlive = async (mark: ProcessMark): Promise<boolean> => {
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: it is there and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return await startOf(mark.pid) === mark.start
}

const startOf = async (pid: number): Promise<string> => {
  try {
    // proc(5): the name, in parentheses, may hold anything; the start is field 22, the 20th after it.
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    return `${ticks} ${(await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim()}`
  } catch {
    // No such file system here.
    return ''
  }
}
