import { commitBytes, commitParts, EMPTY_TREE, gitObjectId, oid, sha256 } from '../../core/mod.ts'
import type { Oid, TaskKey } from '../../core/mod.ts'
import { withEdits } from './files.ts'
import type { Edits, Files } from './files.ts'
import type { SimProject } from './project.ts'

export interface SimCommitDraft {
  readonly files: Files
  readonly parent: Oid | null
  readonly message: string
  readonly atSeconds: number
}

/** A commit object, as it goes into an object store. */
export interface SimCommit {
  readonly id: Oid
  readonly body: Uint8Array
}

export interface SimTrailer {
  readonly name: string
  readonly value: string
  readonly commit: Oid
}

export interface Merged {
  readonly key: TaskKey
  readonly commit: Oid
}

/**
 * The truth about contents: every commit that anybody made, with its files. Whether a machine or the remote has the
 * commit is theirs to know. Trees are known by an id that is the same for the same content, as git's are.
 */
export class SimRepository {
  readonly project: SimProject
  readonly #commits = new Map<Oid, Made>()
  readonly #trees = new Map<string, Files>([[EMPTY_TREE, new Map()]])
  readonly #sums = new WeakMap<Files, bigint>()
  readonly #entries = new Map<string, bigint>()

  constructor(project: SimProject) {
    this.project = project
  }

  /** The first commit. */
  found({ pin, atSeconds }: { readonly pin: string; readonly atSeconds: number }): SimCommit {
    return this.commit({ files: this.project.baseFiles(pin), parent: null, message: 'The program as it was found\n', atSeconds })
  }

  /** Other files made of these: far cheaper than a new map of one's own. */
  edited(files: Files, edits: Edits): Files {
    let sum = this.#sumOf(files)
    for (const [path, text] of edits) {
      const before = files.get(path)
      if (before !== undefined) sum ^= this.#entry(path, before)
      if (text !== undefined) sum ^= this.#entry(path, text)
    }
    const made = withEdits(files, edits)
    this.#sums.set(made, sum)
    return made
  }

  treeOf(files: Files): Oid {
    if (files.size === 0) return oid(EMPTY_TREE)
    const tree = oid(this.#sumOf(files).toString(16).padStart(40, '0'))
    if (!this.#trees.has(tree)) this.#trees.set(tree, files)
    return tree
  }

  commit({ files, parent, message, atSeconds }: SimCommitDraft): SimCommit {
    const body = commitBytes({ parent, message, atSeconds })
    // Core's commits have no files; the id of a tree is as long as that of the empty one.
    body.set(Buffer.from(this.treeOf(files)), 'tree '.length)
    const id = oid(gitObjectId('commit', body))
    if (!this.#commits.has(id)) this.#commits.set(id, { id, body, files, parent, message, atSeconds, trail: undefined, merged: undefined })
    return { id, body }
  }

  /** Made here, whoever has it. */
  has(commit: Oid): boolean { return this.#commits.has(commit) }

  /** By its id or by its bytes. */
  filesOf(commit: Oid | Uint8Array): Files {
    if (typeof commit === 'string') return this.#made(commit).files
    const tree = commitParts(commit)?.tree ?? ''
    const files = this.#trees.get(tree)
    if (files === undefined) throw new RangeError(`no such tree was made: ${tree}`)
    return files
  }

  treeOfId(tree: Oid): Files | undefined { return this.#trees.get(tree) }
  parentOf(commit: Oid): Oid | null { return this.#made(commit).parent }
  atSecondsOf(commit: Oid): number { return this.#made(commit).atSeconds }

  /** Whether the check of the task is green at the commit because its work is done there. */
  isRight(number: string, commit: Oid): boolean {
    const made = this.#commits.get(commit)
    return made !== undefined && this.project.isRight(number, made.files)
  }

  /** Of the commit and its first parents, oldest first. */
  trailers(commit: Oid): readonly SimTrailer[] {
    const path: Made[] = []
    let next: Made | undefined = this.#made(commit)
    while (next !== undefined && next.trail === undefined) {
      path.push(next)
      next = next.parent === null ? undefined : this.#made(next.parent)
    }
    let trail: readonly SimTrailer[] = next?.trail ?? []
    for (const made of path.reverse()) {
      const own = trailersOf(made)
      trail = own.length === 0 ? trail : [...trail, ...own]
      made.trail = trail
    }
    return trail
  }

  /** `Chorus-Task` of the commit and its first parents, oldest first. */
  merged(commit: Oid): readonly Merged[] {
    const made = this.#made(commit)
    made.merged ??= this.trailers(commit).filter(({ name }) => name === 'Chorus-Task').map(({ value, commit: by }) => ({ key: value as TaskKey, commit: by }))
    return made.merged
  }

  #made(commit: Oid): Made {
    const made = this.#commits.get(commit)
    if (made === undefined) throw new RangeError(`no such commit was made: ${commit}`)
    return made
  }

  /** Sum over all files: it does not depend on their order, nor on how they came to be. */
  #sumOf(files: Files): bigint {
    let sum = this.#sums.get(files)
    if (sum !== undefined) return sum
    sum = 0n
    for (const [path, text] of files) sum ^= this.#entry(path, text)
    this.#sums.set(files, sum)
    return sum
  }

  #entry(path: string, text: string): bigint {
    const key = `${path}\0${text}`
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = BigInt(`0x${sha256(key).slice(0, 40)}`)
      this.#entries.set(key, entry)
    }
    return entry
  }
}

interface Made extends SimCommit, SimCommitDraft {
  trail: readonly SimTrailer[] | undefined
  merged: readonly Merged[] | undefined
}

/** Of the last paragraph, as git-interpret-trailers(1) has it. */
const trailersOf = ({ id, message }: Made): readonly SimTrailer[] => {
  const text = message.trimEnd()
  const start = text.lastIndexOf('\n\n')
  if (start < 0) return []
  return text.slice(start + 2).split('\n').flatMap((line) => {
    const [, name, value] = /^([A-Za-z][A-Za-z-]*): (.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [{ name, value: value.trim(), commit: id }]
  })
}
