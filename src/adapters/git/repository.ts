import { chmod, mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, EMPTY_TREE, isOid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import { git, gitText, lastLines, runGit } from './command.ts'
import type { GitCommand, GitOutcome } from './command.ts'
import { NETWORK_GUARDS, networkEnvironment } from './environment.ts'
import type { GitCredential } from './environment.ts'
import { ObjectReader } from './object-reader.ts'
import { writeObject } from './object-writer.ts'
import { parseRemote, withoutSecret } from './remote.ts'
import type { Remote } from './remote.ts'

export interface GitRepositoryOptions {
  /** Bare git dir in the node's state folder; made when absent. One process uses it at a time. */
  readonly folder: string
  /** Absolute path, file:, ssh:, git: or http(s): URL, or `user@host:path`. */
  readonly remote: string
  /** Default branch; what the remote's HEAD names when not given. */
  readonly branch?: string | undefined
  /** Lets the person's git configuration and key agents into fetch, push and ls-remote, and nowhere else. */
  readonly userConfig?: boolean | undefined
  readonly credential?: GitCredential | undefined
  /** One exchange with the remote, default 60 s; a fetch of content may take ten times that. */
  readonly networkTimeoutMs?: number | undefined
}

const NETWORK_TIMEOUT_MS = 60_000
const MIRROR = 'refs/chorus-mirror/'
const GATHER_MS = 15
const GATHERED_MAX = 100

/** This node's object store for one repository, and the way to its remote. */
export class GitRepository {
  readonly gitDir: string
  readonly remote: Remote
  readonly objects: ObjectReader
  readonly #options: GitRepositoryOptions
  #branch: string | undefined
  #starting: Promise<void> | undefined
  #fetching: Promise<unknown> = Promise.resolve()
  /** Not begun yet: whoever asks until then is answered by it. */
  #refreshing: Promise<{ readonly branch: string; readonly tip: Oid | undefined }> | undefined
  /** Refs that are fetched together when it is their turn. */
  #gathered: { readonly refs: Set<string>; readonly outcome: Promise<GitOutcome> } | undefined

  constructor(options: GitRepositoryOptions) {
    this.#options = options
    this.gitDir = options.folder
    this.remote = parseRemote(options.remote)
    this.objects = new ObjectReader(options.folder)
    this.#branch = options.branch
  }

  /** Default branch as `refresh` last found it, or as configured. */
  get branch(): string | undefined {
    return this.#branch
  }

  /** Makes the folder ready; does not talk to the remote. */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => { this.#starting = undefined; throw error })
    return this.#starting
  }

  async stop(): Promise<void> {
    await this.objects.stop()
  }

  /** A git command on the own git dir; rejects when it fails. */
  local(args: readonly string[], command: GitCommand = {}): Promise<Buffer> {
    return git(['--git-dir', this.gitDir, ...args], command)
  }

  /** A git command that talks to the remote; the outcome is the caller's to judge. */
  network(args: readonly string[], options: { readonly timeoutMs?: number; readonly outputBytesMax?: number } = {}): Promise<GitOutcome> {
    const environment = networkEnvironment({ userConfig: this.#options.userConfig ?? false, credential: this.#options.credential })
    const timeoutMs = options.timeoutMs ?? this.#options.networkTimeoutMs ?? NETWORK_TIMEOUT_MS
    const guards = this.#options.userConfig === true ? NETWORK_GUARDS : [...NETWORK_GUARDS, '-c', 'credential.helper=']
    return runGit([...guards, '--git-dir', this.gitDir, ...args], { environment, timeoutMs, outputBytesMax: options.outputBytesMax })
  }

  /** Refs of the remote as they are now. Patterns as for ls-remote(1). */
  async remoteRefs(patterns: readonly string[]): Promise<{ readonly refs: ReadonlyMap<string, Oid>; readonly head: string | undefined }> {
    const outcome = await this.network(['ls-remote', '--quiet', '--symref', '--', this.remote.url, ...patterns])
    if (outcome.end !== 'exited' || outcome.code !== 0) throw this.unavailable('its refs could not be read', outcome)
    const refs = new Map<string, Oid>()
    let head: string | undefined
    for (const line of outcome.stdout.toString('utf8').split('\n')) {
      const [left = '', name = ''] = line.split('\t')
      if (left.startsWith('ref: ') && name === 'HEAD') head = left.slice(5)
      else if (isOid(left)) refs.set(name, left)
    }
    return { refs, head }
  }

  /** Brings a ref of the remote here and says where it points now; undefined when the remote does not have it. */
  async fetchRef(ref: string): Promise<Oid | undefined> {
    if (!await this.bringRef(ref)) return undefined
    const copy = MIRROR + ref.replace(/^refs\//, '')
    const tip = await gitText(['--git-dir', this.gitDir, 'rev-parse', '--verify', '--quiet', copy])
    if (!isOid(tip)) throw new ChorusError('IO_FAILED', `${copy} is not in ${this.gitDir} after it was fetched`)
    return tip
  }

  /** Brings what a ref of the remote points to here; false when the remote does not have it. */
  async bringRef(ref: string): Promise<boolean> {
    const together = this.#gather(ref)
    let outcome = await together.outcome
    // One that is not there fails them all: then each finds out for itself.
    if (together.refs.size > 1 && isRefMissing(outcome)) outcome = await this.#fetch([mirrored(ref)])
    if (isRefMissing(outcome)) return false
    if (outcome.end !== 'exited' || outcome.code !== 0) throw this.unavailable(`${ref} could not be fetched`, outcome)
    return true
  }

  /** Brings one object and what it needs here; false when the remote does not give it out. */
  async fetchObject(id: Oid): Promise<boolean> {
    const outcome = await this.#fetch([id])
    return outcome.end === 'exited' && outcome.code === 0 && this.objects.has(id)
  }

  /**
   * Brings the default branch here and names it. `tip` is undefined in an empty repository. Calls of about the same time
   * share one look at the remote, which begins after all of them.
   */
  refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }> {
    this.#refreshing ??= new Promise((resolve) => { setTimeout(resolve, GATHER_MS) }).then(() => {
      this.#refreshing = undefined
      return this.#refresh()
    })
    return this.#refreshing
  }

  async #refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }> {
    const { refs, head } = await this.remoteRefs(['HEAD', 'refs/heads/*'])
    const branch = this.#options.branch ?? defaultBranch(refs, head) ?? await this.#unbornBranch()
    this.#branch = branch
    const tip = refs.get(`refs/heads/${branch}`)
    if (tip === undefined) return { branch, tip: undefined }
    if (await this.objects.has(tip)) return { branch, tip }
    return { branch, tip: await this.fetchRef(`refs/heads/${branch}`) }
  }

  unavailable(what: string, outcome: GitOutcome): ChorusError {
    const said = withoutSecret(lastLines(outcome.stderr))
    if (outcome.end === 'unstarted') return new ChorusError('CONFIG_MISSING', `git could not be started: ${said}; install git 2.39 or newer`)
    if (/dubious ownership/.test(outcome.stderr)) {
      return new ChorusError('REPOSITORY_INVALID',
        `${this.remote.shown} belongs to another user: run the node as that user, or use a bare repository that is served`)
    }
    const why = outcome.end === 'timeout' ? 'no answer in time' : outcome.end === 'overflow' ? 'more refs than are accepted' : said
    return new ChorusError('REMOTE_UNAVAILABLE', `${this.remote.shown}: ${what}: ${why}`, { setting: 'repositories' })
  }

  /** Refs that are asked for at about the same time come in one exchange: a look at many changed claims costs one program, not one for each. */
  #gather(ref: string): { readonly refs: Set<string>; readonly outcome: Promise<GitOutcome> } {
    const open = this.#gathered
    if (open !== undefined && open.refs.size < GATHERED_MAX) {
      open.refs.add(ref)
      return open
    }
    const refs = new Set([ref])
    const turn = Promise.all([this.#fetching, new Promise((resolve) => { setTimeout(resolve, GATHER_MS) })])
    const gathered = { refs, outcome: turn.then(() => {
      if (this.#gathered === gathered) this.#gathered = undefined
      return this.#fetch([...refs].map(mirrored))
    }) }
    this.#gathered = gathered
    return gathered
  }

  /** Fetches take turns: they would fight for the same mirror refs. */
  #fetch(wants: readonly string[]): Promise<GitOutcome> {
    const timeoutMs = 10 * (this.#options.networkTimeoutMs ?? NETWORK_TIMEOUT_MS)
    const flags = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance']
    const fetched = this.#fetching.then(() => this.network(['fetch', ...flags, '--', this.remote.url, ...wants], { timeoutMs }))
    this.#fetching = fetched
    return fetched
  }

  /** A repository without a commit: only one on this machine can say what its first branch will be called. */
  async #unbornBranch(): Promise<string> {
    if (this.remote.path === undefined) return 'main'
    const outcome = await runGit(['-C', this.remote.path, 'symbolic-ref', '--quiet', 'HEAD'])
    const name = outcome.stdout.toString('utf8').trim()
    return name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : 'main'
  }

  async #start(): Promise<void> {
    await requireGit()
    await mkdir(this.gitDir, { recursive: true })
    await chmod(this.gitDir, 0o700)
    if (await isRepository(this.gitDir)) {
      await this.#proveWhole()
      // Only what nothing refers to and is a month old goes; this process is the only one here.
      await this.local(['-c', 'gc.auto=6700', '-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet', '--prune=30.days.ago'], { timeoutMs: 600_000 })
    } else {
      await git(['init', '--quiet', '--bare', '--template=', '--object-format=sha1', '--initial-branch=main', this.gitDir])
      // What the agents' clones and a checked-out branch are given is fetched from here by object id.
      await this.local(['config', 'uploadpack.allowAnySHA1InWant', 'true'])
    }
    const tree = await writeObject(this.gitDir, 'tree', new Uint8Array())
    if (tree !== EMPTY_TREE) throw new ChorusError('INTERNAL', 'the empty tree has another id')
  }

  /** What a power cut leaves may be no repository any more. It is not thrown away unasked: it may hold a half-done delivery's journal. */
  async #proveWhole(): Promise<void> {
    const outcome = await runGit(['--git-dir', this.gitDir, 'rev-parse', '--is-bare-repository'])
    if (outcome.end !== 'exited' || outcome.code === 0) return
    throw new ChorusError('STATE_INVALID', `this node's copy of ${this.remote.shown} is broken (${lastLines(outcome.stderr)}): move ${this.gitDir} away, and it is fetched anew`)
  }
}

