import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { NodeHome } from './site.ts'
import type { StopInside } from './stop-inside.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

export type Enter = (command: readonly string[], options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) => { readonly child: ChildProcess }

const plainly: Enter = ([program = '', ...args], options) => ({ child: spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }) })

/** `chorus up` as a process of its own, watched by what it prints. */
export class UpProcess {
  readonly home: NodeHome
  readonly pid: number
  readonly events: { readonly kind: string; readonly [field: string]: unknown }[] = []
  readonly #child: ChildProcess
  #errors = ''

  /** `enter` starts a command elsewhere; it must become that command. */
  constructor(home: NodeHome, stop?: StopInside, enter: Enter = plainly) {
    this.home = home
    const preload = stop === undefined ? [] : ['--import', path.join(import.meta.dirname, 'stop-inside.ts')]
    const command = [process.execPath, ...preload, path.join(ROOT, 'bin/chorus.js'), 'up', '--json', '--config', home.config, '--state', home.state]
    this.#child = enter(command, { cwd: home.home, env: { ...process.env, HOME: home.home, TMPDIR: home.temporary, ...stop === undefined ? {} : { CHORUS_CRASH_STOP: JSON.stringify(stop) } } }).child
    this.pid = this.#child.pid ?? 0
    this.#child.stderr?.on('data', (chunk: Buffer) => { this.#errors = (this.#errors + chunk.toString('utf8')).slice(-4_000) })
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        try { this.events.push(JSON.parse(line) as { readonly kind: string }) } catch { this.#errors += line }
      })
    }
  }

  get running(): boolean { return this.#child.exitCode === null && this.#child.signalCode === null }
  get exitCode(): number | null { return this.#child.exitCode }
  get errors(): string { return this.#errors.trim() }

  said(kind: string): boolean { return this.events.some((event) => event.kind === kind) }

  signal(signal: NodeJS.Signals): void { this.#child.kill(signal) }

  /** SIGKILL to this process alone. Resolves when it is gone. */
  async kill(): Promise<void> { await this.#end('SIGKILL') }

  /** Asks it to end in order; its exit code. After the deadline it is killed, and the code is null. */
  async stop(deadlineMs = 60_000): Promise<number | null> {
    const timer = setTimeout(() => { this.#child.kill('SIGKILL') }, deadlineMs)
    try { await this.#end('SIGTERM') } finally { clearTimeout(timer) }
    return this.#child.exitCode
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
  }
}

export interface Patience {
  readonly everyMs?: number
  readonly timeoutMs?: number
  /** What is there instead, for the error. */
  readonly seen?: () => string
}

/** Rejects when it does not happen in time, or when the node that it is expected of ends. */
export const waitFor = async (node: UpProcess | undefined, what: string, look: () => boolean | Promise<boolean>, { everyMs = 60, timeoutMs = 120_000, seen = () => '' }: Patience = {}): Promise<void> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (await look()) return
    const events = (): string => (node?.events ?? []).map((event) => event.kind).filter((kind) => kind !== 'task_progressed').join(' ')
    if (node !== undefined && !node.running) throw new Error(`${what}: the node ended before (exit code ${node.exitCode}) ${node.errors}; it said: ${events()}`)
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1_000} s: ${seen()}; the node said: ${events()} ${node?.errors ?? ''}`)
    await new Promise((resolve) => { setTimeout(resolve, everyMs) })
  }
}
