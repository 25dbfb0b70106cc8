import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, oid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { FileChange, Snapshot } from '../../ports/mod.ts'
import { commandError, runGit } from './command.ts'
import type { GitOutcome } from './command.ts'
import { closedEnvironment, TREE_GUARDS } from './environment.ts'
import { FileLook } from './file-look.ts'
import { ignoreRules } from './ignore-rules.ts'
import type { GitRepository } from './repository.ts'
import { parseTreeListing } from './tree-entry.ts'
import type { TreeEntry } from './tree-entry.ts'

/** What a snapshot takes in at most; more is refused with LIMIT_EXCEEDED, never cut. */
export interface SnapshotLimits {
  readonly changedFilesMax: number
  readonly fileBytesMax: number
  readonly totalBytesMax: number
}

export const SNAPSHOT_LIMITS: SnapshotLimits = { changedFilesMax: 20_000, fileBytesMax: 64 * 1024 * 1024, totalBytesMax: 512 * 1024 * 1024 }

const TIMEOUT_MS = 300_000
const IGNORE_FILE_BYTES_MAX = 256 * 1024
const MISSING = '000000'
const SUBMODULE = '160000'

/**
 * Looks at a hostile folder with a git dir, an index and an object folder outside of it. Its own `.git` is never read;
 * symbolic links are entries, never followed; new objects stay in `scratch` until a commit takes them over.
 */
export class WorkspaceView {
  readonly #repository: GitRepository
  readonly #workTree: string
  readonly #scratch: string
  readonly #limits: SnapshotLimits

  constructor(
    options: { readonly repository: GitRepository; readonly workTree: string; readonly scratch: string; readonly limits: SnapshotLimits },
  ) {
    this.#repository = options.repository
    this.#workTree = options.workTree
    this.#scratch = options.scratch
    this.#limits = options.limits
  }

