import { randomBytes } from 'node:crypto'
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { ChorusError, gitObjectId, oid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'

const deflated = promisify(deflate)

/** Writes a loose object (gitrepository-layout(5)) without starting a program: under a millisecond. Idempotent. */
export const writeObject = async (gitDir: string, type: 'commit' | 'blob' | 'tree', body: Uint8Array): Promise<Oid> => {
  const id = oid(gitObjectId(type, body))
  const folder = path.join(gitDir, 'objects', id.slice(0, 2))
  const file = path.join(folder, id.slice(2))
  if (await exists(file)) return id
  const packed = await deflated(Buffer.concat([Buffer.from(`${type} ${body.byteLength}\0`), body]), { level: 1 })
  const draft = path.join(folder, `tmp_obj_${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(draft, packed, { flag: 'wx', mode: 0o444 })
    await rename(draft, file)
  } catch (cause) {
    await rm(draft, { force: true })
    throw new ChorusError('IO_FAILED', `an object could not be written in ${gitDir}`, { cause })
  }
  return id
}

const exists = async (file: string): Promise<boolean> => {
  try {
    await access(file)
    return true
  } catch {
    // Not there, or not readable: writing it says which.
    return false
  }
}
