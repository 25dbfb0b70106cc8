import { parentPort } from 'node:worker_threads'
import { runSeed } from './run-seed.ts'
import type { WorldOptions, WorldResult } from './world.ts'

/** One of the runner's hands: seeds in, results out, one at a time. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly result: WorldResult; readonly wallMs: number }
  | { readonly kind: 'broke'; readonly seed: string; readonly reason: string }

parentPort?.on('message', (options: WorldOptions) => {
  const answer = (message: WorkerAnswer): void => { parentPort?.postMessage(message) }
  runSeed(options).then(
    ({ wallMs, world: _world, ...result }) => { answer({ kind: 'done', result, wallMs }) },
    (thrown: unknown) => { answer({ kind: 'broke', seed: String(options.seed), reason: thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown) }) },
  )
})
