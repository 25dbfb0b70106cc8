import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import type { Sandbox, SandboxProbe, SandboxProcess, SandboxSpec } from '../../ports/mod.ts'
import { FORWARDER_PROCESSES, sandboxArguments } from './arguments.ts'
import { CgroupGroups } from './cgroup.ts'
import { cgroupLayout } from './cgroup-layout.ts'
import { read } from './cgroup-files.ts'
import { findHost } from './host-layout.ts'
import type { HostLayout } from './host-layout.ts'
import { launch } from './launch.ts'
import { makeMountPoints, ownerFor } from './ownership.ts'
import type { Identity } from './ownership.ts'
import { probeSandbox, reapProbes } from './probe.ts'
import type { ResourceGroup, ResourceGroups } from './resource-group.ts'
import { RlimitGroups } from './rlimit-group.ts'
import { Run } from './run.ts'
import { seccompFilter } from './seccomp.ts'
import { isFilterArchitecture } from './seccomp-numbers.ts'
import { checkSpec } from './spec.ts'
import { NO_STAGE, openStage, reapStages } from './staging.ts'

export interface BubblewrapOptions {
  /** Names this node's state folder in resource groups: 1 to 16 lower-case letters and digits. */
  readonly instance: string
  /** The Node that programs inside get as `node`. Default: the one that runs us. */
  readonly nodePath?: string | undefined
  /** The `npm` program whose package is bound. Default: the one on the search path. */
  readonly npmPath?: string | undefined
  /** Where bwrap and npm are looked for, as $PATH. Default: ours. */
  readonly searchPath?: string | undefined
  /** First of the uids that sandboxes of a coordinator that is root run as. Default 10001. */
  readonly uidBase?: number | undefined
  /** How many uids from there on workspaces may belong to. Default 64. */
  readonly uidCount?: number | undefined
  /** auto: control groups where they can be written, else limits per process with sampling. */
  readonly limits?: 'auto' | 'cgroup' | 'rlimit' | undefined
}

export const FIX = 'install bubblewrap (0.8 or newer) and socat (Debian, Ubuntu: apt-get install bubblewrap socat) and allow user namespaces ' +
  '(sysctl -w user.max_user_namespaces=10000; on Ubuntu 24.04 and newer also kernel.apparmor_restrict_unprivileged_userns=0; in Docker: ' +
  '--security-opt seccomp=unconfined --security-opt systempaths=unconfined)'

/** Sandboxes by bubblewrap (bwrap(1)): namespaces, no capabilities, a system call filter, limits by the kernel. */
export class BubblewrapSandbox implements Sandbox {
  readonly name = 'bubblewrap'
  readonly #options: BubblewrapOptions
  #bench: Promise<Bench> | undefined
  #probe: Promise<SandboxProbe> | undefined
  #sequence = 0