const mirrored = (ref: string): string => `+${ref}:${MIRROR}${ref.replace(/^refs\//, '')}`
const isRefMissing = (outcome: GitOutcome): boolean => outcome.end === 'exited' && outcome.code !== 0 && /couldn't find remote ref/.test(outcome.stderr)

let version: Promise<void> | undefined
const requireGit = (): Promise<void> => {
  version ??= checkVersion().catch((error: unknown) => { version = undefined; throw error })
  return version
}

const checkVersion = async (): Promise<void> => {
  const text = await gitText(['--version'])
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? []
  if (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 39)) return
  throw new ChorusError('CONFIG_MISSING', `git 2.39 or newer is needed, found ${JSON.stringify(text.slice(0, 60))}`)
}

const isRepository = async (folder: string): Promise<boolean> => {
  try {
    await readFile(path.join(folder, 'HEAD'))
    return true
  } catch {
    // No HEAD: a new folder; git init says so when it is something else.
    return false
  }
}

const defaultBranch = (refs: ReadonlyMap<string, Oid>, head: string | undefined): string | undefined => {
  if (head?.startsWith('refs/heads/') === true) return head.slice('refs/heads/'.length)
  // HEAD is detached or names a branch that does not exist.
  const detached = refs.get('HEAD')
  const names = [...refs.keys()].filter((name) => name.startsWith('refs/heads/') && (detached === undefined || refs.get(name) === detached))
  const known = ['refs/heads/main', 'refs/heads/master'].find((name) => names.includes(name) || (detached !== undefined && refs.has(name)))
  const chosen = known ?? (names.length === 1 ? names[0] : undefined)
  return chosen?.slice('refs/heads/'.length)
}
