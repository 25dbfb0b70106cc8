import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { ChorusError } from '../../core/mod.ts'
import { readIfThere, replaceDurably, syncFolder } from './durable-file.ts'

/**
 * What Hypercore has not yet brought to disk. Hypercore writes without fsync, so its last entries may be gone after
 * power loss; this file holds each of them, with fsync, until the store behind Hypercore was flushed.
 *
 * Layout: 8 bytes `CHJ1` + 4 zero bytes, then records: u32 length, u32 CRC-32 of (index + bytes), u64 index, bytes;
 * little endian. A record that does not fit or whose sum is wrong ends the reading: it was being written when the
 * power went, and nobody was told that it is safe.
 */
export interface JournalRecord {
  readonly index: number
  readonly entry: Uint8Array
}

const MAGIC = Buffer.from('CHJ1\0\0\0\0', 'latin1')
const RECORD_HEADER_BYTES = 16
const JOURNAL_BYTES_MAX = 256 * 1024 * 1024

export class Journal {
  readonly #path: string
  #handle: FileHandle | undefined
  #bytes = 0

  constructor(filePath: string) {
    this.#path = filePath
  }

  /** Size of the file in bytes; the store rotates it when it grows. */
  get bytes(): number { return this.#bytes }

  /** Opens for writing behind the last whole record; what follows it is cut off. */
  async open(wholeBytes: number): Promise<void> {
    if (wholeBytes < MAGIC.byteLength) {
      await this.reset()
      return
    }
    this.#handle = await open(this.#path, 'r+')
    await this.#handle.truncate(wholeBytes)
    await this.#handle.sync()
    this.#bytes = wholeBytes
  }

  /** Resolves when the records survive power loss. After a failure the file must not be written again. */
  async append(records: readonly JournalRecord[]): Promise<void> {
    if (this.#handle === undefined) throw new ChorusError('LOG_UNAVAILABLE', 'the journal of the log is not open')
    const bytes = Buffer.concat(records.map(encodeRecord))
    const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.byteLength, this.#bytes)
    if (bytesWritten !== bytes.byteLength) {
      throw new ChorusError('LOG_UNAVAILABLE',
        `${bytes.byteLength} bytes expected to be written to the journal, ${bytesWritten} were: the disk is full or failing`)
    }
    await this.#handle.datasync()
    this.#bytes += bytes.byteLength
  }

  /** Starts an empty journal; call only when every entry is on disk elsewhere. */
  async reset(): Promise<void> {
    await this.close()
    await replaceDurably(this.#path, MAGIC)
    this.#handle = await open(this.#path, 'r+')
    await syncFolder(path.dirname(this.#path))
    this.#bytes = MAGIC.byteLength
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

export interface JournalContent {
  readonly records: readonly JournalRecord[]
  /** Where the last whole record ends. */
  readonly wholeBytes: number
  /** Bytes behind it that are no whole record; 0 after a clean stop. */
  readonly tornBytes: number
}

/** Reads without changing anything; a missing file is an empty journal. */
export const readJournal = async (filePath: string): Promise<JournalContent> => {
  const bytes = await readIfThere(filePath, JOURNAL_BYTES_MAX)
  if (bytes === undefined) return { records: [], wholeBytes: 0, tornBytes: 0 }
  if (!bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    // Its first bytes are written by rename, so they are never torn: something else wrote here.
    if (bytes.byteLength > 0) return { records: [], wholeBytes: 0, tornBytes: bytes.byteLength }
    return { records: [], wholeBytes: 0, tornBytes: 0 }
  }
  return decodeRecords(bytes)
}

const decodeRecords = (bytes: Buffer): JournalContent => {
  const records: JournalRecord[] = []
  let offset = MAGIC.byteLength
  while (offset + RECORD_HEADER_BYTES <= bytes.byteLength) {
    const length = bytes.readUInt32LE(offset)
    const end = offset + RECORD_HEADER_BYTES + length
    if (end > bytes.byteLength) break
    if (crc32(bytes.subarray(offset + 8, end)) !== bytes.readUInt32LE(offset + 4)) break
    const index = Number(bytes.readBigUInt64LE(offset + 8))
    const previous = records.at(-1)
    if (!Number.isSafeInteger(index) || (previous !== undefined && index !== previous.index + 1)) break
    records.push({ index, entry: bytes.subarray(offset + RECORD_HEADER_BYTES, end) })
    offset = end
  }
  return { records, wholeBytes: offset, tornBytes: bytes.byteLength - offset }
}

const encodeRecord = (record: JournalRecord): Buffer => {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + record.entry.byteLength)
  bytes.writeUInt32LE(record.entry.byteLength, 0)
  bytes.writeBigUInt64LE(BigInt(record.index), 8)
  bytes.set(record.entry, RECORD_HEADER_BYTES)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}
