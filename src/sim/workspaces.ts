import { assert, ChorusError, fail, ok } from '../core/mod.ts'
import type { Oid, Result } from '../core/mod.ts'
import type { FileChange, Snapshot, Workspace, Workspaces } from '../ports/mod.ts'
import type { Chance, Latency } from './chance.ts'
import type { SimProcess } from './process.ts'
import { differing } from './repository/mod.ts'
import type { Edits, Files, SimRepository } from './repository/mod.ts'

export interface WorkspacesProfile {
  readonly open: Latency
  /** A snapshot, a checkout, a rebase, or removing all of it. */
  readonly step: Latency
  /** No clone, because the disk is full or busy. */
  readonly openFailsShare: number
  /** What the agent left cannot be read as a change. */
  readonly messShare: number
  /** A folder that cannot be removed: it stays until the next process reaps it. */
  readonly disposeFailsShare: number
}

export const CALM_WORKSPACES: WorkspacesProfile = { open: { p50: 400, p99: 4_000 }, step: { p50: 60, p99: 900 }, openFailsShare: 0, messShare: 0, disposeFailsShare: 0 }
export const ROUGH_WORKSPACES: WorkspacesProfile = { open: { p50: 800, p99: 30_000 }, step: { p50: 80, p99: 5_000 }, openFailsShare: 0.02, messShare: 0.005, disposeFailsShare: 0.01 }

export interface SimWorkspacesOptions {
  readonly process: SimProcess
  readonly chance: Chance
  readonly repository: SimRepository
  /** Asked at each call. */
  readonly profile: () => WorkspacesProfile
  /** Keeps a commit in the machine's own object store, so that it can be pushed; answers with its id. */
  readonly put: (body: Uint8Array) => Oid
  /** Work trees that lie on the machine's disk: they survive the process. */
  readonly folders: Set<string>
}

/** What lies in a folder. */
export interface Place {
  readonly files: Files
  /** Of a plain checkout; undefined in a clone, where an agent may have changed anything, and with an overlay. */
  readonly commit: Oid | undefined
}

/** Work trees of one process. */
export class SimWorkspaces implements Workspaces {
  readonly #options: SimWorkspacesOptions
  readonly #places = new Map<string, Place>()
  readonly #open = new Set<string>()

  constructor(options: SimWorkspacesOptions) {
    this.#options = options
  }

