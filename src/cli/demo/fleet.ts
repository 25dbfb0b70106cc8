import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ChorusError, ERROR_CODES } from '../../core/mod.ts'
import type { ErrorCode } from '../../core/mod.ts'

/** One line that a node printed: an event, as in docs/protocol.md it is never believed, only shown. */
export interface NodeLine {
  readonly kind: string
  readonly at: string
  readonly [field: string]: unknown
}

export interface FleetNode {
  readonly name: string
  readonly role: string
  readonly configFile: string
  readonly stateFolder: string
}

export interface Launch {
  /** What comes before the command line, to run it elsewhere; it must become the command. */
  readonly enter?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Until its first line; default a minute. */
  readonly readyMs?: number
}

/** One node as a process of its own, as `chorus up` would run it. Killed or ended, it can be started again. */
export class NodeProcess {
  readonly node: FleetNode
  #child: ChildProcess | undefined
  #errors = ''
  readonly #onLine: (line: NodeLine) => void

  readonly #launch: Launch

  constructor(node: FleetNode, onLine: (line: NodeLine) => void, launch: Launch = {}) {
    this.node = node
    this.#launch = launch
    this.#onLine = onLine
  }

  get pid(): number | undefined { return this.#child?.pid }
  get running(): boolean { return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null }
  /** The last of what it wrote to standard error. */
  get errors(): string { return this.#errors }

  /** Resolves with its first line, `node_ready`; rejects when it ends before, or says nothing for too long: then it is killed. */
  async start(): Promise<NodeLine> {
    const entry = process.argv[1]
    if (entry === undefined) throw new ChorusError('INTERNAL', 'the path of the running program is not known')
    const { enter = [], environment = {}, readyMs = 60_000 } = this.#launch
    const [program = process.execPath, ...args] = [...enter, process.execPath, entry, 'up', '--json', '--config', this.node.configFile, '--state', this.node.stateFolder]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => { this.#errors = (this.#errors + chunk.toString('utf8')).slice(-4_000) })
    const ready = Promise.withResolvers<NodeLine>()
    let refusal: ChorusError | undefined
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parseLine(text)
      if (line === undefined) { refusal = parseRefusal(text) ?? refusal; return }
      if (line.kind === 'node_ready') ready.resolve(line)
      this.#onLine(line)
    })
    child.once('error', (cause) => { ready.reject(new ChorusError('INTERNAL', `${this.node.name} could not be started`, { cause })) })
    // `close` rather than `exit`: by then all that it said has been read.
    child.once('close', (code, signal) => {
      ready.reject(refusal ?? new ChorusError('INTERNAL', `${this.node.name} ended at its start (${signal ?? code ?? ''}): ${this.#errors.trim().slice(-600)}`))
    })
    const timer = setTimeout(() => {
      ready.reject(new ChorusError('INTERNAL', `${this.node.name} was not ready within ${readyMs / 1_000} s: ${this.#errors.slice(-600)}`))
      child.kill('SIGKILL')
    }, readyMs)
    try { return await ready.promise } finally { clearTimeout(timer) }
  }

  kill(): void { this.#child?.kill('SIGKILL') }

  /** Asks it to drain and end; after the deadline it is killed. Idempotent. */
  async stop(deadlineMs = 20_000): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => { child.kill('SIGKILL') }, deadlineMs)
    try { await gone } finally { clearTimeout(timer) }
  }
}

const parseLine = (text: string): NodeLine | undefined => {
  const value = parseObject(text)
  return typeof value?.kind === 'string' ? value as NodeLine : undefined
}

/** The line with which a command says, under --json, why it ends: the machine is at fault then, not this node. */
const parseRefusal = (text: string): ChorusError | undefined => {
  const { error, code, setting } = parseObject(text) ?? {}
  if (typeof error !== 'string' || typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code)) return undefined
  return new ChorusError(code as ErrorCode, error, typeof setting === 'string' ? { setting } : {})
}

const parseObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  if (text.length > 64 * 1024) return undefined
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : undefined
  } catch {
    // A library's stray line on standard output is no event.
    return undefined
  }
}
