import { ChorusError } from '../../core/mod.ts'
import type { Oid, RefName } from '../../core/mod.ts'
import type { PushAnswer, RefUpdate } from '../../ports/mod.ts'
import { runGit } from './command.ts'
import type { GitRepository } from './repository.ts'

export interface JudgedPush {
  readonly updates: readonly RefUpdate[]
  readonly answers: ReadonlyMap<RefName, PushAnswer>
  /** Refs that the server itself refused. */
  readonly doubtful: ReadonlySet<string>
  readonly atomic: boolean
}

const REPEATED: PushAnswer = { kind: 'unclear', reason: 'the server refused it, but shows what was pushed: the request may have arrived twice' }

/**
 * Over http a refusal by the server may come from a push that this git never knew it made: when a kept connection dies
 * before the answer, libcurl sends the request again, and the second one finds what the first has done ("reference
 * already exists"). So each such refusal is held against the ref as it is now: one that shows our object, as its tip or
 * behind it, was ours, and only the caller can say what that means.
 */
export const withoutRepeats = async (repository: GitRepository, push: JudgedPush): Promise<ReadonlyMap<RefName, PushAnswer>> => {
  const answers = new Map(push.answers)
  for (const update of push.updates) {
    if (!push.doubtful.has(update.ref)) continue
    if (await mayBeOurs(repository, update)) answers.set(update.ref, REPEATED)
  }
  const unclear = [...answers.values()].find((answer) => answer.kind === 'unclear')
  if (push.atomic && unclear !== undefined) for (const { ref } of push.updates) answers.set(ref, unclear)
  return answers
}

const mayBeOurs = async (repository: GitRepository, { ref, from, to }: RefUpdate): Promise<boolean> => {
  try {
    const now = (await repository.remoteRefs([ref])).refs.get(ref) ?? null
    if (now === from) return false
    if (now === to) return true
    if (now === null || to === null) return false
    return await leadsTo(repository, { ref, tip: now, oid: to })
  } catch (error) {
    // It could not be read: then nothing is known.
    if (error instanceof ChorusError && error.retryable) return true
    throw error
  }
}

const leadsTo = async (
  repository: GitRepository, { ref, tip, oid }: { readonly ref: RefName; readonly tip: Oid; readonly oid: Oid },
): Promise<boolean> => {
  if (!await repository.objects.has(tip)) await repository.bringRef(ref)
  const outcome = await runGit(['--git-dir', repository.gitDir, 'merge-base', '--is-ancestor', oid, tip])
  // 1 says no; anything else says that the tip is not here, and then nothing is known.
  return !(outcome.end === 'exited' && outcome.code === 1)
}
