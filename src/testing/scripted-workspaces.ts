import { ChorusError, gitObjectId, oid, sha256 } from '../core/mod.ts'
import type { Oid, Result } from '../core/mod.ts'
import type { FileChange, Snapshot, SourceFile, SourceTree, Workspace, Workspaces } from '../ports/mod.ts'

/** Files by path. A text that starts with `-> ` is a symbolic link. */
export type ScriptedFiles = Readonly<Record<string, string>>

export interface ScriptedRebase { readonly onto: Oid; readonly conflicts?: readonly string[] }

/**
 * A repository in memory: commits are sets of files, an agent edits by `write` and `remove`. One workspace at a time.
 * A rebase that was not foreseen rejects; `finish` throws for one not asked for, and for a workspace left open.
 */
export class ScriptedWorkspaces implements Workspaces {
  readonly #commits = new Map<Oid, ScriptedFiles>()
  readonly #parents = new Map<Oid, Oid>()
  readonly #rebases: ScriptedRebase[]
  /** `<commit>` or `<commit>+<paths>`, in order; the n-th lies at `/checkout/<n>`. */
  readonly checkouts: string[] = []
  readonly messages: string[] = []
  #files: Record<string, string> = {}
  #open = 0
  #count = 0

  constructor(commits: Readonly<Record<string, ScriptedFiles>>, options: { readonly rebases?: readonly ScriptedRebase[] } = {}) {
    for (const [id, files] of Object.entries(commits)) this.#commits.set(oid(id), files)
    this.#rebases = [...options.rebases ?? []]
  }

  /** What the agent does to its clone. */
  write(path: string, text: string): void { this.#files[path] = text }
  remove(path: string): void { delete this.#files[path] }

  filesOf(commit: Oid): ScriptedFiles {
    const files = this.#commits.get(commit)
    if (files === undefined) throw new Error(`no commit ${commit}`)
    return files
  }

  get sources(): SourceTree {
    return {
      refresh: () => Promise.reject(new Error('not scripted: refresh')),
      list: (commit, folder) => Promise.resolve(Object.entries(this.filesOf(commit)).filter(([path]) => folder === '' || path.startsWith(`${folder}/`)).sort().map(asSource)),
      read: (commit, path, { bytesMax }) => {
        const text = this.filesOf(commit)[path]
        if (text !== undefined && Buffer.byteLength(text) > bytesMax) return Promise.reject(new ChorusError('LIMIT_EXCEEDED', `${path} is larger than ${bytesMax} bytes`))
        return Promise.resolve(text === undefined ? undefined : Buffer.from(text))
      },
      addedAtSeconds: () => Promise.resolve(undefined),
      hasTrailer: () => Promise.resolve(false),
    }
  }

  open({ base }: { readonly name: string; readonly base: Oid }): Promise<Workspace> {
    if (this.#open > 0) return Promise.reject(new Error('a workspace is open already'))
    this.#open += 1
    this.#files = { ...this.filesOf(base) }
    let closed = false
    return Promise.resolve({
      base,
      path: '/clone',
      snapshot: () => Promise.resolve(this.#snapshot(base)),
      commit: (snapshot, message) => Promise.resolve(this.#commit(this.#trees.get(snapshot.tree) ?? {}, { parent: base, message })),
      rebase: (commit, { onto, message }) => this.#rebase(commit, { onto, message }),
      checkout: (commit, overlay) => {
        this.filesOf(commit)
        this.checkouts.push(overlay === undefined ? commit : `${commit}+${overlay.paths.join(',')}`)
        return Promise.resolve(`/checkout/${this.checkouts.length}`)
      },
      diff: (commit, { bytesMax }) => Promise.resolve(diffOf(this.filesOf(base), this.filesOf(commit)).slice(0, bytesMax)),
      dispose: () => {
        if (!closed) this.#open -= 1
        closed = true
        return Promise.resolve()
      },
    })
  }

  reap(): Promise<number> { return Promise.resolve(0) }

  finish(): void {
    if (this.#rebases.length > 0) throw new Error(`${this.#rebases.length} rebases were not asked for`)
    if (this.#open > 0) throw new Error('a workspace was not disposed')
  }

  readonly #trees = new Map<Oid, ScriptedFiles>()

  #snapshot(base: Oid): Snapshot {
    const files = { ...this.#files }
    const tree = oid(sha256(JSON.stringify(Object.entries(files).sort())).slice(0, 40))
    this.#trees.set(tree, files)
    return { tree, changes: changesOf(this.filesOf(base), files) }
  }

  #commit(files: ScriptedFiles, { parent, message }: { readonly parent: Oid; readonly message: string }): Oid {
    this.#count += 1
    this.messages.push(message)
    const id = oid(String(this.#count).padStart(40, 'c'))
    this.#commits.set(id, files)
    this.#parents.set(id, parent)
    return id
  }

  #rebase(commit: Oid, { onto, message }: { readonly onto: Oid; readonly message: string }): Promise<Result<Oid, readonly string[]>> {
    const next = this.#rebases.shift()
    if (next?.onto !== onto) return Promise.reject(new Error(`unexpected rebase onto ${onto}`))
    if (next.conflicts !== undefined) return Promise.resolve({ ok: false, reason: next.conflicts })
    const files: Record<string, string> = { ...this.filesOf(onto) }
    for (const change of changesOf(this.filesOf(this.#parents.get(commit) ?? commit), this.filesOf(commit))) {
      if (change.kind === 'deleted') delete files[change.path]
      else files[change.path] = this.filesOf(commit)[change.path] ?? ''
    }
    return Promise.resolve({ ok: true, value: this.#commit(files, { parent: onto, message }) })
  }
}

const asSource = ([path, text]: [string, string]): SourceFile =>
  ({ path, bytes: Buffer.byteLength(text), executable: false, blob: oid(gitObjectId('blob', Buffer.from(text))) })

const modeOf = (text: string | undefined): string => text === undefined ? '000000' : text.startsWith('-> ') ? '120000' : '100644'

const changesOf = (before: ScriptedFiles, after: ScriptedFiles): readonly FileChange[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().filter((path) => before[path] !== after[path]).map((path) => ({
    path,
    kind: before[path] === undefined ? 'added' : after[path] === undefined ? 'deleted' : modeOf(before[path]) === modeOf(after[path]) ? 'modified' : 'type-changed',
    modeBefore: modeOf(before[path]),
    modeAfter: modeOf(after[path]),
  }))

/** Whole files replaced: enough for who reads the added lines. */
const diffOf = (before: ScriptedFiles, after: ScriptedFiles): string => changesOf(before, after).map(({ path }) => {
  const [old, now] = [before[path]?.split('\n') ?? [], after[path]?.split('\n') ?? []]
  return [`--- a/${path}`, `+++ b/${path}`, `@@ -1,${old.length} +1,${now.length} @@`, ...old.map((line) => `-${line}`), ...now.map((line) => `+${line}`)].join('\n')
}).join('\n')
