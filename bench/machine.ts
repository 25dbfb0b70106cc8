import { execFileSync } from 'node:child_process'
import os from 'node:os'

/** Where a run was made, as far as its figures depend on it. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly git: string
  readonly bubblewrap: string
  /** Of the last minute, at the start and at the end: more than the cores means that others worked too. */
  readonly load: readonly [before: number, after: number]
}

export const describeMachine = (node: string, before: number): Machine => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown', cores: os.availableParallelism(), memoryGb: Math.round(os.totalmem() / 2 ** 30),
  system: `${os.type()} ${os.release().split('-')[0] ?? ''} ${os.arch()}`,
  node: versionOf(node, '--version'), git: versionOf('git', '--version'), bubblewrap: versionOf('bwrap', '--version'),
  load: [before, loadNow()],
})

export const loadNow = (): number => Math.round((os.loadavg()[0] ?? 0) * 10) / 10

/** Our own baselines keep one core busy, programs that git starts a little more. */
export const isBusy = ({ cores, load }: Machine): boolean => Math.max(...load) > cores

const versionOf = (program: string, flag: string): string => {
  try {
    return /\d+(?:\.\d+)+/.exec(execFileSync(program, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))?.[0] ?? 'unknown'
  } catch {
    // The row that needs it fails by itself, and says so better.
    return 'not installed'
  }
}
