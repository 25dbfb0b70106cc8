import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { GitRefStore, GitRepository } from '../src/adapters/git/mod.ts'
import { headFile, openHypercoreLog, signedHeadPath } from '../src/adapters/hypercore/mod.ts'
import { SecretlintScanner } from '../src/adapters/secretlint/mod.ts'
import { KeySigner, SystemClock, SystemEntropy } from '../src/adapters/system/mod.ts'
import { taskKey } from '../src/core/mod.ts'
import type { Oid, SessionId, TaskKey } from '../src/core/mod.ts'
import { AuditLog } from '../src/memory/audit/mod.ts'
import { Redactor } from '../src/memory/redaction/mod.ts'
import { intentsOf } from '../src/node/intents.ts'
import type { Logger } from '../src/ports/mod.ts'
import { GitHttpServer } from '../src/testing/git-http-server.ts'
import { Claims } from '../src/work/claims/mod.ts'
import type { IntentLog } from '../src/work/claims/mod.ts'

const run = promisify(execFile)

/** Both sides push to the same bare repository behind the same git server over http on loopback. */
export interface ClaimsSite {
  readonly claims: Claims
  /** Until the log holds what became of every intent: it is not part of a claim, and must not run into the next round. */
  settled(): Promise<void>
  /** A bare push: one git program, and nothing else. */
  push(updates: readonly { readonly ref: string; readonly from: Oid | null; readonly to: Oid }[]): Promise<void>
  /** A commit in the baseline's own repository, made outside of what is timed. */
  commit(parent: Oid | null, message: string): Promise<Oid>
  close(): Promise<void>
}

export const keyOf = (number: number): TaskKey => taskKey({ provider: 'local', repository: 'bench', number: String(number) })

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => quiet }
/** Longer than any row takes, so that no renewal falls between two rounds. */
const LEASE_MS = 1_800_000

export const openClaimsSite = async (folder: string): Promise<ClaimsSite> => {
  const served = path.join(folder, 'served')
  await mkdir(served, { recursive: true })
  await run('git', ['init', '--quiet', '--bare', path.join(served, 'remote.git')])
  await run('git', ['-C', path.join(served, 'remote.git'), 'config', 'http.receivepack', 'true'])
  const server = new GitHttpServer(served)
  await server.start()
  const url = server.url('remote.git')

  const bare = new GitRepository({ folder: path.join(folder, 'bare'), remote: url, branch: 'main' })
  const mine = new GitRepository({ folder: path.join(folder, 'mine'), remote: url, branch: 'main', userConfig: true })
  for (const repository of [bare, mine]) await repository.start()
  const maker = new GitRefStore(bare)

  // As a node composes it: every intent is redacted, chained, signed, and on disk before the push.
  const entropy = new SystemEntropy()
  const [clock, signer] = [new SystemClock(), new KeySigner(entropy.bytes(32))]
  const log = path.join(folder, 'log')
  const store = await openHypercoreLog({ folder: log })
  const session = entropy.uuid() as SessionId
  const redactor = new Redactor({ scanner: new SecretlintScanner(), hashKey: entropy.bytes(32), known: [], onFound: () => undefined })
  const audit = new AuditLog({ store, head: headFile(signedHeadPath(log)), signer, clock, redactor, session })
  await audit.start()
  const settling = new Set<Promise<void>>()
  const durable = intentsOf(audit, 'local:bench')
  const intents: IntentLog = {
    ...durable,
    settled: (oid, outcome) => {
      const done = durable.settled(oid, outcome).finally(() => { settling.delete(done) })
      settling.add(done)
      return done
    },
  }
  const claims = new Claims({
    store: new GitRefStore(mine), signer, clock, entropy, logger: quiet, intents,
    isMember: () => true, holderUnreachable: () => ({ witnesses: 0, others: 0 }),
  }, { session, leaseMs: LEASE_MS, renewMs: LEASE_MS / 3 })
  await claims.start()

  return {
    claims,
    settled: async () => { await Promise.all(settling) },
    push: async (updates) => {
      const leases = updates.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ''}`)
      await run('git', ['--git-dir', bare.gitDir, 'push', '--quiet', ...leases, url, ...updates.map(({ ref, to }) => `${to}:${ref}`)])
    },
    commit: (parent, message) => maker.create({ parent, message, atSeconds: 1_700_000_000 }),
    close: async () => {
      await claims.stop()
      await store.close()
      for (const repository of [bare, mine]) await repository.stop()
      await server.stop()
    },
  }
}
