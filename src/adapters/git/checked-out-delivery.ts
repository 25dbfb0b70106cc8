import { EMPTY_TREE } from '../../core/mod.ts'
import type { RefName } from '../../core/mod.ts'
import type { PushAnswer, RefUpdate } from '../../ports/mod.ts'
import { lastLines, runGit } from './command.ts'
import { DeliveryJournal } from './delivery-journal.ts'
import type { Delivery } from './delivery-journal.ts'
import { RefTransaction } from './ref-transaction.ts'
import type { GitRepository } from './repository.ts'
import { ignoredInTheWay, editsInTheWay, unfinishedOperation } from './work-tree.ts'

/**
 * Moves refs of a repository on this machine, one of them a branch that is checked out, without `updateInstead`
 * (which rewrites the work tree even when the fence refuses). Two phases: all refs are locked and compared in one
 * transaction; the work tree follows by a two-tree merge that keeps every local change or refuses as a whole; then the
 * transaction commits. A journal survives a crash in between.
 */
export class CheckedOutDelivery {
  readonly path: string
  readonly #repository: GitRepository
  readonly #journal: DeliveryJournal
  readonly #beforeCommit: () => Promise<void>
  /** `beforeCommit` is called when the work tree has followed and the refs have not: for tests of a crash there. */
  constructor(repository: GitRepository, path: string, beforeCommit: () => Promise<void> = () => Promise.resolve()) {
    this.#repository = repository
    this.#beforeCommit = beforeCommit
    this.path = path
    this.#journal = new DeliveryJournal(repository.gitDir)
  }

  /** Brings a half-done delivery of an earlier process back to where it began; what stands in the way, or undefined. */
  repair(): Promise<string | undefined> {
    return this.#journal.inTurn(() => this.#journal.repair())
  }

  /** All or none. Never rejects for what the remote says. */
  deliver(updates: readonly RefUpdate[], worktrees: ReadonlyMap<string, string>): Promise<ReadonlyMap<RefName, PushAnswer>> {
    return this.#journal.inTurn(() => this.#deliver(updates, worktrees))
  }

  async #deliver(updates: readonly RefUpdate[], worktrees: ReadonlyMap<string, string>): Promise<ReadonlyMap<RefName, PushAnswer>> {
    const [target, ...more] = updates.filter((update) => worktrees.has(update.ref))
    const all = (answer: PushAnswer): ReadonlyMap<RefName, PushAnswer> => new Map(updates.map((update) => [update.ref, answer]))
    const worktree = target === undefined ? undefined : worktrees.get(target.ref)
    if (target === undefined || worktree === undefined) return all({ kind: 'refused', reason: 'no checked-out branch among the updates' })
    if (more.length > 0) return all({ kind: 'refused', reason: 'one delivery moves one checked-out branch' })
    if (target.to === null) return all({ kind: 'refused', reason: 'a checked-out branch is not deleted' })

    const unrepaired = await this.#journal.repair()
    if (unrepaired !== undefined) return all({ kind: 'in-the-way', paths: [unrepaired] })
    const operation = await unfinishedOperation(worktree)
    if (operation !== undefined) return all({ kind: 'in-the-way', paths: [operation] })
    const brought = await this.#bringObjects(worktree, updates)
    if (brought !== undefined) return all({ kind: 'refused', reason: brought })

    const transaction = new RefTransaction(worktree)
    const refused = await transaction.prepare(updates)
    if (refused !== undefined) return all({ kind: 'refused', reason: refused })
    try {
      return all(await this.#moveWorkTree(transaction, { worktree, branch: target.ref, from: target.from, to: target.to }))
    } finally {
      await transaction.end()
    }
  }

  async #moveWorkTree(transaction: RefTransaction, move: Omit<Delivery, 'owner'>): Promise<PushAnswer> {
    const from = move.from ?? EMPTY_TREE
    const ignored = await ignoredInTheWay(move.worktree, { from, to: move.to })
    if (ignored.length > 0) return { kind: 'in-the-way', paths: ignored }
    await this.#journal.write(move)

    // Its code says that some entries need an update: those are the local changes.
    await runGit(['-C', move.worktree, 'update-index', '-q', '--refresh'])
    const merged = await runGit(['-C', move.worktree, 'read-tree', '-m', '-u', from, move.to])
    if (merged.end !== 'exited' || merged.code !== 0) {
      const paths = await editsInTheWay(move.worktree, { from, to: move.to })
      // It looks at everything before it touches anything; only a full disk or the like leaves something to undo.
      await this.#journal.repair()
      if (paths.length > 0) return { kind: 'in-the-way', paths }
      return { kind: 'refused', reason: `the work tree did not follow: ${lastLines(merged.stderr)}` }
    }
    await this.#beforeCommit()
    const lost = await transaction.commit()
    // Now the refs tell which side of the commit this is; a work tree on the wrong side goes back.
    const unrepaired = await this.#journal.repair()
    if (lost === undefined) return { kind: 'accepted' }
    return { kind: 'unclear', reason: unrepaired === undefined ? lost : `${lost}; ${unrepaired}` }
  }

  /** Objects only: no ref moves. Undefined when they are there. */
  async #bringObjects(worktree: string, updates: readonly RefUpdate[]): Promise<string | undefined> {
    const wants = updates.flatMap((update) => update.to === null ? [] : [update.to])
    const flags = ['--quiet', '--no-tags', '--no-prune', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance']
    const fetched = await runGit(['-C', worktree, 'fetch', ...flags, '--', this.#repository.gitDir, ...wants], { timeoutMs: 300_000 })
    if (fetched.end === 'exited' && fetched.code === 0) return undefined
    return `its objects could not be stored in ${worktree}: ${lastLines(fetched.stderr)}`
  }
}
