import { readFileSync, readdirSync } from 'node:fs'

export interface ProcessSample {
  readonly pid: number
  readonly parentPid: number
  /** Clock ticks since boot: tells a process from a later one with the same number. */
  readonly startedTicks: number
  /** User and system time, its own and that of the children it has waited for. */
  readonly cpuMs: number
  /** Resident and not shared with a file: what would be free again if it died. */
  readonly memoryBytes: number
}

/** A process and everything below it, from /proc; empty when it is gone or only its exit status is left. */
export const processTree = (rootPid: number): readonly ProcessSample[] => {
  const children = new Map<number, ProcessSample[]>()
  let root: ProcessSample | undefined
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const sample = sampleOf(Number(name))
    if (sample === undefined) continue
    if (sample.pid === rootPid) root = sample
    const siblings = children.get(sample.parentPid)
    if (siblings === undefined) children.set(sample.parentPid, [sample])
    else siblings.push(sample)
  }
  if (root === undefined) return []
  const tree: ProcessSample[] = []
  const waiting = [root]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    tree.push(next)
    waiting.push(...(children.get(next.pid) ?? []))
  }
  return tree
}

// Fixed in the ABI for user space on every architecture that Node runs on (USER_HZ), and on x64 and most arm64.
const TICK_MS = 10
const PAGE_BYTES = 4096

const sampleOf = (pid: number): ProcessSample | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name may hold anything, parentheses and spaces too: fields are counted from its last ')'.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const number = (index: number): number => Number(fields[index] ?? 0)
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number)
    return {
      pid,
      parentPid: number(1),
      startedTicks: number(19),
      cpuMs: (number(11) + number(12) + number(13) + number(14)) * TICK_MS,
      memoryBytes: Math.max(0, (resident ?? 0) - (shared ?? 0)) * PAGE_BYTES,
    }
  } catch {
    // Gone since it was listed.
    return undefined
  }
}
