import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { ChorusError } from '../../core/mod.ts'
import type { SandboxEnd, SandboxLimits, SandboxProcess } from '../../ports/mod.ts'
import { BoundedOutput } from './bounded-output.ts'
import { diskUsage } from './disk-usage.ts'
import type { Launched } from './launch.ts'
import { signal } from './resource-group.ts'
import type { ResourceGroup } from './resource-group.ts'

export interface RunOptions {
  readonly limits: SandboxLimits
  /** Host folders that count against `diskBytesMax`. */
  readonly writableFolders: readonly string[]
  readonly group: ResourceGroup
  readonly signal: AbortSignal | undefined
  /** What was made on the host for this run; called once, when everything is gone. */
  dispose(): Promise<void>
}

type Cause = Exclude<SandboxEnd['outcome'], 'exited'>

/**
 * One sandbox from launch to the last process gone. Ends by itself, by `kill()`, or by a limit, whichever is first:
 * SIGTERM to the members, after the grace SIGKILL to the namespace's init, with which the kernel ends every process.
 */
export class Run implements SandboxProcess {
  readonly stdin: Writable
  readonly ended: Promise<SandboxEnd>
  readonly #launched: Launched
  readonly #options: RunOptions
  readonly #outputs: { readonly stdout: BoundedOutput; readonly stderr: BoundedOutput }
  readonly #startedMs = performance.now()
  readonly #drained: Promise<unknown>
  readonly #timers = new Set<NodeJS.Timeout>()
  #firstPid: number | undefined
  #cause: Cause | undefined
  #isOver = false

  constructor(launched: Launched, options: RunOptions) {
    this.#launched = launched
    this.#options = options
    this.stdin = launched.stdin
    // A command that does not read its input is no failure.
    this.stdin.on('error', () => undefined)
    const { outputBytesMax } = options.limits
    this.#outputs = { stdout: new BoundedOutput(outputBytesMax), stderr: new BoundedOutput(outputBytesMax) }
    this.#drained = Promise.all([drain(launched.stdout, this.#outputs.stdout), drain(launched.stderr, this.#outputs.stderr)])
    this.ended = this.#watch()
  }

