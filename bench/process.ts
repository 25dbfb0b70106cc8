import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'

const READY_MS_MAX = 60_000
const STOP_MS_MAX = 15_000
const running = new Set<ChildProcess>()
// Nothing outlives the run, however it ends.
process.once('exit', () => { for (const child of running) child.kill('SIGKILL') })

/** One process that says when it is ready, and is asked for its memory and time from outside (proc(5)). */
export class MeasuredProcess {
  /** From spawn to the line that says ready. */
  readonly readyMs: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, readyMs: number) {
    this.#child = child
    this.readyMs = readyMs
  }

  /** `onLine` hears every line of standard output; the first for which `isReady` holds ends the start. */
  static async start([program = '', ...args]: readonly string[], lines: { readonly isReady: (line: string) => boolean; readonly onLine?: (line: string) => void; readonly environment?: Readonly<Record<string, string>> }): Promise<MeasuredProcess> {
    const begunMs = performance.now()
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...lines.environment } })
    running.add(child)
    child.once('exit', () => { running.delete(child) })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-2_000) })
    const ready = Promise.withResolvers<number>()
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (lines.isReady(line)) ready.resolve(performance.now() - begunMs)
      else said = `${said}${line}\n`.slice(-2_000)
      lines.onLine?.(line)
    })
    child.once('error', ready.reject)
    child.once('exit', () => { ready.reject(new Error(`${program} ${args.join(' ')} ended before it was ready: ${said}`)) })
    const timer = setTimeout(() => { ready.reject(new Error(`${program} ${args.join(' ')} was not ready in time: ${said}`)); child.kill('SIGKILL') }, READY_MS_MAX)
    try { return new MeasuredProcess(child, await ready.promise) } finally { clearTimeout(timer) }
  }

  /** Resident, with the processes that it keeps. */
  memoryMb(): number {
    const kb = this.#family().map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0))
    return kb.reduce((sum, value) => sum + value, 0) / 1024
  }

  /** Processor time so far, with that of every process it has started and waited for; milliseconds in steps of a clock tick (10). */
  cpuMs(): number {
    const ticks = this.#family().map((pid) => {
      const text = read(`/proc/${pid}/stat`)
      const [utime = 0, stime = 0, childrenUtime = 0, childrenStime = 0] = text.slice(text.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number)
      return utime + stime + childrenUtime + childrenStime
    })
    return ticks.reduce((sum, value) => sum + value, 0) * 10
  }

  async stop(): Promise<void> {
    if (!running.has(this.#child)) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => { this.#child.kill('SIGKILL') }, STOP_MS_MAX)
    try { await gone } finally { clearTimeout(timer) }
  }

  #family(): readonly number[] {
    const parents = new Map(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
      const text = read(`/proc/${name}/stat`)
      return [Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])]
    }))
    const family = [this.#child.pid ?? 0]
    for (let at = 0; at < family.length; at += 1) for (const [pid, parent] of parents) if (parent === family[at]) family.push(pid)
    return family
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It has ended since it was listed.
    return ''
  }
}
