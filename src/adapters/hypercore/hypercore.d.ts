// The part of hypercore 11.37.1 that Chorus uses; the package brings no types.
declare module 'hypercore' {
  import type { Duplex } from 'node:stream'

  export interface HypercoreStorage {
    /** RocksDB column family of the cores: flush() writes its memtable to disk, with fsync. */
    readonly db: { flush(): Promise<void> }
    close(): Promise<void>
  }

  export interface HypercoreOptions {
    readonly valueEncoding?: 'binary'
    readonly writable?: boolean
  }

  export default class Hypercore {
    static defaultStorage(folder: string, options?: { readonly allowBackup?: boolean; readonly readOnly?: boolean }): HypercoreStorage
    constructor(storage: HypercoreStorage, options?: HypercoreOptions)
    constructor(storage: HypercoreStorage, key: Uint8Array | null, options?: HypercoreOptions)
    readonly key: Uint8Array
    readonly length: number
    readonly writable: boolean
    ready(): Promise<void>
    append(blocks: readonly Uint8Array[]): Promise<{ readonly length: number; readonly byteLength: number }>
    /** Null when `wait` is false and the block is not stored. */
    get(index: number, options?: { readonly wait?: boolean; readonly timeout?: number }): Promise<Uint8Array | null>
    treeHash(length?: number): Promise<Uint8Array>
    truncate(length: number): Promise<void>
    replicate(isInitiator: boolean): Duplex
    download(range?: { readonly start: number; readonly end: number }): { done(): Promise<boolean>; destroy(): void }
    update(options?: { readonly wait?: boolean }): Promise<boolean>
    on(event: 'append' | 'close' | 'conflict' | 'verification-error', listener: (...facts: unknown[]) => void): this
    off(event: 'append' | 'close' | 'conflict' | 'verification-error', listener: (...facts: unknown[]) => void): this
    close(): Promise<void>
  }
}
