import { randomUUID } from 'node:crypto'
import { cp, lstat, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ChorusError, assert, messageOf } from '../../core/mod.ts'

/**
 * Installed dependencies on disk, one folder per key: `<root>/<key>/<name>`. A folder appears whole, by rename, or not
 * at all; the oldest by last use go when there are more than `entriesMax`. Fits the `SetupCache` of work/execution.
 */
export class DiskSetupCache {
  readonly #root: string
  readonly #entriesMax: number

  constructor(root: string, options: { readonly entriesMax?: number } = {}) {
    this.#root = root
    this.#entriesMax = options.entriesMax ?? 20
  }

  async lookup(key: string): Promise<string | undefined> {
    const entry = this.#entry(key)
    const names = await readdir(entry).catch(absent)
    const name = names?.[0]
    if (name === undefined) return undefined
    const path = join(entry, name)
    if (!await isRealFolder(path)) return undefined
    const now = new Date()
    await utimes(entry, now, now)
    return path
  }

  async store(key: string, workspacePath: string, folder: string): Promise<string | undefined> {
    assert(basename(folder) === folder && folder !== '' && folder !== '.' && folder !== '..', 'a kept folder lies at the root of the work tree')
    const from = join(workspacePath, folder)
    // Programs of the repository ran here: a link in its place must not make the host's files show up in a sandbox.
    if (!await isRealFolder(from)) return undefined
    const partial = join(this.#root, `.partial-${randomUUID()}`)
    try {
      await mkdir(partial, { recursive: true, mode: 0o755 })
      await move(from, join(partial, folder))
      await rename(partial, this.#entry(key)).catch(async (thrown: unknown) => {
        // Another attempt kept the same result first: one is as good as the other.
        if (codeOf(thrown) !== 'ENOTEMPTY' && codeOf(thrown) !== 'EEXIST') throw thrown
        await rm(partial, { recursive: true, force: true })
      })
    } catch (thrown) {
      await rm(partial, { recursive: true, force: true })
      throw new ChorusError('IO_FAILED', `dependencies could not be kept in ${this.#root}: ${messageOf(thrown)}`, { cause: thrown })
    }
    await this.#prune(key)
    return join(this.#entry(key), folder)
  }

  /** Removes what an interrupted `store` left. Call before the first use. Returns how many. */
  async reap(): Promise<number> {
    const names = (await readdir(this.#root).catch(absent) ?? []).filter((name) => name.startsWith('.partial-'))
    await Promise.all(names.map((name) => rm(join(this.#root, name), { recursive: true, force: true })))
    return names.length
  }

  /** An entry in use may go too: its mount in a running sandbox holds on to the files only on the same file system. */
  async #prune(kept: string): Promise<void> {
    const names = (await readdir(this.#root)).filter((name) => !name.startsWith('.'))
    if (names.length <= this.#entriesMax) return
    const aged = await Promise.all(names.map(async (name) => ({ name, usedMs: (await lstat(join(this.#root, name)).catch(absent))?.mtimeMs ?? 0 })))
    const oldest = aged.filter(({ name }) => name !== kept).sort((a, b) => a.usedMs - b.usedMs).slice(0, names.length - this.#entriesMax)
    for (const { name } of oldest) await rm(join(this.#root, name), { recursive: true, force: true })
  }

  #entry(key: string): string {
    assert(/^[A-Za-z0-9-]{1,120}$/.test(key), 'a key is of letters, digits and dashes')
    return join(this.#root, key)
  }
}

const isRealFolder = async (path: string): Promise<boolean> => (await lstat(path).catch(absent))?.isDirectory() === true

/** Work trees may lie on another file system than the cache. */
const move = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to)
  } catch (thrown) {
    if (codeOf(thrown) !== 'EXDEV') throw thrown
    await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  }
}

const codeOf = (thrown: unknown): unknown => thrown instanceof Error && 'code' in thrown ? thrown.code : undefined

/** For `catch`: what is not there is undefined, any other failure goes on. */
const absent = (thrown: unknown): undefined => {
  if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return undefined
  throw thrown
}
