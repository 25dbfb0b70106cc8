import { open, readFile, rename, rm, unlink } from 'node:fs/promises'
import path from 'node:path'
import { EMPTY_TREE, isOid, messageOf } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import { git, gitText, lastLines, runGit } from './command.ts'
import { isAlive, ownMark } from './process-mark.ts'
import type { ProcessMark } from './process-mark.ts'
import { changedPaths, headOf, names, statOf } from './work-tree.ts'

/** A delivery into a checked-out branch that has begun to touch the work tree. */
export interface Delivery {
  readonly worktree: string
  /** Full ref name. */
  readonly branch: string
  readonly from: Oid | null
  readonly to: Oid
  /** Who delivers: while it lives, nobody repairs. */
  readonly owner: ProcessMark
}

// Stores of one process may share a repository; of its deliveries one is under way at a time.
const turns = new Map<string, Promise<unknown>>()

/**
 * Remembers the one delivery under way. The branch decides: it is at `to`, then the delivery is done; at `from`, then
 * the work tree goes back, local changes kept; elsewhere, then a person has moved on and nothing is touched.
 */
export class DeliveryJournal {
  readonly #file: string

  constructor(gitDir: string) {
    this.#file = path.join(gitDir, 'chorus-delivery.json')
  }

  /** Runs after everything in this process that was given here before, on the same journal. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = (turns.get(this.#file) ?? Promise.resolve()).then(work)
    const settled = done.then(() => undefined, () => undefined)
    turns.set(this.#file, settled)
    void settled.then(() => { if (turns.get(this.#file) === settled) turns.delete(this.#file) })
    return done
  }

  /** Survives power loss when it returns. */
  async write(begun: Omit<Delivery, 'owner'>): Promise<void> {
    const delivery: Delivery = { ...begun, owner: await ownMark() }
    const draft = `${this.#file}.new`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(JSON.stringify(delivery))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, this.#file)
  }

  /** Undefined when nothing is half-done any more; else what a person must look at. Idempotent. */
  async repair(): Promise<string | undefined> {
    const delivery = await this.#read()
    if (delivery === undefined) return undefined
    if (delivery.owner.pid !== process.pid && await isAlive(delivery.owner)) {
      return `${delivery.worktree}: process ${delivery.owner.pid} is delivering there`
    }
    try {
      const problem = await settle(delivery)
      if (problem !== undefined) return problem
    } catch (error) {
      return `${delivery.worktree}: ${messageOf(error)}`
    }
    await rm(this.#file, { force: true })
    return undefined
  }

  async #read(): Promise<Delivery | undefined> {
    let value: Partial<Delivery>
    try {
      value = JSON.parse(await readFile(this.#file, 'utf8')) as Partial<Delivery>
    } catch {
      // No journal: nothing was under way. It is written whole or not at all.
      return undefined
    }
    const sound = typeof value.worktree === 'string' && typeof value.branch === 'string' && isDeliveryOid(value.to)
      && (value.from === null || isDeliveryOid(value.from)) && typeof value.owner?.pid === 'number'
    return sound ? value as Delivery : undefined
  }
}

const isDeliveryOid = (value: unknown): boolean => typeof value === 'string' && isOid(value)

const settle = async (delivery: Delivery): Promise<string | undefined> => {
  const { worktree, branch, from, to } = delivery
  if (await statOf(worktree) === undefined) return undefined
  const tip = (await runGit(['-C', worktree, 'rev-parse', '--verify', '--quiet', branch])).stdout.toString('utf8').trim()
  if (tip !== (from ?? '') || await headOf(worktree) !== branch) return undefined
  const lock = await waitForIndex(worktree)
  if (lock !== undefined) return lock
  const before = from ?? EMPTY_TREE
  if (await indexFollowed(worktree, { before, to })) {
    const problem = await takeBack(worktree, { before, to })
    if (problem !== undefined) return problem
  }
  await undoLooseFiles(delivery, before)
  return undefined
}

/** True when the index holds something of the new commit: read-tree writes it last. */
const indexFollowed = async (worktree: string, move: { readonly before: string; readonly to: string }): Promise<boolean> => {
  const differs = new Set(names(await git(['-C', worktree, 'diff-index', '--cached', '--name-only', '-z', move.to])))
  return (await changedPaths(worktree, { from: move.before, to: move.to }, [])).some((file) => !differs.has(file))
}

const takeBack = async (worktree: string, move: { readonly before: string; readonly to: string }): Promise<string | undefined> => {
  // Its code says that some entries need an update: those are the local changes, which the merge keeps.
  await runGit(['-C', worktree, 'update-index', '-q', '--refresh'])
  const undone = await runGit(['-C', worktree, 'read-tree', '-m', '-u', move.to, move.before])
  if (undone.end !== 'exited' || undone.code !== 0) {
    return `${worktree}: a delivery was cut off and later edits keep it from being taken back: ${lastLines(undone.stderr)}`
  }
  return undefined
}

/** Files that a cut-off read-tree wrote or removed before it wrote the index: exactly the new content, and nobody's edit. */
const undoLooseFiles = async ({ worktree, to }: Delivery, before: string): Promise<void> => {
  const changed = new Set(await changedPaths(worktree, { from: before, to }, []))
  const dirty = names(await git(['-C', worktree, 'diff-files', '--name-only', '-z'])).filter((file) => changed.has(file))
  const loose = names(await git(['-C', worktree, 'ls-files', '--others', '-z'])).filter((file) => changed.has(file))
  for (const file of [...dirty, ...loose]) {
    const stat = await statOf(path.join(worktree, file))
    if (stat !== undefined && !stat.isFile()) continue
    if (stat !== undefined) {
      const here = await gitText(['-C', worktree, 'hash-object', '--', file])
      const entry = names(await git(['-C', worktree, 'ls-tree', '-z', '--full-tree', to, '--', file]))[0] ?? ''
      if (entry.split('\t')[0]?.split(' ')[2] !== here) continue
    }
    if (dirty.includes(file)) await git(['-C', worktree, 'checkout-index', '-f', '-q', '--', file])
    else await unlink(path.join(worktree, file))
  }
}

/** A git that was started before the crash may still be at work; a lock that stays is a person's to remove. */
const waitForIndex = async (worktree: string): Promise<string | undefined> => {
  const lock = path.join(await gitText(['-C', worktree, 'rev-parse', '--absolute-git-dir']), 'index.lock')
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (await statOf(lock) === undefined) return undefined
    await new Promise((resolve) => { setTimeout(resolve, 100) })
  }
  return `${lock} is left from a command that was cut off: remove it when no git command runs there`
}
