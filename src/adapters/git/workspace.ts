import { appendFile, mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, fail, ok, oid } from '../../core/mod.ts'
import type { Oid, Result } from '../../core/mod.ts'
import type { Snapshot, Workspace, Workspaces } from '../../ports/mod.ts'
import { commandError, git, runGit } from './command.ts'
import { closedEnvironment, TREE_GUARDS } from './environment.ts'
import { giveTo, openToOwner, removeFolder } from './folder.ts'
import type { FolderOwner } from './folder.ts'
import { replay } from './replay.ts'
import type { GitRepository } from './repository.ts'
import { SNAPSHOT_LIMITS, WorkspaceView } from './snapshot.ts'
import type { SnapshotLimits } from './snapshot.ts'

export interface GitWorkspacesOptions {
  readonly repository: GitRepository
  /** Holds the open workspaces and nothing else: `reap` empties it. */
  readonly folder: string
  /** Given to the clones and checkouts when this process runs as root. */
  readonly owner?: FolderOwner | undefined
  readonly author?: GitIdentity | undefined
  /** Name of the clone's branch; the repository's default branch when not given. */
  readonly branch?: string | undefined
  /** Commits of history in the agent's clone. */
  readonly depth?: number | undefined
  readonly limits?: Partial<SnapshotLimits> | undefined
}

export interface GitIdentity {
  readonly name: string
  readonly email: string
}

const AUTHOR: GitIdentity = { name: 'Chorus', email: 'chorus@localhost' }
const DEPTH = 50
const CLONE_TIMEOUT_MS = 600_000
const MESSAGE_BYTES_MAX = 64 * 1024

/** Throwaway clones out of the node's own object store. */
export class GitWorkspaces implements Workspaces {
  readonly #options: GitWorkspacesOptions

  constructor(options: GitWorkspacesOptions) {
    this.#options = options
  }