  async snapshot(base: Oid): Promise<Snapshot> {
    await mkdir(path.join(this.#scratch, 'objects'), { recursive: true })
    // A fresh index knows no file times: every file is hashed, so nothing can be passed off as unchanged.
    await rm(path.join(this.#scratch, 'index'), { force: true })
    const tracked = parseTreeListing(await this.#git(['ls-tree', '-r', '-z', '-l', '--full-tree', base]), 'latin1')
    await this.#git(['read-tree', base])

    const look = new FileLook(this.#workTree)
    const changed = await this.#compare(tracked, look)
    const others = await this.#others(base, tracked)
    const added: string[] = []
    const repositories: string[] = []
    for (const name of others) {
      if (name.endsWith('/')) repositories.push(name.slice(0, -1))
      else if (await look.sizeOf(name) !== undefined) added.push(name)
    }
    await this.#bound([...changed, ...added], look)
    await this.#updateIndex(['--add', '--replace'], [...changed, ...added])

    const tree = oid((await this.#git(['write-tree'])).toString('utf8').trim())
    const changes = await this.#changes(base, tree)
    const nested = repositories.map((name): FileChange => ({ path: readable(name), kind: 'added', modeBefore: MISSING, modeAfter: SUBMODULE }))
    return { tree, changes: [...changes, ...nested] }
  }

  /** Takes tracked files that are gone, or are no file any more, from the index; gives those that must be read again. */
  async #compare(tracked: readonly TreeEntry[], look: FileLook): Promise<readonly string[]> {
    const gone: string[] = []
    for (const entry of tracked) {
      if (entry.mode === SUBMODULE) continue
      const size = await look.sizeOf(entry.path)
      if (size === undefined) gone.push(entry.path)
      else this.#boundFile(entry.path, size, entry.bytes)
    }
    await this.#updateIndex(['--force-remove'], gone)
    // Ends with 1 when something differs, which is the question.
    await this.#run(['update-index', '-q', '--refresh', '--ignore-submodules'])
    return list(await this.#git(['diff-files', '-z', '--name-only', '--ignore-submodules=all']))
  }

  /** Untracked and not ignored by the base commit; a nested repository is one name that ends with '/'. */
  async #others(base: Oid, tracked: readonly TreeEntry[]): Promise<readonly string[]> {
    const files: { folder: string; content: string }[] = []
    for (const entry of tracked) {
      if (path.posix.basename(entry.path) !== '.gitignore' || !entry.mode.startsWith('100')) continue
      const object = await this.#repository.objects.read(entry.oid, { bytesMax: IGNORE_FILE_BYTES_MAX })
      if (object?.body === undefined) {
        throw new ChorusError('LIMIT_EXCEEDED', `${readable(entry.path)} at ${base} is larger than ${IGNORE_FILE_BYTES_MAX} bytes`)
      }
      const folder = path.posix.dirname(entry.path)
      files.push({ folder: folder === '.' ? '' : folder, content: object.body.toString('utf8') })
    }
    const exclude = path.join(this.#scratch, 'exclude')
    await writeFile(exclude, ignoreRules(files))
    return list(await this.#git(['ls-files', '-z', '--others', `--exclude-from=${exclude}`]))
  }

  async #bound(names: readonly string[], look: FileLook): Promise<void> {
    if (names.length > this.#limits.changedFilesMax) {
      throw new ChorusError('LIMIT_EXCEEDED',
        `at most ${this.#limits.changedFilesMax} changed files are taken from a workspace, found ${names.length}, such as ${readable(names[0] ?? '')}`)
    }
    let total = 0
    for (const name of names) {
      const size = await look.sizeOf(name) ?? 0
      this.#boundFile(name, size, 0)
      total += size
    }
    if (total <= this.#limits.totalBytesMax) return
    throw new ChorusError('LIMIT_EXCEEDED', `at most ${this.#limits.totalBytesMax} bytes of changes are taken from a workspace, found ${total}`)
  }

  /** A file that was as large before may stay so. */
  #boundFile(name: string, size: number, before: number): void {
    if (size <= this.#limits.fileBytesMax || size <= before) return
    throw new ChorusError('LIMIT_EXCEEDED', `${readable(name)} has ${size} bytes, at most ${this.#limits.fileBytesMax} are taken from a workspace`)
  }

  async #updateIndex(flags: readonly string[], names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    const args = ['update-index', ...flags, '-z', '--stdin']
    const outcome = await this.#run(args, Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'))
    // As `.GIT/config`, which is a git dir on some file systems: git passes over it and ends well.
    const invalid = /^Ignoring path (.*)$/m.exec(outcome.stderr)?.[1]
    if (invalid !== undefined) {
      throw new ChorusError('INPUT_INVALID', `the workspace holds ${JSON.stringify(invalid)}, a path that no commit may have`)
    }
    if (outcome.end === 'exited' && outcome.code === 0) return
    throw commandError(args, outcome)
  }

  async #changes(base: Oid, tree: Oid): Promise<readonly FileChange[]> {
    const fields = list(await this.#git(['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', base, tree]))
    const changes: FileChange[] = []
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [modeBefore = '', modeAfter = '', , , letter = ''] = (fields[at] ?? '').replace(/^:/, '').split(' ')
      changes.push({ path: readable(fields[at + 1] ?? ''), kind: kindOf(letter), modeBefore, modeAfter })
    }
    return changes
  }

  async #git(args: readonly string[]): Promise<Buffer> {
    const outcome = await this.#run(args)
    if (outcome.end === 'exited' && outcome.code === 0) return outcome.stdout
    throw commandError(args, outcome)
  }

  #run(args: readonly string[], input?: Buffer): Promise<GitOutcome> {
    const environment = {
      ...closedEnvironment(),
      GIT_DIR: this.#repository.gitDir,
      GIT_WORK_TREE: this.#workTree,
      GIT_INDEX_FILE: path.join(this.#scratch, 'index'),
      GIT_OBJECT_DIRECTORY: path.join(this.#scratch, 'objects'),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: path.join(this.#repository.gitDir, 'objects'),
    }
    return runGit([...TREE_GUARDS, ...args], { cwd: this.#workTree, environment, input, timeoutMs: TIMEOUT_MS })
  }
}

const kindOf = (letter: string): FileChange['kind'] => {
  switch (letter) {
    case 'A': return 'added'
    case 'D': return 'deleted'
    case 'T': return 'type-changed'
    default: return 'modified'
  }
}

/** Names are bytes, one character each, until they are shown: git does not ask them to be UTF-8. */
const list = (output: Buffer): readonly string[] => output.toString('latin1').split('\0').filter((name) => name !== '')

const readable = (name: string): string => Buffer.from(name, 'latin1').toString('utf8')
