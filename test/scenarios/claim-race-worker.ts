import { GitRefStore, GitRepository } from '../../src/adapters/git/mod.ts'
import { SystemClock, SystemEntropy } from '../../src/adapters/system/mod.ts'
import { messageOf, taskKey } from '../../src/core/mod.ts'
import type { Logger } from '../../src/ports/mod.ts'
import { MemoryIntentLog } from '../../src/testing/claims-bench.ts'
import { SeededSigner } from '../../src/testing/seeded-signer.ts'
import { Claims } from '../../src/work/claims/mod.ts'

/** One node of the race, in a process of its own: production claims over the production git store. */
export interface RacerOrder {
  readonly name: string
  readonly remote: string
  readonly folder: string
  readonly tasks: number
}

export type RacerReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly name: string; readonly node: string; readonly won: readonly Win[]; readonly lost: number; readonly failures: readonly string[] }

export interface Win {
  readonly number: string
  readonly ref: string
  readonly oid: string
  readonly ms: number
}

const SILENT: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT }
const tell = (report: RacerReport): void => { process.send?.(report) }
const told = (): Promise<unknown> => new Promise((resolve) => { process.once('message', resolve) })

const race = async (order: RacerOrder): Promise<void> => {
  const repository = new GitRepository({ folder: order.folder, remote: order.remote, networkTimeoutMs: 120_000 })
  const store = new GitRefStore(repository)
  await store.start()
  const signer = new SeededSigner(order.name)
  const claims = new Claims({
    store, signer, clock: new SystemClock(), entropy: new SystemEntropy(), logger: SILENT, intents: new MemoryIntentLog(),
    isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
  }, { leaseMs: 1_200_000, renewMs: 300_000 })
  await claims.start()
  tell({ kind: 'ready' })
  await told()

  const won: Win[] = []
  const failures: string[] = []
  let lost = 0
  for (let task = 1; task <= order.tasks; task += 1) {
    const number = String(task)
    const before = performance.now()
    try {
      const claim = await claims.acquire(taskKey({ provider: 'local', repository: 'race', number }))
      if (claim.ok) won.push({ number, ref: claim.value.ref, oid: claim.value.oid, ms: performance.now() - before })
      else lost += 1
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  tell({ kind: 'done', name: order.name, node: signer.node, won, lost, failures })
  await told()
  await claims.stop()
  await repository.stop()
  process.disconnect()
}

await race(await told() as RacerOrder)
