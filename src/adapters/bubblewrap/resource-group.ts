/**
 * What holds and measures the processes of one sandbox. Made before the sandbox, joined before its command starts,
 * removed after its last process is gone. All pids are the host's.
 */
export interface ResourceGroup {
  /** exact: the kernel counts; sampled: polled from /proc. */
  readonly source: 'exact' | 'sampled'
  /** Takes in the sandbox's first process; everything it starts follows. Throws when the kernel refuses. */
  join(firstPid: number): void
  /** Every living process, the first included. */
  members(): readonly number[]
  /** Called a few times a second while the sandbox lives. */
  poll(): void
  isOutOfMemory(): boolean
  /** SIGKILL to every member. */
  kill(): void
  usage(): { readonly cpuMs: number; readonly memoryBytesPeak: number; readonly processesPeak: number }
  remove(): Promise<void>
}

/** Makes a group per sandbox. */
export interface ResourceGroups {
  /** For people: `cgroup v1`, `cgroup v2` or `rlimit`. */
  readonly kind: string
  /** False when the number of processors is not held. */
  readonly holdsCpus: boolean
  /** True when each process must carry its own limits (prlimit), because no group does. */
  readonly needsProcessLimits: boolean
  create(name: string, limits: GroupLimits): ResourceGroup
  /** Kills and removes groups of this instance that no one here made. Returns how many. */
  reap(): Promise<number>
}

export interface GroupLimits {
  readonly memoryBytesMax: number
  readonly processesMax: number
  readonly cpusMax: number
}

/** A signal to a process that may have gone by itself. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // Gone already (ESRCH), which is what the signal was for; a process that is not ours cannot be a member.
  }
}
