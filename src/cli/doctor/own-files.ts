import { existsSync } from 'node:fs'
import { lstat, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { lockState, writeFileDurably } from '../../adapters/system/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import type { Places } from '../places.ts'
import { readSwarmAccess } from '../swarm-key.ts'
import { disk } from './machine.ts'
import type { Probe } from './finding.ts'

/** Where this node keeps its keys, its log and its work. */
export const ownFileProbes = (places: Places): readonly Probe[] => [
  state(places), swarmKey(places), disk('state disk', places.stateFolder), disk('work disk', path.dirname(path.dirname(places.scratchFolder))),
]

/** Private, writable to the disk itself, and free: a running node has it locked, which is as it should be. */
const state = ({ stateFolder }: Places): Probe => ({
  name: 'state', required: true, fix: `make ${stateFolder} a folder of your own (chown, chmod 700), or name another with --state`,
  attempt: async () => {
    const found = await lstat(stateFolder)
    if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) return { problem: `${stateFolder} is not a folder of yours` }
    if ((found.mode & 0o077) !== 0) return { problem: `others can look into ${stateFolder} (mode ${(found.mode & 0o777).toString(8)})`, fix: `chmod 700 ${stateFolder}` }
    const file = path.join(stateFolder, 'doctor')
    await writeFileDurably(file, 'doctor\n', 0o600)
    const read = await readFile(file, 'utf8')
    await rm(file)
    if (read !== 'doctor\n') return { problem: `what was written to ${stateFolder} was not what was read` }
    return `${stateFolder}, writable, ${await isInUse(stateFolder) ? 'in use by a running node' : 'not in use'}`
  },
})

/** Whether a node runs on it. */
export const isInUse = async (stateFolder: string): Promise<boolean> => {
  try {
    await (await lockState(stateFolder)).release()
    return false
  } catch (thrown) {
    if (thrown instanceof ChorusError && thrown.code === 'STATE_LOCKED') return true
    throw thrown
  }
}

const swarmKey = ({ stateFolder }: Places): Probe => ({
  name: 'swarm key', required: true, fix: `chmod 600 ${path.join(stateFolder, 'swarm.key')}; or \`chorus join <token>\` again`,
  attempt: async () => {
    const file = path.join(stateFolder, 'swarm.key')
    if (!existsSync(file)) return 'none yet: `chorus up` makes a swarm of one, `chorus join <token>` joins another'
    const access = readSwarmAccess(stateFolder)
    const mode = (await lstat(file)).mode & 0o777
    return (mode & 0o077) === 0 ? `there, private${access === undefined || access.bootstrap.length === 0 ? '' : `, ${access.bootstrap.length} addresses to try`}` : { problem: `others can read it (mode ${mode.toString(8)})` }
  },
})
