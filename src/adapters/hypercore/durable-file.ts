import { open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'

/** A small file that is replaced as a whole: after a crash or power loss it holds the old text or the new one. */
export interface HeadFile {
  /** Resolves when the text survives power loss. Calls must not overlap. */
  write(text: string): Promise<void>
  /** undefined when it was never written. */
  read(): Promise<string | undefined>
}

export const headFile = (filePath: string): HeadFile => ({
  write: (text) => replaceDurably(filePath, Buffer.from(text)),
  read: async () => (await readIfThere(filePath, HEAD_BYTES_MAX))?.toString('utf8'),
})

const HEAD_BYTES_MAX = 64 * 1024

/** Temporary file, fsync, rename, fsync of the folder: the order that rename(2) and fsync(2) ask for. */
export const replaceDurably = async (filePath: string, bytes: Uint8Array): Promise<void> => {
  const temporary = `${filePath}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, filePath)
  await syncFolder(path.dirname(filePath))
}

/** Makes names that were created or renamed in a folder survive power loss. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const readIfThere = async (filePath: string, bytesMax: number): Promise<Buffer | undefined> => {
  try {
    const bytes = await readFile(filePath)
    if (bytes.byteLength > bytesMax) throw new RangeError(`${path.basename(filePath)} has ${bytes.byteLength} bytes, at most ${bytesMax} expected`)
    return bytes
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
