import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'

/** Replaces a file so that a reader, or a power cut, sees the old content or the new one and nothing between. */
export const writeFileDurably = async (file: string, content: string, mode: number): Promise<void> => {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    await syncFolder(path.dirname(file))
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new ChorusError('IO_FAILED', `${file} could not be written: ${messageOf(cause)}`, { cause })
  }
}

/** The content, or undefined when there is no such file. Files here are our own and small. */
export const readFileIfPresent = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return undefined
    throw new ChorusError('IO_FAILED', `${file} could not be read: ${messageOf(cause)}`, { cause })
  }
}

export const errorCodeOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (cause) {
    // Some file systems refuse to sync a folder (EINVAL): the rename is then as durable as they make it.
    if (errorCodeOf(cause) !== 'EINVAL') throw cause
  } finally {
    await handle.close()
  }
}
