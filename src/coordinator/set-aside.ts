import { BoundedMap } from '../core/mod.ts'
import type { TaskKey } from '../core/mod.ts'
import type { Backoff } from './times.ts'

/**
 * Tasks that this node leaves to others for a while, because it could not claim them or had to give them back: twice as
 * long each time in a row. Without it a node whose sandbox is broken would use up a task's epochs within seconds.
 */
export class SetAside {
  readonly #tasks = new BoundedMap<TaskKey, { readonly untilMs: number; readonly times: number }>(10_000)

  add(key: TaskKey, nowMs: number, { firstMs, longestMs }: Backoff): void {
    const times = (this.#tasks.get(key)?.times ?? 0) + 1
    this.#tasks.set(key, { untilMs: nowMs + Math.min(longestMs, firstMs * 2 ** Math.min(times - 1, 20)), times })
  }

  has(key: TaskKey, nowMs: number): boolean { return nowMs < (this.#tasks.get(key)?.untilMs ?? -Infinity) }

  /** It went well, or a person wants it tried. */
  clear(key: TaskKey): void { this.#tasks.delete(key) }
}
