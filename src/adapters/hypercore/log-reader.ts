import { cp, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import Hypercore from 'hypercore'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { readBlock, toHex } from './block.ts'
import { headFile, readIfThere } from './durable-file.ts'
import { corePath, headPath, journalPath, signedHeadPath } from './folder.ts'
import { readJournal } from './journal.ts'
import { parseHead, rootProblem } from './recovery.ts'
import type { StoredHead } from './recovery.ts'

/**
 * Reads a node's log without changing it, without its private key, and also when the node was killed: works on a
 * private copy of the folder, into which the entries that only the journal holds are filled in. What does not fit is
 * told in `problems`, not thrown, so that a verification can show all of it. The caller closes it.
 */
export interface HypercoreLogReader {
  readonly key: Uint8Array
  readonly length: number
  /** Entries that came from the journal. */
  readonly replayed: number
  readonly head: StoredHead | undefined
  readonly problems: readonly string[]
  read(index: number): Promise<Uint8Array>
  treeHash(length?: number): Promise<Uint8Array>
  close(): Promise<void>
}

export const readHypercoreLog = async (folder: string): Promise<HypercoreLogReader> => {
  const copy = await mkdtemp(path.join(os.tmpdir(), 'chorus-log-'))
  const drop = (): Promise<void> => rm(copy, { recursive: true, force: true })
  try {
    await cp(corePath(folder), corePath(copy), { recursive: true, errorOnExist: false })
    return await openCopy(folder, copy, drop)
  } catch (error) {
    await drop()
    if (error instanceof ChorusError) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ChorusError('NOT_FOUND', `an audit log expected in ${folder}, none found`, { cause: error, setting: '--state' })
    }
    throw new ChorusError('LOG_CORRUPT', `the audit log in ${folder} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** Text of the signed head beside the log, or undefined. */
export const readSignedHead = (folder: string): Promise<string | undefined> => headFile(signedHeadPath(folder)).read()

const openCopy = async (folder: string, copy: string, drop: () => Promise<void>): Promise<HypercoreLogReader> => {
  // allowBackup: no lock and no check that the folder stayed where it was made.
  const core = new Hypercore(Hypercore.defaultStorage(corePath(copy), { allowBackup: true }))
  await core.ready()
  try {
    const journal = await readJournal(journalPath(folder))
    const headText = await readIfThere(headPath(folder), 4096)
    const head = headText === undefined ? undefined : parseHead(headText.toString('utf8'))
    const missing = journal.records.filter((record) => record.index >= core.length)
    const replayed = missing[0]?.index === core.length ? missing.length : 0
    if (replayed > 0) await core.append(missing.map((record) => record.entry))
    return {
      key: core.key,
      length: core.length,
      replayed,
      head,
      problems: await judge(core, head),
      read: (index) => readBlock(core, index),
      treeHash: (length) => core.treeHash(length),
      close: async () => {
        await core.close()
        await drop()
      },
    }
  } catch (error) {
    await core.close()
    throw error
  }
}

const judge = async (core: Hypercore, head: StoredHead | undefined): Promise<readonly string[]> => {
  if (head === undefined) return core.length === 0 ? [] : [`a head file expected beside ${core.length} entries, none readable`]
  if (head.key !== toHex(core.key)) return [`log ${head.key} expected by the head, log ${toHex(core.key)} found`]
  if (core.length < head.length) return [`${head.length} entries expected by the head, ${core.length} found`]
  const treeHash = toHex(await core.treeHash(head.length))
  return treeHash === head.treeHash ? [] : [rootProblem(head, treeHash)]
}
