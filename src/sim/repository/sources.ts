import { ChorusError, gitObjectId, oid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import type { SourceFile, SourceTree } from '../../ports/mod.ts'
import type { Files } from './files.ts'
import type { SimRepository } from './repository.ts'

export interface SimSourcesOptions {
  readonly repository: SimRepository
  /** Asks the remote, with its latency and its faults; brings the commit and its history to this machine. */
  readonly tipOfMain: () => Promise<Oid | undefined>
  /** Whether this machine has the commit. Default: it has whatever was made. */
  readonly isHere?: ((commit: Oid) => boolean) | undefined
}

/** A repository's content as one node reads it: the remote is asked by `refresh` alone. */
export class SimSources implements SourceTree {
  readonly #repository: SimRepository
  readonly #tipOfMain: () => Promise<Oid | undefined>
  readonly #isHere: (commit: Oid) => boolean

  constructor({ repository, tipOfMain, isHere }: SimSourcesOptions) {
    this.#repository = repository
    this.#tipOfMain = tipOfMain
    this.#isHere = isHere ?? (() => true)
  }

  async refresh(): Promise<{ readonly branch: string; readonly tip: Oid | undefined }> {
    return { branch: 'main', tip: await this.#tipOfMain() }
  }

  async list(commit: Oid, folder: string): Promise<readonly SourceFile[]> {
    const files = this.#filesAt(commit)
    const paths: string[] = []
    for (const path of files.keys()) if (folder === '' || path.startsWith(`${folder}/`)) paths.push(path)
    return paths.sort().map((path) => sourceOf(path, files.get(path) ?? ''))
  }

  async read(commit: Oid, path: string, { bytesMax }: { readonly bytesMax: number }): Promise<Uint8Array | undefined> {
    const text = this.#filesAt(commit).get(path)
    if (text === undefined) return undefined
    const bytes = Buffer.from(text)
    if (bytes.byteLength > bytesMax) throw new ChorusError('LIMIT_EXCEEDED', `${path} has ${bytes.byteLength} bytes, at most ${bytesMax} are read`)
    return bytes
  }

  async addedAtSeconds(commit: Oid, path: string): Promise<number | undefined> {
    let added: number | undefined
    this.#filesAt(commit)
    for (let at: Oid | null = commit; at !== null && this.#repository.filesOf(at).has(path); at = this.#repository.parentOf(at)) added = this.#repository.atSecondsOf(at)
    return added
  }

  async hasTrailer(commit: Oid, name: string, value?: string): Promise<boolean> {
    this.#filesAt(commit)
    return this.#repository.trailers(commit).some((trailer) => trailer.name === name && (value === undefined ? trailer.value !== '' : trailer.value === value))
  }

  #filesAt(commit: Oid): Files {
    if (!this.#repository.has(commit) || !this.#isHere(commit)) throw new ChorusError('IO_FAILED', `the commit ${commit} is not here: refresh first`)
    return this.#repository.filesOf(commit)
  }
}

const sourceOf = (path: string, text: string): SourceFile => ({ path, bytes: Buffer.byteLength(text), executable: false, blob: blobOf(text) })

const blobs = new Map<string, Oid>()

/** Texts are few and small. */
const blobOf = (text: string): Oid => {
  let blob = blobs.get(text)
  if (blob === undefined) {
    blob = oid(gitObjectId('blob', Buffer.from(text)))
    if (blobs.size > 20_000) blobs.clear()
    blobs.set(text, blob)
  }
  return blob
}