  async open(spec: { readonly name: string; readonly base: Oid }): Promise<Workspace> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(spec.name)) {
      throw new ChorusError('INPUT_INVALID', `a workspace is named with letters, digits, '.', '_' and '-', got ${JSON.stringify(spec.name.slice(0, 120))}`)
    }
    const home = path.join(this.#options.folder, spec.name)
    await mkdir(this.#options.folder, { recursive: true })
    try {
      await mkdir(home)
    } catch (cause) {
      throw new ChorusError('STATE_LOCKED', `the workspace ${spec.name} is open already, or was left behind: reap first`, { cause })
    }
    const workspace = new GitWorkspace(spec.base, home, this.#options)
    try {
      await workspace.open()
    } catch (error) {
      await removeFolder(home)
      throw error
    }
    return workspace
  }

  async reap(): Promise<number> {
    await mkdir(this.#options.folder, { recursive: true })
    const left = await readdir(this.#options.folder)
    for (const name of left) await removeFolder(path.join(this.#options.folder, name))
    return left.length
  }
}

class GitWorkspace implements Workspace {
  readonly base: Oid
  readonly path: string
  readonly #home: string
  readonly #scratch: string
  readonly #options: GitWorkspacesOptions
  readonly #view: WorkspaceView
  #checkouts = 0

  constructor(base: Oid, home: string, options: GitWorkspacesOptions) {
    this.base = base
    this.path = path.join(home, 'clone')
    this.#home = home
    this.#scratch = path.join(home, 'own')
    this.#options = options
    const limits = { ...SNAPSHOT_LIMITS, ...options.limits }
    this.#view = new WorkspaceView({ repository: options.repository, workTree: this.path, scratch: this.#scratch, limits })
  }

  async open(): Promise<void> {
    const { repository, branch = repository.branch ?? 'main', depth = DEPTH } = this.#options
    await mkdir(this.#scratch, { mode: 0o700 })
    await mkdir(this.path)
    await git(['init', '--quiet', '--template=', '--object-format=sha1', `--initial-branch=${branch}`, this.path])
    // Nothing is brought to disk for good: a clone does not outlive its process. No reflog: it would name a path of this machine. No remote for the same reason, and because there is nothing to push to.
    const quiet = [...TREE_GUARDS, '-c', 'core.logAllRefUpdates=false', '-c', 'core.fsync=none', '-C', this.path]
    const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--update-head-ok', '--no-auto-maintenance', `--depth=${depth}`]
    await git([...quiet, 'fetch', ...flags, '--', repository.gitDir, `${this.base}:refs/heads/${branch}`], { timeoutMs: CLONE_TIMEOUT_MS })
    await git([...quiet, 'reset', '--quiet', '--hard'], { timeoutMs: CLONE_TIMEOUT_MS })
    // By hand: `git config` is a program for each line.
    await appendFile(path.join(this.path, '.git', 'config'), '[user]\n\tname = agent\n\temail = agent@localhost\n[gc]\n\tauto = 0\n')
    await giveTo(this.path, this.#options.owner)
  }

  async snapshot(): Promise<Snapshot> {
    await openToOwner(this.path)
    return this.#view.snapshot(this.base)
  }

  async commit(snapshot: Snapshot, message: string): Promise<Oid> {
    const environment = { ...this.#identity(), GIT_ALTERNATE_OBJECT_DIRECTORIES: path.join(this.#scratch, 'objects') }
    const commit = await this.#commitTree(snapshot.tree, this.base, { message, environment })
    // One pack in the node's own store: what an attempt tried and threw away never gets there.
    const packs = path.join(this.#options.repository.gitDir, 'objects', 'pack', 'pack')
    const input = `${commit}\n^${this.base}\n`
    await this.#options.repository.local(['pack-objects', '--quiet', '--revs', '--threads=1', packs], { environment, input, timeoutMs: CLONE_TIMEOUT_MS })
    return commit
  }

  async rebase(commit: Oid, options: { readonly onto: Oid; readonly message: string }): Promise<Result<Oid, readonly string[]>> {
    const environment = this.#identity()
    const tree = await replay(this.#options.repository, { commit, onto: options.onto, environment })
    if (!tree.ok) return fail(tree.reason)
    return ok(await this.#commitTree(tree.value, options.onto, { message: options.message, environment }))
  }

  async checkout(commit: Oid, overlay?: { readonly from: Oid; readonly paths: readonly string[] }): Promise<string> {
    this.#checkouts += 1
    const folder = path.join(this.#home, `checkout-${this.#checkouts}`)
    await mkdir(folder)
    const environment = {
      ...closedEnvironment(),
      GIT_DIR: this.#options.repository.gitDir,
      GIT_WORK_TREE: folder,
      GIT_INDEX_FILE: path.join(this.#scratch, `index-${this.#checkouts}`),
    }
    const run = (args: readonly string[], input?: string): Promise<Buffer> =>
      git([...TREE_GUARDS, ...args], { cwd: folder, environment, input, timeoutMs: CLONE_TIMEOUT_MS })
    await run(['read-tree', commit])
    if (overlay !== undefined && overlay.paths.length > 0) {
      const entries = (await run(['ls-tree', '-r', '-z', '--full-tree', overlay.from, '--', ...overlay.paths])).toString('utf8')
      await run(['update-index', '--force-remove', '-z', '--stdin'], overlay.paths.map((name) => `${name}\0`).join(''))
      await run(['update-index', '--replace', '-z', '--index-info'], entries)
    }
    await run(['checkout-index', '--all', '--quiet'])
    await giveTo(folder, this.#options.owner)
    return folder
  }

  async diff(commit: Oid, options: { readonly bytesMax: number }): Promise<string> {
    const flags = ['-r', '-p', '-M', '--no-ext-diff', '--no-textconv', '--no-color']
    const args = ['--git-dir', this.#options.repository.gitDir, 'diff-tree', ...flags, this.base, commit]
    const outcome = await runGit([...TREE_GUARDS, ...args], { outputBytesMax: options.bytesMax })
    if (outcome.end !== 'overflow' && (outcome.end !== 'exited' || outcome.code !== 0)) throw commandError(args, outcome)
    // A character cut in two leaves U+FFFD at the end.
    const text = outcome.stdout.toString('utf8').replace(/\uFFFD+$/u, '')
    return outcome.end === 'overflow' ? `${text}\n… [the rest of the diff, after ${options.bytesMax} bytes, is cut]\n` : text
  }

  async dispose(): Promise<void> {
    await removeFolder(this.#home)
  }

  async #commitTree(
    tree: Oid, parent: Oid, options: { readonly message: string; readonly environment: Record<string, string> },
  ): Promise<Oid> {
    if (Buffer.byteLength(options.message) > MESSAGE_BYTES_MAX || options.message.includes('\0')) {
      throw new ChorusError('INPUT_INVALID', `a commit message is text of at most ${MESSAGE_BYTES_MAX} bytes`)
    }
    const { environment, message: input } = options
    const output = await this.#options.repository.local(['commit-tree', tree, '-p', parent, '-F', '-'], { environment, input })
    return oid(output.toString('utf8').trim())
  }

  #identity(): Record<string, string> {
    const { name, email } = this.#options.author ?? AUTHOR
    return { ...closedEnvironment(), GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
  }
}
