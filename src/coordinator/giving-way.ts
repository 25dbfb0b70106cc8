import { BoundedMap } from '../core/mod.ts'
import type { NodeId, TaskKey } from '../core/mod.ts'

/**
 * Tasks that better suited nodes with free slots will probably take: since when this node leaves each to them, and until
 * when. It keeps no slot for them meanwhile, so that it can begin at once what is its own.
 */
export class GivingWay {
  readonly #tasks = new BoundedMap<TaskKey, Wait>(10_000)

  /** When this node may take it itself; `courtesyMs` is asked for once, when it is first seen. */
  dueMs(key: TaskKey, nowMs: number, { to, courtesyMs }: { readonly to: NodeId; readonly courtesyMs: () => number }): number {
    const known = this.#tasks.get(key)
    if (known !== undefined) return known.dueMs
    const dueMs = nowMs + courtesyMs()
    this.#tasks.set(key, { to, sinceMs: nowMs, dueMs, isTold: false })
    return dueMs
  }

  /**
   * A node was heard to claim it: how long after this node began to wait for just that one. Undefined when it waited for
   * another, or does not wait. Only hearsay: should the refs not bear it out, the wait goes on from where it was.
   */
  claimed(key: TaskKey, by: NodeId, nowMs: number): number | undefined {
    const wait = this.#tasks.get(key)
    if (wait === undefined || wait.isTold || wait.to !== by) return undefined
    this.#tasks.set(key, { ...wait, isTold: true })
    return nowMs - wait.sinceMs
  }

  has(key: TaskKey): boolean { return this.#tasks.has(key) }

  /** It is begun here, or cannot be claimed any more. */
  end(key: TaskKey): void { this.#tasks.delete(key) }

  /** Without a free slot this node waits for nothing. */
  endAll(): void { this.#tasks.clear() }
}

interface Wait {
  /** Whose turn it was when it was first seen. */
  readonly to: NodeId
  readonly sinceMs: number
  readonly dueMs: number
  readonly isTold: boolean
}
