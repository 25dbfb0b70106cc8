import { processTree } from './process-tree.ts'
import type { ProcessSample } from './process-tree.ts'
import { signal } from './resource-group.ts'
import type { GroupLimits, ResourceGroup, ResourceGroups } from './resource-group.ts'

/**
 * Where no control group can be written (not root, nothing delegated): each process carries limits of its own
 * (prlimit, see arguments.ts), the number of processes is counted by the kernel per user namespace, and the memory of
 * the whole tree is sampled, so that a tree over its limit dies at the next poll instead of at once.
 */
export class RlimitGroups implements ResourceGroups {
  readonly kind = 'rlimit'
  readonly holdsCpus = false
  readonly needsProcessLimits = true

  create(_name: string, limits: GroupLimits): ResourceGroup { return new SampledGroup(limits) }

  /** Nothing to do: sandboxes die with their parent, and there are no groups that could stay. */
  reap(): Promise<number> { return Promise.resolve(0) }
}

class SampledGroup implements ResourceGroup {
  readonly source = 'sampled'
  readonly #memoryBytesMax: number
  #firstPid = 0
  #startedTicks = 0
  #isOver = false
  #cpuMs = 0
  #memoryBytesPeak = 0
  #processesPeak = 0

  constructor(limits: GroupLimits) { this.#memoryBytesMax = limits.memoryBytesMax }

  join(firstPid: number): void {
    this.#firstPid = firstPid
    this.#startedTicks = processTree(firstPid)[0]?.startedTicks ?? 0
  }

  members(): readonly number[] { return this.#tree().map((sample) => sample.pid) }

  poll(): void {
    const tree = this.#tree()
    let cpuMs = 0
    let memoryBytes = 0
    for (const sample of tree) {
      cpuMs += sample.cpuMs
      memoryBytes += sample.memoryBytes
    }
    this.#cpuMs = Math.max(this.#cpuMs, cpuMs)
    this.#memoryBytesPeak = Math.max(this.#memoryBytesPeak, memoryBytes)
    this.#processesPeak = Math.max(this.#processesPeak, tree.length)
    this.#isOver ||= memoryBytes > this.#memoryBytesMax
  }

  isOutOfMemory(): boolean { return this.#isOver }

  /** The first process is the namespace's init: with it the kernel ends all the others. */
  kill(): void {
    for (const pid of this.members()) signal(pid, 'SIGKILL')
  }

  usage(): { cpuMs: number; memoryBytesPeak: number; processesPeak: number } {
    return { cpuMs: this.#cpuMs, memoryBytesPeak: this.#memoryBytesPeak, processesPeak: this.#processesPeak }
  }

  remove(): Promise<void> { return Promise.resolve() }

  #tree(): readonly ProcessSample[] {
    if (this.#firstPid === 0) return []
    const tree = processTree(this.#firstPid)
    return tree[0]?.startedTicks === this.#startedTicks ? tree : []
  }
}