  constructor(options: BubblewrapOptions) { this.#options = options }

  probe(): Promise<SandboxProbe> {
    this.#probe ??= probeSandbox(this, () => this.#facts(), { fix: FIX, instance: this.#options.instance })
    return this.#probe
  }

  async start(spec: SandboxSpec): Promise<SandboxProcess> {
    spec.signal?.throwIfAborted()
    checkSpec(spec)
    const bench = await this.#open()
    for (const source of [...spec.mounts.map((mount) => mount.source), ...spec.network.kind === 'socket' ? [spec.network.socketPath] : []]) {
      await stat(source).catch((cause: unknown) => { throw unavailable(`nothing to bind at ${source}`, cause) })
    }
    const uid = await ownerFor(spec.workspace, bench.identity)
    await makeMountPoints(spec.workspace.path, spec.mounts, { uid, give: bench.identity.isRoot })
    const processesMax = spec.limits.processesMax + OWN_PROCESSES + (spec.network.kind === 'socket' ? FORWARDER_PROCESSES + 1 : 0)
    const limits = { ...spec.limits, processesMax }
    const stage = bench.identity.isRoot ? await openStage(sourcesOf(spec, bench.host), { uid, instance: this.#options.instance }) : NO_STAGE
    this.#sequence += 1
    let run: Run
    let group: ResourceGroup | undefined
    try {
      const request = { ...spec, limits, processLimits: bench.groups.needsProcessLimits, openFilesMax: bench.openFilesMax }
      const plan = {
        prefix: stage.prefix, bwrap: bench.host.bwrap, seccomp: bench.seccomp,
        arguments: sandboxArguments(request, bench.host, stage.sourceOf),
        uid: bench.identity.isRoot && stage.prefix.length === 0 ? uid : undefined,
      }
      group = bench.groups.create(`${spec.label}-${process.pid}-${this.#sequence}`, limits)
      const folders = [...spec.workspace.writable ? [spec.workspace.path] : [], ...spec.mounts.filter((mount) => mount.writable).map((mount) => mount.source)]
      run = new Run(launch(plan), { limits, writableFolders: folders, group, signal: spec.signal, dispose: () => stage.dispose() })
    } catch (thrown) {
      await group?.remove()
      await stage.dispose()
      throw unavailable(messageOf(thrown), thrown)
    }
    await run.begin()
    return run
  }

  async reap(): Promise<number> {
    const { groups, identity } = await this.#open()
    await reapProbes(this.#options.instance)
    const stages = identity.isRoot ? await reapStages(this.#options.instance) : 0
    return Math.max(await groups.reap(), stages)
  }

  async #facts(): Promise<Readonly<Record<string, string | boolean>>> {
    const { groups, identity } = await this.#open()
    return { limits: groups.kind, cpuLimit: groups.holdsCpus, usage: groups.needsProcessLimits ? 'sampled' : 'exact', seccomp: true, uid: String(identity.uid) }
  }

  /** What holds for every run, found out once; a failure is found out again, since it may be mended meanwhile. */
  #open(): Promise<Bench> {
    this.#bench ??= openBench(this.#options).catch((thrown: unknown) => {
      this.#bench = undefined
      throw thrown
    })
    return this.#bench
  }
}

interface Bench {
  readonly host: HostLayout
  readonly identity: Identity
  readonly groups: ResourceGroups
  readonly seccomp: Uint8Array
  readonly openFilesMax: number
}

/** bwrap's reaper inside. */
const OWN_PROCESSES = 1
const OPEN_FILES_MAX = 8192

const unavailable = (reason: string, cause?: unknown): ChorusError =>
  new ChorusError('SANDBOX_UNAVAILABLE', `the sandbox could not be set up: ${reason}`, { cause, setting: 'sandbox.kind' })

const openBench = async (options: BubblewrapOptions): Promise<Bench> => {
  if (!/^[a-z0-9]{1,16}$/.test(options.instance)) throw new RangeError(`instance of 1 to 16 letters and digits expected, got ${options.instance}`)
  if (process.platform !== 'linux') throw unavailable(`bubblewrap needs Linux, this is ${process.platform}`)
  if (!isFilterArchitecture(process.arch)) throw unavailable(`no system call filter for ${process.arch}, only for x64 and arm64`)
  const searchPath = options.searchPath ?? process.env['PATH'] ?? '/usr/bin:/bin'
  const host = await findHost({ searchPath, nodePath: options.nodePath ?? process.execPath, npmPath: options.npmPath })
  if (host === undefined) throw unavailable('bwrap is not installed')
  const isRoot = process.getuid?.() === 0
  const identity = { isRoot, uid: isRoot ? options.uidBase ?? 10_001 : process.getuid?.() ?? 0, uidCount: options.uidCount ?? 64 }
  const hardLimit = /^Max open files\s+\S+\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1]
  return {
    host, identity, groups: openGroups(options), seccomp: seccompFilter(process.arch),
    openFilesMax: Math.min(OPEN_FILES_MAX, Number(hardLimit ?? OPEN_FILES_MAX)),
  }
}

const openGroups = (options: BubblewrapOptions): ResourceGroups => {
  if (options.limits === 'rlimit') return new RlimitGroups()
  const layout = cgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'), read('/proc/self/cgroup'), (mountPoint) => read(path.join(mountPoint, 'cgroup.controllers')))
  const groups = CgroupGroups.open(options.instance, layout)
  if (groups instanceof CgroupGroups) return groups
  if (options.limits === 'cgroup') throw unavailable(`limits cannot be held: ${groups.reason}`)
  return new RlimitGroups()
}

const sourcesOf = (spec: SandboxSpec, host: HostLayout): string[] => [
  spec.workspace.path, host.node, ...host.npmFolder === undefined ? [] : [host.npmFolder], ...spec.mounts.map((mount) => mount.source),
  ...spec.network.kind === 'socket' ? [path.dirname(spec.network.socketPath)] : [],
]
