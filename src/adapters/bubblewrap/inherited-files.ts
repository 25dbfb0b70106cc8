import { readFileSync, readdirSync } from 'node:fs'

/**
 * Open files that this process got from whoever started it and that a program it starts would get too: all that are
 * not marked close-on-exec. Node marks its own; a shell, a supervisor or a CI runner may leave others, and a sandbox
 * must not hold them.
 */
export const inheritedFiles = (): readonly number[] => readdirSync('/proc/self/fdinfo').map(Number).filter((fd) => fd > 2 && survivesExec(fd))

const CLOSE_ON_EXEC = 0o2000000

const survivesExec = (fd: number): boolean => {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0
  } catch {
    // Closed since it was listed (the listing itself was such a file).
    return false
  }
}
