import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isRunning, markOf } from '../../adapters/system/mod.ts'
import type { ProcessMark } from '../../adapters/system/mod.ts'
import { ChorusError } from '../../core/mod.ts'

/** What a node that was started with --allow-chaos leaves in its state folder while it runs. */
export interface ChaosMarker {
  readonly mark: ProcessMark
  readonly configFile: string
}

const NAME = 'chaos.json'

/** Returns what takes it away again. */
export const allowChaos = async (stateFolder: string, configFile: string): Promise<() => void> => {
  const file = path.join(stateFolder, NAME)
  writeFileSync(file, `${JSON.stringify({ mark: await markOf(process.pid), configFile })}\n`, { mode: 0o600 })
  return () => { rmSync(file, { force: true }) }
}

/**
 * The marker of a node that runs on this machine and allows a drill. Throws for any other: one without a marker, one
 * that has ended, one whose state folder lies here and whose process runs elsewhere.
 */
export const readMarker = async (stateFolder: string): Promise<ChaosMarker> => {
  const marker = parse(stateFolder)
  if (marker === undefined) throw new ChorusError('STATE_INVALID', `${stateFolder} is not the state folder of a node that allows a drill: start that node with \`chorus up --allow-chaos\``, { setting: '--attach' })
  if (!await isRunning(marker.mark)) throw new ChorusError('NOT_FOUND', `the node of ${stateFolder} does not run on this machine: a drill touches no other`, { setting: '--attach' })
  return marker
}

const parse = (stateFolder: string): ChaosMarker | undefined => {
  try {
    const { mark, configFile } = JSON.parse(readFileSync(path.join(stateFolder, NAME), 'utf8')) as { readonly mark?: Partial<ProcessMark>; readonly configFile?: unknown }
    const { pid, start, space } = mark ?? {}
    if (!Number.isSafeInteger(pid) || pid === undefined || pid < 2 || typeof start !== 'string' || typeof space !== 'string' || typeof configFile !== 'string') return undefined
    return { mark: { pid, start, space }, configFile }
  } catch {
    // Missing, or no marker: the caller says what is wanted.
    return undefined
  }
}
