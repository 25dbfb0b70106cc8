import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { NodeHome } from './site.ts'
import type { StopInside } from './stop-inside.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

/** `chorus up` as a process of its own, watched by what it prints. */
export class UpProcess {
  readonly pid: number
  readonly events: { readonly kind: string; readonly [field: string]: unknown }[] = []
  readonly #child: ChildProcess
  #errors = ''

  constructor(home: NodeHome, stop?: StopInside) {
    const preload = stop === undefined ? [] : ['--import', path.join(import.meta.dirname, 'stop-inside.ts')]
    this.#child = spawn(process.execPath, [...preload, path.join(ROOT, 'bin/chorus.js'), 'up', '--json', '--config', home.config, '--state', home.state], {
      cwd: home.home, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: home.home, TMPDIR: home.temporary, ...stop === undefined ? {} : { CHORUS_CRASH_STOP: JSON.stringify(stop) } },
    })
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
