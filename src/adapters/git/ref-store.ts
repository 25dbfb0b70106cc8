import { assert, ChorusError, commitBytes, messageOf, refName } from '../../core/mod.ts'
import type { Oid, RefName, Result } from '../../core/mod.ts'
import type { PushAnswer, RefDraft, RefRecord, RefStore, RefUpdate } from '../../ports/mod.ts'
import { checkedOutBranches } from './checked-out.ts'
import { MissingObject, parentsOf, readChain } from './claim-history.ts'
import { runGit } from './command.ts'
import { CheckedOutDelivery } from './checked-out-delivery.ts'
import { writeObject } from './object-writer.ts'
import { pushAnswers, refusedByServer } from './push-report.ts'
import type { GitRepository } from './repository.ts'
import { withoutRepeats } from './repeated-push.ts'

export const PUSH_UPDATES_MAX = 500
const REFUSED_WITH_OTHERS: PushAnswer = { kind: 'refused', reason: 'another ref of the same atomic push was refused' }

/** RefStore over the git program, on any transport that git speaks. */
export class GitRefStore implements RefStore {
  readonly #repository: GitRepository
  readonly #delivery: CheckedOutDelivery | undefined
  #repairing: Promise<unknown> | undefined

  constructor(repository: GitRepository) {
    this.#repository = repository
    this.#delivery = repository.remote.path === undefined ? undefined : new CheckedOutDelivery(repository, repository.remote.path)
  }

  /** Takes back a delivery into a checked-out branch that a crash cut in two; the first push does so too. Idempotent. */
  async start(): Promise<void> {
    await this.#repository.start()
    await this.#repaired()
  }

  async tips(prefix: string): Promise<ReadonlyMap<RefName, Oid>> {
    assert(/^refs\/[A-Za-z0-9._/-]*$/.test(prefix), 'a prefix of refs is a plain name')
    const { refs } = await this.#repository.remoteRefs([`${prefix}*`])
    const tips = new Map<RefName, Oid>()
    // Patterns of ls-remote match at any depth, and a remote may hold names that Chorus never writes.
    for (const [name, tip] of refs) if (name.startsWith(prefix) && isPlainRef(name)) tips.set(refName(name), tip)
    return tips
  }

  async history(
    ref: RefName, tip: Oid, options: { readonly limit: number; readonly until?: Oid | undefined },
  ): Promise<Result<readonly RefRecord[]>> {
    const { objects } = this.#repository
    try {
      return await readChain(objects, tip, options)
    } catch (error) {
      if (!(error instanceof MissingObject)) throw error
    }
    await this.#repository.bringRef(ref)
    // The ref may have moved on, then the tip came with it; or elsewhere, then the remote may still give it out.
    if (!await objects.has(tip)) await this.#repository.fetchObject(tip)
    try {
      return await readChain(objects, tip, options)
    } catch (error) {
      if (!(error instanceof MissingObject)) throw error
      throw new ChorusError('REMOTE_UNAVAILABLE', `${ref} does not lead to ${error.oid} any more: read its tip again`, { cause: error })
    }
  }

