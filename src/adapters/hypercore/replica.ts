import { mkdir } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import Hypercore from 'hypercore'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { readBlock } from './block.ts'
import { corePath } from './folder.ts'

export interface HypercoreReplicaOptions {
  /** Of its own; one folder for each log that is followed. */
  readonly folder: string
  /** Public key of the log, 32 bytes. */
  readonly key: Uint8Array
  /** The log's writer signed two different histories: the replica stops by itself, a person must look. */
  readonly onConflict?: (() => void) | undefined
  /** Called with the new length. */
  readonly onGrown?: ((length: number) => void) | undefined
}

/**
 * Another node's log, kept here: each block is checked against the writer's signed Merkle root before it is stored, so
 * a peer that relays it cannot change it. What the entries say is `verifyLog`'s to judge. It fetches everything that the
 * writer has; it cannot append. After power loss it may be shorter and fetches again.
 */
export class HypercoreReplica {
  readonly #core: Hypercore
  readonly #download: { destroy(): void }

  constructor(core: Hypercore) {
    this.#core = core
    this.#download = core.download({ start: 0, end: -1 })
  }

  get key(): Uint8Array { return this.#core.key }
  get length(): number { return this.#core.length }
  /** LOG_CORRUPT when the entry is not here (yet). */
  read(index: number): Promise<Uint8Array> { return readBlock(this.#core, index) }
  treeHash(length?: number): Promise<Uint8Array> { return this.#core.treeHash(length) }
  /** One end of the exchange; pipe it both ways into any byte stream to a node that has the log. */
  replicate(isInitiator: boolean): Duplex { return this.#core.replicate(isInitiator) }

  async close(): Promise<void> {
    this.#download.destroy()
    await this.#core.close()
  }
}

export const openHypercoreReplica = async (options: HypercoreReplicaOptions): Promise<HypercoreReplica> => {
  if (options.key.byteLength !== 32) throw new ChorusError('INPUT_INVALID', `a log key of 32 bytes expected, got ${options.key.byteLength}`)
  await mkdir(options.folder, { recursive: true, mode: 0o700 })
  const core = new Hypercore(Hypercore.defaultStorage(corePath(options.folder)), options.key)
  try {
    await core.ready()
  } catch (error) {
    throw new ChorusError('LOG_UNAVAILABLE', `the copy of a peer's log in ${options.folder} cannot be opened: ${messageOf(error)}`, { cause: error })
  }
  core.on('conflict', () => options.onConflict?.())
  core.on('append', () => options.onGrown?.(core.length))
  return new HypercoreReplica(core)
}