  get stdout(): Readable { return this.#outputs.stdout }
  get stderr(): Readable { return this.#outputs.stderr }

  /** Resolves when the command starts. Rejects with SANDBOX_UNAVAILABLE, everything cleaned up, when it never will. */
  async begin(): Promise<void> {
    const late = this.#after(SETUP_MS_MAX, () => { this.#end('killed') })
    try {
      // Ready before it has told its first process: nothing that we could hold, so nothing that may run.
      this.#firstPid = await Promise.race([this.#launched.firstPid, this.#launched.ready.then(() => undefined)])
      if (this.#firstPid === undefined) throw new Error('it did not report a process')
      this.#options.group.join(this.#firstPid)
      this.#launched.release()
      if (!await this.#launched.ready || this.#cause !== undefined) throw new Error('it ended before the command started')
    } catch (thrown) {
      this.#force()
      await this.ended
      const { failure } = await this.#launched.exited
      const said = String(this.#outputs.stderr.read() ?? '').trim().slice(0, 500)
      const reason = failure?.message ?? (said === '' ? (thrown as Error).message : said)
      throw new ChorusError('SANDBOX_UNAVAILABLE', `the sandbox could not be set up: ${reason}`, { cause: failure ?? thrown, setting: 'sandbox.kind' })
    }
    this.#cancel(late)
    this.#launched.go()
    this.#after(this.#options.limits.timeoutMs, () => { this.#end('timeout') })
    this.#poll()
    void this.#measure()
    this.#options.signal?.addEventListener('abort', this.#onAbort)
    if (this.#options.signal?.aborted === true) this.#onAbort()
  }

  kill(): Promise<SandboxEnd> {
    this.#end('killed')
    return this.ended
  }

  readonly #onAbort = (): void => { this.#end('killed') }

  /** The first cause stands; later ones change nothing. */
  #end(cause: Cause): void {
    if (this.#cause !== undefined || this.#isOver) return
    this.#cause = cause
    const isUrgent = cause === 'out-of-memory' || cause === 'disk-full'
    if (isUrgent || this.#firstPid === undefined) return this.#force()
    for (const pid of this.#options.group.members()) if (pid !== this.#firstPid) signal(pid, 'SIGTERM')
    this.#after(this.#options.limits.graceMs, () => { this.#force() })
  }

  #force(): void {
    if (this.#isOver) return
    if (this.#firstPid !== undefined && this.#options.group.members().includes(this.#firstPid)) signal(this.#firstPid, 'SIGKILL')
    this.#options.group.kill()
    this.#launched.child.kill('SIGKILL')
  }

  #poll(): void {
    const { group } = this.#options
    if (this.#isOver) return
    group.poll()
    if (group.isOutOfMemory()) this.#end('out-of-memory')
    this.#after(POLL_MS, () => { this.#poll() })
  }

  /** Looks at the disk, at most a tenth of the time. */
  async #measure(): Promise<void> {
    const fromMs = performance.now()
    if (this.#isOver || this.#options.writableFolders.length === 0) return
    if (await this.#isDiskFull()) return this.#end('disk-full')
    this.#after(Math.max(POLL_MS, (performance.now() - fromMs) * 9), () => { void this.#measure() })
  }

  async #isDiskFull(): Promise<boolean> {
    const { limits: { diskBytesMax }, writableFolders } = this.#options
    let bytes = 0
    for (const folder of writableFolders) bytes += await diskUsage(folder, diskBytesMax)
    return bytes > diskBytesMax
  }

  async #watch(): Promise<SandboxEnd> {
    const { group } = this.#options
    const exited = await this.#launched.exited
    group.poll()
    // bwrap ends a little before its namespace does; init is gone or going, and this makes sure of it.
    for (let triesMs = 1; group.members().length > 0; triesMs = Math.min(triesMs * 2, 100)) {
      group.kill()
      await delay(triesMs)
    }
    this.#isOver = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const wallMs = performance.now() - this.#startedMs
    if (group.isOutOfMemory()) this.#cause = 'out-of-memory'
    else if (this.#cause === undefined && this.#firstPid !== undefined && await this.#isDiskFull()) this.#cause = 'disk-full'
    // Nobody is left who could write; the deadline is for a pipe that went astray.
    await Promise.race([this.#drained, delay(DRAIN_MS_MAX, undefined, { ref: false })])
    for (const output of Object.values(this.#outputs)) output.end()
    const usage = { wallMs: Math.round(wallMs), ...group.usage(), source: group.source }
    // What cannot be removed now is found by the next reap; the command's end is known all the same.
    await group.remove().catch(() => undefined)
    await this.#options.dispose().catch(() => undefined)
    const outcome = this.#cause ?? (exited.code === null ? 'killed' : 'exited')
    const outputBytesDropped = this.#outputs.stdout.bytesDropped + this.#outputs.stderr.bytesDropped
    return { outcome, code: outcome === 'exited' ? exited.code : null, outputBytesDropped, usage }
  }

  #after(delayMs: number, callback: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      callback()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }

  #cancel(timer: NodeJS.Timeout): void {
    clearTimeout(timer)
    this.#timers.delete(timer)
  }
}

const SETUP_MS_MAX = 20_000
const POLL_MS = 200
const DRAIN_MS_MAX = 2_000

/**
 * What is over the limit is read on, so that the program is not held up, but slowly: a program that prints without end
 * would take a processor of ours, and we are in no group of its.
 */
const drain = (source: Readable, output: BoundedOutput): Promise<void> => new Promise((resolve) => {
  let pauseAt = DROPPED_BYTES_AT_ONCE
  source.on('data', (chunk: Buffer) => {
    output.accept(chunk)
    if (output.bytesDropped < pauseAt) return
    pauseAt = output.bytesDropped + DROPPED_BYTES_AT_ONCE
    source.pause()
    setTimeout(() => { source.resume() }, PAUSE_MS)
  })
  source.on('error', () => { resolve() })
  source.once('close', () => { resolve() })
})

/** About 50 MB a second. */
const DROPPED_BYTES_AT_ONCE = 1024 * 1024
const PAUSE_MS = 20
