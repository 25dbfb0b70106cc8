/** One append-only log of this node. Single writer; a second process on the same folder is refused (STATE_LOCKED). */
export interface LogStore {
  /** Public key of the log, 32 bytes; stable across restarts. */
  readonly key: Uint8Array
  readonly length: number
  /** Resolves with the entry's index when it and the new head survive power loss. Serialised by the store. */
  append(entry: Uint8Array): Promise<number>
  read(index: number): Promise<Uint8Array>
  /** Merkle root of the first `length` entries (all, when it is not given), 32 bytes. */
  treeHash(length?: number): Promise<Uint8Array>
  close(): Promise<void>
}