  async create(draft: RefDraft): Promise<Oid> {
    let bytes: Uint8Array
    try {
      bytes = commitBytes(draft)
    } catch (cause) {
      throw new ChorusError('INPUT_INVALID', `the record cannot be written as drafted: ${messageOf(cause)}`, { cause })
    }
    return writeObject(this.#repository.gitDir, 'commit', bytes)
  }

  async push(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>> {
    if (updates.length === 0) return new Map()
    if (updates.length > PUSH_UPDATES_MAX) {
      throw new ChorusError('LIMIT_EXCEEDED', `one push moves at most ${PUSH_UPDATES_MAX} refs, got ${updates.length}`)
    }
    assert(new Set(updates.map((update) => update.ref)).size === updates.length, 'a ref is moved once in a push')

    await this.#repaired()
    const answers = new Map<RefName, PushAnswer>()
    for (const update of updates) {
      const reason = await this.#objection(update)
      if (reason !== undefined) answers.set(update.ref, { kind: 'refused', reason })
    }
    const sound = updates.filter((update) => !answers.has(update.ref))
    if (options.atomic && answers.size > 0) {
      for (const update of sound) answers.set(update.ref, REFUSED_WITH_OTHERS)
      return answers
    }
    for (const [ref, answer] of await this.#send(sound, options)) answers.set(ref, answer)
    return answers
  }

  #repaired(): Promise<unknown> {
    // What cannot be taken back is said by the next delivery there; other pushes have nothing to do with it.
    this.#repairing ??= this.#delivery?.repair() ?? Promise.resolve()
    return this.#repairing
  }

  /** Why an update must not be sent: it would break a chain, or lose commits on a branch that is not Chorus's own. */
  async #objection({ ref, from, to }: RefUpdate): Promise<string | undefined> {
    refName(ref)
    if (to === null) return from === null ? 'there is nothing to delete' : undefined
    if (to === from) return 'it already points there'
    const parents = await parentsOf(this.#repository.objects, to)
    if (parents === undefined) throw new ChorusError('INTERNAL', `the commit ${to} for ${ref} is not known here`)
    if (from === null) return undefined
    // What the new commit builds on must be here before a pack can be made of the rest.
    if (!await this.#repository.objects.has(from)) await this.#fetch(ref, from)
    if (ref.startsWith('refs/heads/chorus/') || parents.includes(from)) return undefined
    return await this.#isAncestor(from, to) ? undefined : `${to} does not follow ${from}: only branches under refs/heads/chorus/ are rewritten`
  }

  async #fetch(ref: RefName, from: Oid): Promise<void> {
    try {
      await this.#repository.bringRef(ref)
      if (!await this.#repository.objects.has(from)) await this.#repository.fetchObject(from)
    } catch (error) {
      // The push itself will say that the remote is away; it is the call that may answer `unclear`.
      if (!(error instanceof ChorusError) || !error.retryable) throw error
    }
  }

  async #isAncestor(from: Oid, to: Oid): Promise<boolean> {
    const outcome = await runGit(['--git-dir', this.#repository.gitDir, 'merge-base', '--is-ancestor', from, to])
    return outcome.end === 'exited' && outcome.code === 0
  }

  async #send(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>> {
    if (updates.length === 0) return new Map()
    const movesBranch = updates.some((update) => update.ref.startsWith('refs/heads/'))
    if (this.#delivery === undefined || !movesBranch) return this.#pushOverWire(updates, options)
    const places = await checkedOutBranches(this.#delivery.path)
    const local = updates.filter((update) => places.has(update.ref))
    if (local.length === 0) return this.#pushOverWire(updates, options)
    if (options.atomic) return this.#delivery.deliver(updates, places)
    const others = updates.filter((update) => !places.has(update.ref))
    const answers = new Map(others.length === 0 ? [] : await this.#pushOverWire(others, options))
    for (const update of local) for (const [ref, answer] of await this.#delivery.deliver([update], places)) answers.set(ref, answer)
    return answers
  }

  async #pushOverWire(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<ReadonlyMap<RefName, PushAnswer>> {
    const outcome = await this.#repository.network([
      'push', '--porcelain', '--no-verify', '--no-follow-tags', '--no-signed', '--recurse-submodules=no',
      ...(options.atomic ? ['--atomic'] : []),
      ...updates.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ''}`),
      '--', this.#repository.remote.url,
      ...updates.map(({ ref, to }) => `${to ?? ''}:${ref}`),
    ])
    const answers = pushAnswers(updates.map((update) => update.ref), outcome) as ReadonlyMap<RefName, PushAnswer>
    const doubtful = this.#repository.remote.url.startsWith('http') ? refusedByServer(outcome) : new Set<string>()
    return doubtful.size === 0 ? answers : withoutRepeats(this.#repository, { updates, answers, doubtful, atomic: options.atomic })
  }
}

const isPlainRef = (name: string): boolean => {
  try {
    refName(name)
    return true
  } catch {
    // Not a name that Chorus writes, so none that it may ask for.
    return false
  }
}
