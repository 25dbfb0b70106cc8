import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'
import { errorCodeOf, readFileIfPresent } from './files.ts'
import { isRunning, markOf } from './process-mark.ts'
import type { ProcessMark } from './process-mark.ts'

export interface StateLock {
  /** Idempotent. */
  release(): Promise<void>
}

/**
 * One process per state folder. Each applicant first puts up a file of its own (`lock/<pid>`) and only then looks for
 * others: of two that come at once at least one sees the other, so there are never two holders. Files of processes
 * that have ended are cleared away. Rejects with STATE_LOCKED, which names the process that has it.
 */
export const lockState = async (folder: string): Promise<StateLock> => {
  const locks = path.join(folder, 'lock')
  await mkdir(locks, { recursive: true, mode: 0o700 })
  const mine = await markOf(process.pid)
  const file = path.join(locks, String(mine.pid))
  await putUp(file, mine)
  try {
    for (const name of await readdir(locks)) {
      if (!/^\d+$/.test(name) || name === String(mine.pid)) continue
      const other = parseMark(await readFileIfPresent(path.join(locks, name)))
      if (other !== undefined && (await isRunning(other))) throw locked(folder, other.pid)
      await rm(path.join(locks, name), { force: true })
    }
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
  return { release: () => rm(file, { force: true }) }
}

const putUp = async (file: string, mine: ProcessMark): Promise<void> => {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, JSON.stringify(mine), { mode: 0o600, flag: 'wx' })
    // A link appears with its content in it, and only if the name is free.
    await link(temporary, file)
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw new ChorusError('IO_FAILED', `${file} could not be written: ${messageOf(error)}`, { cause: error, setting: '--state' })
    const other = parseMark(await readFileIfPresent(file))
    if (other !== undefined && (await isRunning(other))) throw locked(path.dirname(path.dirname(file)), other.pid)
    // Left by an ended process that had our number; nobody else has that number now.
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

const parseMark = (text: string | undefined): ProcessMark | undefined => {
  try {
    const { pid, start, space } = JSON.parse(text ?? '') as Record<string, unknown>
    return Number.isSafeInteger(pid) && typeof start === 'string' && typeof space === 'string' ? { pid: pid as number, start, space } : undefined
  } catch {
    // Files appear whole, so this one was cut by a crash of the machine: its process is gone.
    return undefined
  }
}

const locked = (folder: string, pid: number): ChorusError =>
  new ChorusError('STATE_LOCKED', `the state folder ${folder} is in use by process ${pid}: stop it, or give this node a folder of its own (--state)`, { data: { pid } })
