import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { promisify } from 'node:util'
import { ChorusError } from '../../core/mod.ts'
import { PIN_PATH, formatPin } from '../../node/pin.ts'
import { CONFIG_NAME } from '../places.ts'
import { writeSwarmAccess } from '../swarm-key.ts'
import type { FleetNode } from './fleet.ts'

const run = promisify(execFile)

/** A bare remote with a real library and its issues, and a state folder and configuration per node. */
export interface Stage {
  readonly folder: string
  /** The bare repository that the nodes work on. */
  readonly remote: string
  readonly branch: string
  readonly nodes: readonly FleetNode[]
}

/** Different roles and expertise, so that the matcher has something to decide. */
const CAST = [
  { name: 'ada', role: 'backend engineer', expertise: ['javascript', 'parsing', 'async'] },
  { name: 'ben', role: 'frontend engineer', expertise: ['javascript', 'formatting', 'text'] },
  { name: 'cleo', role: 'test engineer', expertise: ['javascript', 'numbers', 'testing'] },
] as const

export interface StageOptions {
  readonly nodes: number
  /** Extra YAML for each node's configuration: the user's model or agent instead of the built-in search. */
  readonly execution: string
}

export const layStage = async (options: StageOptions): Promise<Stage> => {
  // Not below a private home: the sandbox's user walks through it.
  const folder = mkdtempSync('/var/tmp/chorus-demo-')
  await run('chmod', ['711', folder])
  const example = findExample()
  const seed = path.join(folder, 'seed')
  // By its own name: an installed package lies below a node_modules itself.
  cpSync(example, seed, { recursive: true, filter: (source) => path.basename(source) !== 'node_modules' })
  mkdirSync(path.join(seed, '.chorus'), { recursive: true })
  writeFileSync(path.join(seed, PIN_PATH), formatPin({ repository: randomBytes(8).toString('hex'), namespace: 'refs/chorus' }))
  const branch = 'main'
  await git(seed, 'init', '-q', '-b', branch)
  await git(seed, 'add', '-A')
  await git(seed, 'commit', '-q', '-m', 'textkit as found, with its open issues')
  const remote = path.join(folder, 'textkit.git')
  await git(folder, 'clone', '-q', '--bare', seed, remote)
  const swarmKey = randomBytes(32).toString('hex')
  const nodes = Array.from({ length: options.nodes }, (_, index) => layNode(folder, remote, index, swarmKey, options.execution))
  return { folder, remote, branch, nodes }
}

/** Lets later nodes find the first one where multicast does not work. */
export const giveBootstrap = (node: FleetNode, addresses: readonly string[]): void => {
  const swarmKey = readFileSync(path.join(node.stateFolder, 'swarm.key'), 'utf8').trim()
  writeSwarmAccess(node.stateFolder, { swarmKey, bootstrap: addresses.slice(0, 4) })
}

const layNode = (folder: string, remote: string, index: number, swarmKey: string, execution: string): FleetNode => {
  const cast = CAST[index % CAST.length] ?? CAST[0]
  const name = index < CAST.length ? cast.name : `${cast.name}-${index + 1}`
  const home = path.join(folder, 'nodes', name)
  const stateFolder = path.join(home, 'state')
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  const configFile = path.join(home, CONFIG_NAME)
  writeFileSync(configFile, [
    'agent:', `  id: ${name}`, `  role: ${cast.role}`, `  expertise: [${cast.expertise.join(', ')}]`, '  capabilities: [code, test]', '  max_tasks: 1',
    'repositories:', '  - provider: local', `    url: ${JSON.stringify(remote)}`, '    delivery: merge', '    merge_on: [proved]', '    approve_first: false',
    'claims:', '  lease: 12s', '  renew: 4s',
    'network:', '  listen: [/ip4/127.0.0.1/tcp/0]',
    // Any of them may stand in for another that is gone.
    'matching:', `  role_families: [[${CAST.map((member) => member.role).join(', ')}]]`,
    'poll: 2s',
    execution, '',
  ].join('\n'))
  writeSwarmAccess(stateFolder, { swarmKey, bootstrap: [] })
  return { name, role: cast.role, configFile, stateFolder }
}

/** The repository and the installed package carry it in the same place. */
const findExample = (): string => {
  const folder = fileURLToPath(new URL('../../../examples/textkit', import.meta.url))
  if (existsSync(folder)) return folder
  throw new ChorusError('NOT_FOUND', `the demo's library is missing at ${folder}: is the installation whole?`)
}

export const countTaskFiles = (folder: string): number =>
  readdirSync(path.join(folder, 'seed', '.chorus', 'tasks')).filter((name) => name.endsWith('.md')).length

export const git = async (folder: string, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await run('git', ['-C', folder, ...args], {
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...process.env, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Chorus demo', GIT_AUTHOR_EMAIL: 'demo@localhost', GIT_COMMITTER_NAME: 'Chorus demo', GIT_COMMITTER_EMAIL: 'demo@localhost',
    },
  })
  return stdout
}
