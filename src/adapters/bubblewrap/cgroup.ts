import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { empty, isUsable, killAll, membersOf, read, removeQuietly, write, writeIfThere } from './cgroup-files.ts'
import type { GroupLimits, ResourceGroup, ResourceGroups } from './resource-group.ts'
import type { CgroupLayout, Controller } from './cgroup-layout.ts'

/**
 * Control groups (cgroups(7)), made by hand as `chorus-<instance>-<name>` in every hierarchy that matters: one in
 * version 2, one per controller in version 1.
 */
export class CgroupGroups implements ResourceGroups {
  readonly kind: string
  readonly holdsCpus: boolean
  readonly needsProcessLimits = false
  readonly #prefix: string
  readonly #places: ReadonlyMap<Controller, Place>
  readonly #live = new Set<string>()

  private constructor(instance: string, places: ReadonlyMap<Controller, Place>) {
    this.#prefix = `chorus-${instance}-`
    this.#places = places
    this.kind = `cgroup v${places.get('memory')?.version ?? 2}`
    this.holdsCpus = places.has('cpu')
  }

  /** Tries each place for real. The reason when memory and processes cannot both be held. */
  static open(instance: string, layout: CgroupLayout): CgroupGroups | { readonly reason: string } {
    const places = new Map<Controller, Place>()
    const probeName = `chorus-${instance}-probe-${process.pid}`
    // A process is in exactly one group of version 2, so all of its controllers must be usable in the same place.
    const unified = [...layout].filter(([, place]) => place.version === 2)
    const needed = unified.map(([controller]) => controller).filter((controller) => controller !== 'cpu')
    const parents = unified[0]?.[1].parents ?? []
    const whole = parents.find((parent) => isUsable([...needed, ...(layout.get('cpu')?.version === 2 ? ['cpu' as const] : [])], 2, parent, probeName))
    const parent = whole ?? parents.find((candidate) => isUsable(needed, 2, candidate, probeName))
    if (parent !== undefined) {
      for (const [controller] of unified) if (controller !== 'cpu' || whole !== undefined) places.set(controller, { version: 2, parent })
    }
    for (const [controller, place] of layout) {
      if (place.version === 2) continue
      const usable = place.parents.find((candidate) => isUsable([controller], 1, candidate, probeName))
      if (usable !== undefined) places.set(controller, { version: 1, parent: usable })
    }
    const missing = (['memory', 'pids', 'cpuacct'] as const).filter((controller) => !places.has(controller))
    if (missing.length > 0) return { reason: `no cgroup that can be written for ${missing.join(', ')}` }
    return new CgroupGroups(instance, places)
  }

  create(name: string, limits: GroupLimits): ResourceGroup {
    const folders = new Map([...this.#places].map(([controller, place]) => [controller, path.join(place.parent, this.#prefix + name)]))
    const group = new Cgroup(folders, this.#places, () => this.#live.delete(this.#prefix + name))
    this.#live.add(this.#prefix + name)
    try {
      group.make(limits)
    } catch (thrown) {
      this.#live.delete(this.#prefix + name)
      for (const folder of new Set(folders.values())) removeQuietly(folder)
      throw thrown
    }
    return group
  }

  async reap(): Promise<number> {
    const names = new Set<string>()
    for (const parent of new Set([...this.#places.values()].map((place) => place.parent))) {
      for (const name of readdirSync(parent)) {
        if (!name.startsWith(this.#prefix) || this.#live.has(name)) continue
        names.add(name)
        await empty(path.join(parent, name))
      }
    }
    return names.size
  }
}

interface Place { readonly version: 1 | 2; readonly parent: string }

class Cgroup implements ResourceGroup {
  readonly source = 'exact'
  readonly #folders: ReadonlyMap<Controller, string>
  readonly #places: ReadonlyMap<Controller, Place>
  readonly #forget: () => void
  #processesSeen = 0

  constructor(folders: ReadonlyMap<Controller, string>, places: ReadonlyMap<Controller, Place>, forget: () => void) {
    this.#folders = folders
    this.#places = places
    this.#forget = forget
  }

  make(limits: GroupLimits): void {
    for (const folder of this.#unique()) mkdirSync(folder)
    const memory = String(Math.floor(limits.memoryBytesMax))
    if (this.#isVersion1('memory')) {
      write(this.#file('memory', 'memory.limit_in_bytes'), memory)
      // Memory plus swap; absent where the kernel does not account swap, and then swap is not limited either.
      writeIfThere(this.#file('memory', 'memory.memsw.limit_in_bytes'), memory)
    } else {
      write(this.#file('memory', 'memory.max'), memory)
      writeIfThere(this.#file('memory', 'memory.swap.max'), '0')
      writeIfThere(this.#file('memory', 'memory.oom.group'), '1')
    }
    write(this.#file('pids', 'pids.max'), String(limits.processesMax))
    if (!this.#places.has('cpu')) return
    const quota = Math.max(1000, Math.round(limits.cpusMax * PERIOD_MICROSECONDS))
    if (this.#isVersion1('cpu')) {
      write(this.#file('cpu', 'cpu.cfs_period_us'), String(PERIOD_MICROSECONDS))
      write(this.#file('cpu', 'cpu.cfs_quota_us'), String(quota))
    } else {
      write(this.#file('cpu', 'cpu.max'), `${quota} ${PERIOD_MICROSECONDS}`)
    }
  }

  join(firstPid: number): void {
    for (const folder of this.#unique()) write(path.join(folder, 'cgroup.procs'), String(firstPid))
  }

  members(): readonly number[] { return membersOf(this.#file('pids', '')) }

  poll(): void {
    this.#processesSeen = Math.max(this.#processesSeen, Number(read(this.#file('pids', 'pids.current')) || 0))
  }

  isOutOfMemory(): boolean {
    const events = read(this.#file('memory', this.#isVersion1('memory') ? 'memory.oom_control' : 'memory.events'))
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0) > 0
  }

  kill(): void { killAll(this.#unique()) }

  usage(): { cpuMs: number; memoryBytesPeak: number; processesPeak: number } {
    const cpuMs = this.#isVersion1('cpuacct')
      ? Number(read(this.#file('cpuacct', 'cpuacct.usage')) || 0) / 1e6
      : Number(/^usage_usec (\d+)$/m.exec(read(this.#file('cpuacct', 'cpu.stat')))?.[1] ?? 0) / 1e3
    const peakFile = this.#isVersion1('memory') ? 'memory.max_usage_in_bytes' : 'memory.peak'
    // memory.peak came with Linux 5.19, pids.peak with 6.12: before, what the polls saw.
    const processesPeak = Number(read(this.#file('pids', 'pids.peak')) || this.#processesSeen)
    return { cpuMs: Math.round(cpuMs), memoryBytesPeak: Number(read(this.#file('memory', peakFile)) || 0), processesPeak }
  }

  async remove(): Promise<void> {
    for (const folder of this.#unique()) await empty(folder)
    this.#forget()
  }

  #unique(): string[] { return [...new Set(this.#folders.values())] }
  #isVersion1(controller: Controller): boolean { return this.#places.get(controller)?.version === 1 }
  #file(controller: Controller, name: string): string { return path.join(this.#folders.get(controller) ?? '', name) }
}

const PERIOD_MICROSECONDS = 100_000
