import type { Readable, Writable } from 'node:stream'

/** Runs untrusted programs. Fails closed: without a working sandbox nothing runs. */
export interface Sandbox {
  readonly name: string
  /** Tries it for real (runs `true`, `node`, `git` inside); the answer is kept for the life of the process. */
  probe(): Promise<SandboxProbe>
  /** Rejects with SANDBOX_UNAVAILABLE when it cannot be set up: that is never the command's own failure. */
  start(spec: SandboxSpec): Promise<SandboxProcess>
  /** Kills and removes what earlier processes of this state folder left. Returns how many. */
  reap(): Promise<number>
}

export interface SandboxSpec {
  /** Program and arguments, found inside the sandbox. */
  readonly command: readonly string[]
  /** Host folder bound at /workspace, which is also the working directory. */
  readonly workspace: { readonly path: string; readonly writable: boolean }
  /** Further host paths, each at a fixed place inside. */
  readonly mounts: readonly SandboxMount[]
  /** The whole environment besides PATH, HOME, TMPDIR and LANG, which the sandbox sets. No secrets. */
  readonly environment: Readonly<Record<string, string>>
  readonly network: SandboxNetwork
  readonly limits: SandboxLimits
  /** Names the run in logs and resource groups: letters, digits and dashes. */
  readonly label: string
  readonly signal?: AbortSignal | undefined
}

export interface SandboxMount {
  readonly source: string
  readonly target: string
  readonly writable: boolean
}

/** `none`: no network but an own loopback. `socket`: a unix socket on the host answers at 127.0.0.1:`port` inside. */
export type SandboxNetwork = { readonly kind: 'none' } | { readonly kind: 'socket'; readonly socketPath: string; readonly port: number }

export interface SandboxLimits {
  readonly timeoutMs: number
  /** Between the polite and the forced end. */
  readonly graceMs: number
  readonly memoryBytesMax: number
  readonly processesMax: number
  readonly cpusMax: number
  /** Per stream; what comes after is counted and dropped. */
  readonly outputBytesMax: number
  /** Largest single file, and the size of /tmp and the home folder. */
  readonly fileBytesMax: number
  /** Total bytes in a writable workspace, polled; over it the run is killed. */
  readonly diskBytesMax: number
}

export interface SandboxProcess {
  readonly stdin: Writable
  /** Ends when the process tree is gone. Bounded by `outputBytesMax`. */
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves when every process of the sandbox is gone; never rejects. */
  readonly ended: Promise<SandboxEnd>
  /** Ends the whole tree: polite, then forced after the grace. Idempotent. */
  kill(): Promise<SandboxEnd>
}

export interface SandboxEnd {
  readonly outcome: 'exited' | 'timeout' | 'killed' | 'out-of-memory' | 'disk-full'
  /** Exit code of the command, 128 + signal; null when it was not its own end. */
  readonly code: number | null
  readonly outputBytesDropped: number
  readonly usage: ResourceUsage
}

export interface ResourceUsage {
  readonly wallMs: number
  readonly cpuMs: number
  readonly memoryBytesPeak: number
  readonly processesPeak: number
  /** exact: from the kernel's accounting group; sampled: polled, a lower bound. */
  readonly source: 'exact' | 'sampled'
}

export type SandboxProbe =
  | { readonly available: true; readonly facts: Readonly<Record<string, string | boolean>> }
  | { readonly available: false; readonly reason: string; readonly fix: string }
