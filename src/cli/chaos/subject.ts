import { NodeProcess } from '../demo/fleet.ts'
import type { NodeLine } from '../demo/fleet.ts'
import type { Cut } from './namespaces.ts'
import type { Site } from './site.ts'
import type { StagedNode } from './stage.ts'

/** Of ten that start on two cores the last takes long. */
const READY_MS = 120_000

/** One node of a drill: what is being done to it, and when that ends. */
export class Subject {
  readonly index: number
  readonly node: StagedNode
  readonly #site: Site
  readonly #process: NodeProcess
  /** Its id; known from its first start on. */
  id: string | undefined
  state: 'starting' | 'up' | 'down' | 'stopped' = 'down'
  cutOff = false
  full = false
  /** What is to be done when; performance.now(). */
  restartAtMs = Infinity
  wakeAtMs = Infinity
  healAtMs = Infinity
  roomAtMs = Infinity
  /** Of a sleeper: the claim that is to be taken over while it sleeps. */
  asleepWith: { readonly ref: string; readonly epoch: number } | undefined

  constructor(index: number, node: StagedNode, about: { readonly site: Site; readonly onLine: (line: NodeLine) => void }) {
    this.index = index
    this.node = node
    this.#site = about.site
    this.#process = new NodeProcess(node, (line) => {
      if (line.kind === 'node_ready') this.id = String(line.node)
      about.onLine(line)
    }, { enter: about.site.enter(index), environment: about.site.environment(index), readyMs: READY_MS })
  }

  get well(): boolean { return this.state === 'up' && !this.cutOff && !this.full }
  get small(): boolean { return this.#site.disks.has(this.index) }
  get running(): boolean { return this.#process.running }
  get errors(): string { return this.#process.errors }

  /** Rejects when it does not come up, as when it cannot reach the repository. */
  async start(): Promise<void> {
    this.restartAtMs = Infinity
    this.state = 'starting'
    try {
      await this.#process.start()
      this.state = 'up'
    } catch (thrown) {
      this.state = 'down'
      throw thrown
    }
  }

  /** SIGKILL, to the process alone: what it had started is its next start's to clear away. */
  kill(): void {
    this.state = 'down'
    this.#process.kill()
  }

  freeze(): void { this.state = 'stopped'; this.#signal('SIGSTOP') }

  thaw(): void {
    this.wakeAtMs = Infinity
    this.asleepWith = undefined
    if (this.state !== 'stopped') return
    this.state = 'up'
    this.#signal('SIGCONT')
  }

  cut(cut: Cut): void { this.cutOff = true; this.#site.namespaces?.cut(this.index, cut) }
  heal(): void { this.healAtMs = Infinity; this.cutOff = false; this.#site.namespaces?.heal(this.index) }
  fill(): void { this.full = true; this.#site.disks.get(this.index)?.fill() }
  makeRoom(): void { this.roomAtMs = Infinity; this.full = false; this.#site.disks.get(this.index)?.makeRoom() }

  /** In order; killed when that takes longer than the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.thaw()
    await this.#process.stop(deadlineMs)
    this.state = 'down'
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this.#process
    if (pid === undefined || !this.#process.running) return
    try {
      process.kill(pid, signal)
    } catch {
      // It ended in this very moment; the next look sees it.
    }
  }
}
