import { posix } from 'node:path'
import { BoundedMap, ChorusError } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { SourceFile, SourceTree } from '../../ports/mod.ts'
import { gitText } from './command.ts'
import type { GitRepository } from './repository.ts'
import { findEntry, parseTreeListing } from './tree-entry.ts'

const LISTS_MAX = 8
const LISTING_BYTES_MAX = 64 * 1024 * 1024
const HISTORY_TIMEOUT_MS = 300_000

/** SourceTree over the node's own git dir: a work tree is never looked at. */
export class GitSourceTree implements SourceTree {
  readonly #repository: GitRepository
  /** Of the folder that was asked for last: one walk through history for all of its files. */
  #added: { readonly commit: Oid; readonly folder: string; readonly dates: Promise<ReadonlyMap<string, number>> } | undefined

  /** The same task folder is listed at each look, and a commit does not change. */
  readonly #lists = new BoundedMap<string, Promise<readonly SourceFile[]>>(LISTS_MAX)

  constructor(repository: GitRepository) {
    this.#repository = repository
  }

  refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }> {
    return this.#repository.refresh()
  }

  list(commit: Oid, folder: string): Promise<readonly SourceFile[]> {
    const key = `${commit} ${folder}`
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const listed = this.#list(commit, folder)
    this.#lists.set(key, listed)
    // A failure is not kept: it may pass.
    listed.catch(() => { this.#lists.delete(key) })
    return listed
  }

  async #list(commit: Oid, folder: string): Promise<readonly SourceFile[]> {
    const below = folder === '' ? [] : ['--', `${plainPath(folder)}/`]
    const output = await this.#repository.local(['ls-tree', '-r', '-z', '-l', '--full-tree', commit, ...below], { outputBytesMax: LISTING_BYTES_MAX })
    return parseTreeListing(output)
      .filter((entry) => entry.mode === '100644' || entry.mode === '100755')
      .map((entry) => ({ path: entry.path, bytes: entry.bytes, executable: entry.mode === '100755', blob: entry.oid }))
      .sort((one, other) => one.path < other.path ? -1 : 1)
  }

  async read(commit: Oid, path: string, options: { readonly bytesMax: number }): Promise<Uint8Array | undefined> {
    const entry = await findEntry(this.#repository.objects, commit, plainPath(path))
    if (entry?.mode !== '100644' && entry?.mode !== '100755') return undefined
    const object = await this.#repository.objects.read(entry.oid, options)
    if (object === undefined) throw new ChorusError('IO_FAILED', `the content of ${path} at ${commit} is not here: refresh first`)
    if (object.body === undefined) throw new ChorusError('LIMIT_EXCEEDED', `${path} has ${object.bytes} bytes, at most ${options.bytesMax} are read`)
    return new Uint8Array(object.body)
  }

  async addedAtSeconds(commit: Oid, path: string): Promise<number | undefined> {
    const folder = posix.dirname(plainPath(path))
    if (this.#added?.commit !== commit || this.#added.folder !== folder) this.#added = { commit, folder, dates: this.#datesBelow(commit, folder) }
    const asked = this.#added
    try {
      return (await asked.dates).get(path)
    } catch (error) {
      if (this.#added === asked) this.#added = undefined
      throw error
    }
  }

  async hasTrailer(commit: Oid, name: string, value?: string): Promise<boolean> {
    if (!/^[A-Za-z][A-Za-z-]{0,60}$/.test(name)) throw new ChorusError('INPUT_INVALID', `a trailer is named with letters and dashes, got ${JSON.stringify(name.slice(0, 80))}`)
    // The search narrows down; only what git itself takes for a trailer counts, so the newest few matches are read as such.
    const wanted = value === undefined ? ['--basic-regexp', `--grep=^${name}: `] : ['--fixed-strings', `--grep=${name}: ${value}`]
    const found = await gitText(['--git-dir', this.#repository.gitDir, 'log', '-n', '20', ...wanted, `--format=%(trailers:key=${name},valueonly)`, commit])
    return found.split('\n').some((line) => value === undefined ? line.trim() !== '' : line.trim() === value)
  }

  async #datesBelow(commit: Oid, folder: string): Promise<ReadonlyMap<string, number>> {
    const log = ['log', '-z', '--first-parent', '--diff-filter=A', '--no-renames', '--name-only', '--format=%x00%ct', commit, '--', ...folder === '.' ? [] : [folder]]
    const output = await this.#repository.local(log, { outputBytesMax: LISTING_BYTES_MAX, timeoutMs: HISTORY_TIMEOUT_MS })
    return addedDates(output.toString('utf8'))
  }
}

/** `\0<seconds>\0\n<name>\0<name>\0` for each commit, newest first. No name is empty, so an empty field tells that a date follows. */
const addedDates = (output: string): ReadonlyMap<string, number> => {
  const dates = new Map<string, number>()
  const fields = output.split('\0')
  let seconds = 0
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] ?? ''
    if (field !== '') {
      dates.set(field, seconds)
      continue
    }
    seconds = Number(fields[at + 1] ?? 0)
    const first = fields[at + 2] ?? ''
    if (first.startsWith('\n')) fields[at + 2] = first.slice(1)
    at += 1
  }
  return dates
}

/** Relative, '/' as separator, no `.` or `..`: what git itself would write. */
const plainPath = (path: string): string => {
  const parts = path.split('/')
  if (path.length > 4096 || path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new ChorusError('INPUT_INVALID', `a path relative to the repository's root expected, got ${JSON.stringify(path.slice(0, 120))}`)
  }
  return path
}
