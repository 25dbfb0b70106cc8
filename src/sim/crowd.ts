import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { WorkerAnswer } from './worker.ts'
import type { WorldOptions } from './world.ts'

/** Runs worlds side by side, one per core, and tells each answer as it comes. */
export const runCrowd = (worlds: Iterable<WorldOptions>, options: SideBySide<WorkerAnswer>): Promise<void> =>
  sideBySide(new URL('./worker.ts', import.meta.url), worlds, options)

export interface SideBySide<Answer> {
  /** One per core when not given. */
  readonly workers?: number | undefined
  /** Throws to end it all. */
  readonly each: (answer: Answer) => void
}

/** A world makes much that lives for a moment: room for it spares the collector half of its rounds. */
const YOUNG_MB = 96

/** Hands items to workers that run this script, one at a time to each; every item has one answer. */
export const sideBySide = async <Item, Answer>(script: URL, items: Iterable<Item>, options: SideBySide<Answer>): Promise<void> => {
  const queue = items[Symbol.iterator]()
  const work = async (): Promise<void> => {
    const worker = new Worker(script, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) options.each(await ask<Item, Answer>(worker, next.value))
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: options.workers ?? availableParallelism() }, work))
}

const ask = <Item, Answer>(worker: Worker, item: Item): Promise<Answer> => new Promise((resolve, reject) => {
  const settle = (act: () => void) => () => {
    worker.off('message', done)
    worker.off('error', failed)
    act()
  }
  const done = (answer: Answer): void => { settle(() => { resolve(answer) })() }
  const failed = (error: Error): void => { settle(() => { reject(error) })() }
  worker.on('message', done)
  worker.on('error', failed)
  worker.postMessage(item)
})
