import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { WorkerAnswer } from './worker.ts'
import type { WorldOptions } from './world.ts'

/** Runs worlds side by side, one per core, and tells each answer as it comes. */
export const runCrowd = async (worlds: Iterable<WorldOptions>, options: { readonly workers?: number | undefined; readonly each: (answer: WorkerAnswer) => void }): Promise<void> => {
  const queue = worlds[Symbol.iterator]()
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) options.each(await ask(worker, next.value))
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: options.workers ?? availableParallelism() }, work))
}

const ask = (worker: Worker, world: WorldOptions): Promise<WorkerAnswer> => new Promise((resolve, reject) => {
  const settle = (act: () => void) => () => {
    worker.off('message', done)
    worker.off('error', failed)
    act()
  }
  const done = (answer: WorkerAnswer): void => { settle(() => { resolve(answer) })() }
  const failed = (error: Error): void => { settle(() => { reject(error) })() }
  worker.on('message', done)
  worker.on('error', failed)
  worker.postMessage(world)
})
