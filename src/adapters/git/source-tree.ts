import { ChorusError } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { SourceFile, SourceTree } from '../../ports/mod.ts'
import { gitText } from './command.ts'
import type { GitRepository } from './repository.ts'
import { findEntry, parseTreeListing } from './tree-entry.ts'

const LISTING_BYTES_MAX = 64 * 1024 * 1024

/** SourceTree over the node's own git dir: a work tree is never looked at. */
export class GitSourceTree implements SourceTree {
  readonly #repository: GitRepository

  constructor(repository: GitRepository) {
    this.#repository = repository
  }

  refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }> {
    return this.#repository.refresh()
  }

  async list(commit: Oid, folder: string): Promise<readonly SourceFile[]> {
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
    const log = ['log', '--first-parent', '--diff-filter=A', '--no-renames', '--no-patch', '--format=%ct', commit, '--', plainPath(path)]
    const oldest = (await gitText(['--git-dir', this.#repository.gitDir, ...log])).split('\n').at(-1) ?? ''
    return /^\d+$/.test(oldest) ? Number(oldest) : undefined
  }
}

/** Relative, '/' as separator, no `.` or `..`: what git itself would write. */
const plainPath = (path: string): string => {
  const parts = path.split('/')
  if (path.length > 4096 || path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new ChorusError('INPUT_INVALID', `a path relative to the repository's root expected, got ${JSON.stringify(path.slice(0, 120))}`)
  }
  return path
}
