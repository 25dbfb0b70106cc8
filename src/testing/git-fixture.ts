import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { oid } from '../core/mod.ts'
import type { Oid } from '../core/mod.ts'

const run = promisify(execFile)

/** Content by path; null removes. */
export type FixtureFiles = Readonly<Record<string, string | Uint8Array | null>>

const ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C',
  GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org',
}

/** Plain git as a person would run it, for looking at what production code did. Trimmed standard output. */
export const plainGit = (cwd: string, ...args: readonly string[]): Promise<string> => datedGit(cwd, args, undefined)

const datedGit = async (cwd: string, args: readonly string[], atSeconds: number | undefined): Promise<string> => {
  const dates = atSeconds === undefined ? {} : { GIT_AUTHOR_DATE: `${atSeconds} +0000`, GIT_COMMITTER_DATE: `${atSeconds} +0000` }
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...ENVIRONMENT, ...dates }
  const { stdout } = await run('git', [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 })
  return stdout.trimEnd()
}

/** A folder that is removed with all its content. */
export interface FixtureFolder {
  readonly path: string
  join(...parts: readonly string[]): string
  remove(): Promise<void>
}

export const makeFolder = async (): Promise<FixtureFolder> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-git-'))
  return {
    path: folder,
    join: (...parts) => path.join(folder, ...parts),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

/** A repository as a person has it: a work tree with main checked out. */
export class WorkRepository {
  readonly path: string
  constructor(folder: string) {
    this.path = folder
  }

  git(...args: readonly string[]): Promise<string> {
    return plainGit(this.path, ...args)
  }

  async write(files: FixtureFiles): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(this.path, name)
      if (content === null) await rm(file, { force: true, recursive: true })
      else {
        await mkdir(path.dirname(file), { recursive: true })
        await writeFile(file, content)
      }
    }
  }

  async commit(files: FixtureFiles, message = 'change', options: { readonly atSeconds?: number } = {}): Promise<Oid> {
    await this.write(files)
    await this.git('add', '-A')
    await datedGit(this.path, ['commit', '-q', '--allow-empty', '-m', message], options.atSeconds)
    return this.tip('HEAD')
  }

  async tip(ref: string): Promise<Oid> {
    return oid(await this.git('rev-parse', '--verify', ref))
  }
}

export const makeWorkRepository = async (folder: string, files?: FixtureFiles): Promise<WorkRepository> => {
  await mkdir(folder, { recursive: true })
  await plainGit(folder, 'init', '-q', '-b', 'main')
  const repository = new WorkRepository(folder)
  if (files !== undefined) await repository.commit(files, 'first')
  return repository
}

/** A bare remote, with these files on main when given. */
export const makeBareRepository = async (folder: string, files?: FixtureFiles): Promise<string> => {
  await mkdir(folder, { recursive: true })
  await plainGit(folder, 'init', '-q', '--bare', '-b', 'main')
  await plainGit(folder, 'config', 'http.receivepack', 'true')
  if (files === undefined) return folder
  const source = await mkdtemp(path.join(os.tmpdir(), 'chorus-git-source-'))
  try {
    const work = await makeWorkRepository(source, files)
    await work.git('push', '-q', folder, 'main')
  } finally {
    await rm(source, { recursive: true, force: true })
  }
  return folder
}

/** A commit on top of `parent` with these files changed, made in a bare repository without a work tree. */
export const commitInBare = async (bare: string, options: { readonly branch: string; readonly files: FixtureFiles; readonly message?: string }): Promise<Oid> => {
  const source = await mkdtemp(path.join(os.tmpdir(), 'chorus-git-source-'))
  try {
    await plainGit(source, 'clone', '-q', '--branch', options.branch, bare, '.')
    const work = new WorkRepository(source)
    const tip = await work.commit(options.files, options.message)
    await work.git('push', '-q', bare, `HEAD:refs/heads/${options.branch}`)
    return tip
  } finally {
    await rm(source, { recursive: true, force: true })
  }
}