  /** Of this process: opened, and nobody has asked to remove them. */
  get left(): number { return this.#open.size }

  async open({ name, base }: { readonly name: string; readonly base: Oid }): Promise<Workspace> {
    const { process, chance, repository, folders } = this.#options
    const profile = this.#options.profile()
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) throw new ChorusError('INPUT_INVALID', `a workspace is named with letters, digits, '.', '_' and '-', got ${JSON.stringify(name)}`)
    if (folders.has(name)) throw new ChorusError('STATE_LOCKED', `the workspace ${name} is open already, or was left behind: reap first`)
    folders.add(name)
    const fails = chance.happens(profile.openFailsShare)
    await process.delay(chance.delayMs(profile.open))
    if (fails || !repository.has(base)) {
      folders.delete(name)
      throw new ChorusError('IO_FAILED', fails ? 'no space left on device' : `the commit ${base} is not here`)
    }
    this.#open.add(name)
    return new SimWorkspace({ ...this.#options, name, base, places: this.#places, disposed: () => { this.#open.delete(name) } })
  }

  async reap(): Promise<number> {
    const { folders, process, chance } = this.#options
    const count = folders.size
    if (count > 0) await process.delay(chance.delayMs(this.#options.profile().step))
    folders.clear()
    return count
  }

  /** For the sandbox: what a program would find there. Undefined when nothing is. */
  look(path: string): Place | undefined { return this.#places.get(path) }

  /** For the engine: what its program writes into its clone. Nothing happens when the clone is gone. */
  edit(path: string, edits: Edits): void {
    const place = this.#places.get(path)
    if (place !== undefined) this.#places.set(path, { files: this.#options.repository.edited(place.files, edits), commit: undefined })
  }
}

interface WorkspaceParts extends SimWorkspacesOptions {
  readonly name: string
  readonly base: Oid
  readonly places: Map<string, Place>
  readonly disposed: () => void
}

class SimWorkspace implements Workspace {
  readonly base: Oid
  readonly path: string
  readonly #parts: WorkspaceParts
  readonly #baseFiles: Files
  #checkouts = 0

  constructor(parts: WorkspaceParts) {
    this.#parts = parts
    this.base = parts.base
    this.path = `/workspaces/${parts.name}/clone`
    this.#baseFiles = parts.repository.filesOf(parts.base)
    parts.places.set(this.path, { files: this.#baseFiles, commit: undefined })
  }

  async snapshot(): Promise<Snapshot> {
    const { repository, chance, profile } = this.#parts
    const mess = chance.happens(profile().messShare)
    await this.#step()
    if (mess) throw new ChorusError('LIMIT_EXCEEDED', 'the clone holds more files than a change may have')
    const files = this.#look(this.path)
    return { tree: repository.treeOf(files), changes: changesOf(this.#baseFiles, files) }
  }

  async commit(snapshot: Snapshot, message: string): Promise<Oid> {
    const files = this.#parts.repository.treeOfId(snapshot.tree)
    assert(files !== undefined, 'a snapshot is of this repository')
    return this.#commit({ files, parent: this.base, message })
  }

  async rebase(commit: Oid, { onto, message }: { readonly onto: Oid; readonly message: string }): Promise<Result<Oid, readonly string[]>> {
    await this.#step()
    const { repository } = this.#parts
    const [before, mine, theirs] = [repository.filesOf(repository.parentOf(commit) ?? this.base), repository.filesOf(commit), repository.filesOf(onto)]
    const edits = new Map<string, string | undefined>()
    const conflicts: string[] = []
    for (const { path } of changesOf(before, mine)) {
      const [now, there] = [mine.get(path), theirs.get(path)]
      if (there === before.get(path)) edits.set(path, now)
      else if (there !== now) conflicts.push(path)
    }
    if (conflicts.length > 0) return fail(conflicts)
    return ok(this.#commit({ files: repository.edited(theirs, edits), parent: onto, message }))
  }

  async checkout(commit: Oid, overlay?: { readonly from: Oid; readonly paths: readonly string[] }): Promise<string> {
    await this.#step()
    const { repository, places, name } = this.#parts
    const files = repository.filesOf(commit)
    const laid = overlay === undefined ? undefined : repository.filesOf(overlay.from)
    this.#checkouts += 1
    const path = `/workspaces/${name}/checkout-${this.#checkouts}`
    places.set(path, laid === undefined || overlay === undefined
      ? { files, commit }
      : { files: repository.edited(files, new Map(overlay.paths.map((each) => [each, laid.get(each)]))), commit: undefined })
    return path
  }

  async diff(commit: Oid, { bytesMax }: { readonly bytesMax: number }): Promise<string> {
    const files = this.#parts.repository.filesOf(commit)
    const text = changesOf(this.#baseFiles, files).map(({ path }) => hunkOf(path, this.#baseFiles.get(path), files.get(path))).join('\n')
    return text.length > bytesMax ? `${text.slice(0, bytesMax)}\n… [the rest of the diff is cut]\n` : text
  }

  async dispose(): Promise<void> {
    const { folders, places, name, chance, profile, disposed } = this.#parts
    const fails = chance.happens(profile().disposeFailsShare)
    disposed()
    await this.#step()
    places.delete(this.path)
    for (let at = 1; at <= this.#checkouts; at += 1) places.delete(`/workspaces/${name}/checkout-${at}`)
    if (fails) throw new ChorusError('IO_FAILED', `the folder of ${name} is busy`)
    folders.delete(name)
  }

  #commit({ files, parent, message }: { readonly files: Files; readonly parent: Oid; readonly message: string }): Oid {
    const { repository, process, put } = this.#parts
    const { id, body } = repository.commit({ files, parent, message, atSeconds: Math.max(0, Math.floor(process.wallMs() / 1_000)) })
    const stored = put(body)
    assert(stored === id, `the object store names a commit as git does: ${stored}, not ${id}`)
    return id
  }

  #look(path: string): Files {
    const place = this.#parts.places.get(path)
    assert(place !== undefined, `the work tree at ${path} was disposed of`)
    return place.files
  }

  #step(): Promise<void> {
    const { process, chance, profile } = this.#parts
    return process.delay(chance.delayMs(profile().step))
  }
}

/** Sorted by path. */
export const changesOf = (before: Files, after: Files): readonly FileChange[] =>
  differing(before, after).map((path) => ({
    path,
    kind: !before.has(path) ? 'added' : !after.has(path) ? 'deleted' : 'modified',
    modeBefore: before.has(path) ? '100644' : '000000',
    modeAfter: after.has(path) ? '100644' : '000000',
  }))

/** The whole file replaced: enough for who reads the added lines. */
const hunkOf = (path: string, before = '', after = ''): string => {
  const [old, now] = [before.split('\n'), after.split('\n')]
  return [`--- a/${path}`, `+++ b/${path}`, `@@ -1,${old.length} +1,${now.length} @@`, ...old.map((line) => `-${line}`), ...now.map((line) => `+${line}`)].join('\n')
}
