/**
 * The bytes of the commits behind a ref store's refs, so that every store (git, a forge's API, a double) makes the same
 * object, and thus the same id, from the same draft. Form: git's commit object, gitformat-pack(5) and git-commit-tree(1).
 */
export interface CommitDraft {
  /** 40 hex digits; null for a first commit. */
  readonly parent: string | null
  /** UTF-8 without NUL. Written as it is: no final line feed is added. */
  readonly message: string
  /** Seconds since 1970, as author's and committer's date, in UTC. */
  readonly atSeconds: number
}

export interface CommitParts {
  readonly tree: string
  readonly parents: readonly string[]
  readonly message: string
}

/** Id of git's empty tree (SHA-1), which every repository knows without storing it. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** Longest message, in bytes of UTF-8, that a ref store makes or reads. */
export const COMMIT_MESSAGE_BYTES_MAX = 16 * 1024

const AUTHOR = 'chorus <chorus@localhost>'

/** Body of the commit object (what follows git's `commit <size>\0`). Throws a RangeError for a draft that git would not keep as it is. */
export const commitBytes = (draft: CommitDraft): Uint8Array => {
  if (!Number.isSafeInteger(draft.atSeconds) || draft.atSeconds < 0) throw new RangeError(`whole seconds since 1970 expected, got ${draft.atSeconds}`)
  if (draft.parent !== null && !/^[0-9a-f]{40}$/.test(draft.parent)) throw new RangeError('a parent is an object id of 40 hex digits')
  if (draft.message.includes('\0') || !draft.message.isWellFormed()) throw new RangeError('a commit message is UTF-8 text without NUL')
  const bytes = Buffer.byteLength(draft.message)
  if (bytes > COMMIT_MESSAGE_BYTES_MAX) throw new RangeError(`a commit message of at most ${COMMIT_MESSAGE_BYTES_MAX} bytes expected, got ${bytes}`)
  const parent = draft.parent === null ? '' : `parent ${draft.parent}\n`
  const when = `${AUTHOR} ${draft.atSeconds} +0000`
  return new Uint8Array(Buffer.from(`tree ${EMPTY_TREE}\n${parent}author ${when}\ncommitter ${when}\n\n${draft.message}`))
}

/** Undefined when the bytes are not a commit. Unknown headers (signatures, encodings) are passed over. */
export const commitParts = (body: Uint8Array): CommitParts | undefined => {
  const text = Buffer.from(body).toString('utf8')
  const end = text.indexOf('\n\n')
  const headers = (end < 0 ? text : text.slice(0, end)).split('\n')
  const tree = /^tree ([0-9a-f]{40})$/.exec(headers[0] ?? '')?.[1]
  if (tree === undefined) return undefined
  const parents = headers.flatMap((line) => /^parent ([0-9a-f]{40})$/.exec(line)?.[1] ?? [])
  return { tree, parents, message: end < 0 ? '' : text.slice(end + 2) }
}
