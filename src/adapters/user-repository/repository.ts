import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { ChorusError } from '../../core/mod.ts'

/**
 * A person's own repository, as `init` and `task add` touch it: they commit their own files to the default branch and
 * leave everything else, staged or not, as it was. The person's git configuration holds here (name, signing, remotes);
 * hooks do not run.
 */
export interface UserRepository {
  readonly root: string
  readonly defaultBranch: string
  /** URL of `origin`, undefined without one. */
  readonly origin: string | undefined
}

export interface OwnCommit {
  readonly commit: string
  readonly branch: string
  /** Undefined without a remote; else whether the push went through, and what git said when not. */
  readonly push: { readonly done: boolean; readonly reason: string } | undefined
}

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const TIMEOUT_MS = 60_000

export const openUserRepository = async (folder: string): Promise<UserRepository> => {
  const top = await git(folder, ['rev-parse', '--show-toplevel']).catch((cause: unknown) => {
    throw new ChorusError('REPOSITORY_INVALID', `${folder} is not in a git work tree: run \`git init\` and make a first commit there`, { cause })
  })
  const root = top.trim()
  const origin = (await tryGit(root, ['remote', 'get-url', 'origin']))?.trim()
  return { root, origin, defaultBranch: await defaultBranchOf(root) }
}

/** `origin`'s head if known, else the branch that is checked out, else main or master. */
const defaultBranchOf = async (root: string): Promise<string> => {
  const remote = (await tryGit(root, ['symbolic-ref', '--short', 'refs/remotes/origin/HEAD']))?.trim()
  if (remote !== undefined) return remote.replace(/^origin\//, '')
  for (const name of ['main', 'master']) {
    if ((await tryGit(root, ['rev-parse', '--verify', '-q', `refs/heads/${name}`])) !== undefined) return name
  }
  const head = (await tryGit(root, ['symbolic-ref', '--short', 'HEAD']))?.trim()
  if (head !== undefined) return head
  throw new ChorusError('REPOSITORY_INVALID', 'the default branch cannot be told: check it out and try again')
}

/** The content of a file on the default branch; undefined when it is not there. */
export const readOnDefaultBranch = (repository: UserRepository, file: string): Promise<string | undefined> =>
  tryGit(repository.root, ['cat-file', 'blob', `refs/heads/${repository.defaultBranch}:${file}`])

/** Paths of files below a folder on the default branch. */
export const listOnDefaultBranch = async (repository: UserRepository, folder: string): Promise<readonly string[]> =>
  ((await tryGit(repository.root, ['ls-tree', '-r', '-z', '--name-only', `refs/heads/${repository.defaultBranch}`, `${folder}/`])) ?? '').split('\0').filter((name) => name !== '')

/** Writes the files into the work tree if the default branch is checked out there, and nothing else. */
export const writeFiles = async (repository: UserRepository, files: ReadonlyMap<string, string>): Promise<void> => {
  for (const [name, content] of files) {
    const file = path.join(repository.root, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content)
  }
}

/**
 * One commit with just these files on the default branch, made beside the index and the work tree; where that branch is
 * checked out the files are also written and marked in the index, so that nothing shows as changed. Pushed to `origin`.
 */
export const commitFiles = async (repository: UserRepository, files: ReadonlyMap<string, string>, message: string): Promise<OwnCommit> => {
  const { root, defaultBranch } = repository
  const ref = `refs/heads/${defaultBranch}`
  const parent = (await tryGit(root, ['rev-parse', '--verify', '-q', `${ref}^{commit}`]))?.trim()
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'chorus-index-'))
  try {
    const env = { GIT_INDEX_FILE: path.join(scratch, 'index') }
    if (parent !== undefined) await git(root, ['read-tree', parent], { env })
    const entries: string[] = []
    for (const [name, content] of files) {
      const blob = (await git(root, ['hash-object', '-w', '--stdin', '--no-filters'], { input: content })).trim()
      entries.push(`100644,${blob},${name}`)
    }
    const cacheinfo = entries.flatMap((entry) => ['--cacheinfo', entry])
    await git(root, ['update-index', '--add', ...cacheinfo], { env })
    const tree = (await git(root, ['write-tree'], { env })).trim()
    const commit = (await git(root, ['commit-tree', tree, ...(parent === undefined ? [] : ['-p', parent]), '-m', message], { env: await identity(root) })).trim()
    await git(root, ['update-ref', '-m', `chorus: ${message}`, ref, commit, parent ?? '0'.repeat(40)])
    if ((await tryGit(root, ['symbolic-ref', '-q', 'HEAD']))?.trim() === ref) {
      await writeFiles(repository, files)
      await git(root, ['update-index', '--add', ...cacheinfo])
    }
    return { commit, branch: defaultBranch, push: await push(repository, ref) }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const push = async (repository: UserRepository, ref: string): Promise<OwnCommit['push']> => {
  if (repository.origin === undefined) return undefined
  try {
    await git(repository.root, ['push', '--no-verify', 'origin', `${ref}:${ref}`])
    return { done: true, reason: '' }
  } catch (thrown) {
    return { done: false, reason: thrown instanceof Error ? thrown.message.slice(0, 300) : String(thrown) }
  }
}

/** The person's own name where git knows it, else ours. */
const identity = async (root: string): Promise<NodeJS.ProcessEnv> =>
  (await tryGit(root, ['config', 'user.email'])) !== undefined ? {}
    : { GIT_AUTHOR_NAME: 'Chorus', GIT_AUTHOR_EMAIL: 'chorus@localhost', GIT_COMMITTER_NAME: 'Chorus', GIT_COMMITTER_EMAIL: 'chorus@localhost' }

interface GitOptions { readonly env?: NodeJS.ProcessEnv; readonly input?: string }

const git = (root: string, args: readonly string[], options: GitOptions = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = execFile('git', ['-C', root, ...args], {
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', ...options.env }, maxBuffer: OUTPUT_BYTES_MAX, timeout: TIMEOUT_MS,
    }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new ChorusError('REPOSITORY_INVALID', `git ${args[0] ?? ''} failed: ${(stderr || error.message).trim().slice(0, 400)}`, { cause: error }))
    })
    if (child.stdin !== null) {
      // A git that ends early closes its end; its exit code tells.
      child.stdin.on('error', () => undefined)
      child.stdin.end(options.input ?? '')
    }
  })

/** For questions whose answer may be "no". */
const tryGit = async (root: string, args: readonly string[]): Promise<string | undefined> => {
  try { return await git(root, args) } catch { return undefined }
}

/** Whether a file of this name is in the work tree already, to never overwrite a person's own. */
export const workTreeFile = async (repository: UserRepository, name: string): Promise<string | undefined> => {
  try { return await readFile(path.join(repository.root, name), 'utf8') } catch { return undefined }
}
