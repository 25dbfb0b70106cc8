import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { PIN_PATH, formatPin } from '../../node/pin.ts'
import { CONFIG_NAME, placesOf } from '../places.ts'
import { writeSwarmAccess } from '../swarm-key.ts'
import type { FleetNode } from '../demo/fleet.ts'
import { Chance } from './chance.ts'
import { makeMemoryFolder } from './memory-folder.ts'

const run = promisify(execFile)

/** A node of the drill: its files, and where others reach it. */
export interface StagedNode extends FleetNode {
  readonly home: string
  /** Git's own account of every program that this node starts towards the repository (trace2, one JSON object a line). */
  readonly traceFile: string
}

export interface Stage {
  readonly folder: string
  /** For what need not outlast the drill; on the disk where memory has no room. */
  readonly quickFolder: string
  readonly remote: string
  readonly branch: string
  /** Every update that the repository accepted: `<ms since 1970> <old> <new> <ref>`, written by its own hook. */
  readonly ledgerFile: string
  readonly nodes: readonly StagedNode[]
}

export interface StageOptions {
  readonly nodes: number
  readonly tasks: number
  readonly seed: string
  /** A task's agent works this long, seconds, drawn between the two. */
  readonly workSeconds: readonly [least: number, most: number]
  readonly claims: { readonly lease: string; readonly renew: string }
  readonly poll: string
}

const REPOSITORY = 'drill.git'
const SERVED = 'served'

/** A repository of many small tasks and its bare remote. Nodes are laid when it is known where they reach it. */
export const layRepository = async (options: StageOptions): Promise<Omit<Stage, 'nodes'>> => {
  // Not below a private home: the sandbox's user walks through it.
  const folder = mkdtempSync('/var/tmp/chorus-chaos-')
  chmodSync(folder, 0o711)
  // Parents first, by themselves: a mode given for the last folder would be that of all that are made on the way.
  mkdirSync(path.join(folder, 'nodes'), { mode: 0o711 })
  for (let index = 0; index < options.nodes; index += 1) mkdirSync(nodeFolder({ folder }, index), { mode: 0o711 })
  const seed = path.join(folder, 'seed')
  const chance = new Chance(`${options.seed} tasks`)
  mkdirSync(path.join(seed, '.chorus', 'tasks'), { recursive: true })
  mkdirSync(path.join(seed, 'work'))
  writeFileSync(path.join(seed, 'README.md'), 'A repository of a drill: each task wants one line in one file.\n')
  writeFileSync(path.join(seed, 'work', 'README.md'), 'One file per task.\n')
  writeFileSync(path.join(seed, PIN_PATH), formatPin({ repository: randomBytes(8).toString('hex'), namespace: 'refs/chorus' }))
  for (let number = 1; number <= options.tasks; number += 1) {
    const seconds = chance.between(...options.workSeconds).toFixed(1)
    writeFileSync(path.join(seed, '.chorus', 'tasks', `${number}.md`), [
      '---', `id: ${number}`, `title: Write line ${number}`, `check: test -f work/${number}.txt && grep -qx 'line ${number}' work/${number}.txt`, '---',
      `Write \`line ${number}\` to \`work/${number}.txt\`, after ${seconds} seconds of thought.`, '',
    ].join('\n'))
  }
  const branch = 'main'
  await git(seed, 'init', '-q', '-b', branch)
  await git(seed, 'add', '-A')
  await git(seed, 'commit', '-q', '-m', 'many small tasks')
  const quickFolder = makeMemoryFolder() ?? folder
  chmodSync(quickFolder, 0o711)
  const served = path.join(quickFolder, SERVED)
  mkdirSync(served)
  const remote = path.join(served, REPOSITORY)
  await git(folder, 'clone', '-q', '--bare', seed, remote)
  await git(remote, 'config', 'receive.autogc', 'false')
  const ledgerFile = path.join(folder, 'ledger')
  writeFileSync(ledgerFile, '')
  const hook = path.join(remote, 'hooks', 'post-receive')
  mkdirSync(path.dirname(hook), { recursive: true })
  // One write of a few lines: pushes that end together do not mix.
  writeFileSync(hook, `#!/bin/sh\nnow=$(date +%s%3N)\nsed "s/^/$now /" >> '${ledgerFile}'\n`)
  chmodSync(hook, 0o755)
  return { folder, quickFolder, remote, branch, ledgerFile }
}

/** What stands for the agent: reads the number and the time from what it is told, works that long, and writes the line. */
const AGENT = [
  'sh', '-c',
  'said=$(cat); n=${TASK_ID##*#}; s=$(printf "%s" "$said" | sed -n "s/.*after \\([0-9.]*\\) seconds.*/\\1/p" | head -n 1); sleep "${s:-1}"; echo "line $n" > "work/$n.txt"',
]

export interface NodeAddresses {
  /** Of the repository, as this node reaches it. */
  readonly url: string
  readonly listen: string
  /** All nodes, this one included. */
  readonly all: readonly string[]
}

export const repositoryUrl = (host: string, port: number): string => `http://${host}:${port}/${REPOSITORY}`

export const nodeFolder = (stage: Pick<Stage, 'folder'>, index: number): string => path.join(stage.folder, 'nodes', nodeName(index))
/** Work trees and temporary files of a node: what a killed one leaves there goes with the drill. */
export const quickNodeFolder = (stage: Pick<Stage, 'quickFolder'>, index: number, use: 'tmp' | 'scratch'): string =>
  path.join(stage.quickFolder, `${nodeName(index)}-${use}`)
export const nodeName = (index: number): string => `n${String(index + 1).padStart(2, '0')}`

export const layNode = (stage: Pick<Stage, 'folder' | 'quickFolder'>, index: number, about: { readonly options: StageOptions; readonly addresses: NodeAddresses; readonly swarmKey: string }): StagedNode => {
  const { options, addresses, swarmKey } = about
  const name = nodeName(index)
  const home = nodeFolder(stage, index)
  const stateFolder = path.join(home, 'state')
  const traceFile = path.join(home, 'git-trace')
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  const configFile = path.join(home, CONFIG_NAME)
  writeFileSync(configFile, [
    'agent:', `  id: ${name}`, '  role: developer', '  max_tasks: 1',
    'repositories:', '  - provider: local', `    url: ${addresses.url}`, '    delivery: branch',
    'execution:', '  engine: command', `  command: ${JSON.stringify(AGENT)}`, '  timeout: 2m',
    'claims:', `  lease: ${options.claims.lease}`, `  renew: ${options.claims.renew}`,
    'network:', '  mdns: false', `  listen: [${addresses.listen}]`, `  bootstrap: [${addresses.all.filter((other) => other !== addresses.listen).join(', ')}]`,
    `poll: ${options.poll}`, '',
  ].join('\n'))
  // The person's own git configuration holds for what goes over a network: this person wants an account of it.
  // The older protocol asks once where the newer asks twice: ten nodes and their server share one machine here.
  writeFileSync(path.join(home, '.gitconfig'), `[trace2]\n\teventTarget = ${traceFile}\n[protocol]\n\tversion = 0\n`)
  for (const use of ['tmp', 'scratch'] as const) {
    mkdirSync(quickNodeFolder(stage, index, use), { mode: 0o711 })
  }
  symlinkSync(quickNodeFolder(stage, index, 'scratch'), placesOf({ config: configFile, state: stateFolder }).scratchFolder)
  writeSwarmAccess(stateFolder, { swarmKey, bootstrap: [] })
  return { name, role: 'developer', home, configFile, stateFolder, traceFile }
}

export const git = async (folder: string, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await run('git', ['-C', folder, ...args], {
    maxBuffer: 256 * 1024 * 1024,
    env: {
      ...process.env, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0',
      GIT_AUTHOR_NAME: 'Chorus drill', GIT_AUTHOR_EMAIL: 'drill@localhost', GIT_COMMITTER_NAME: 'Chorus drill', GIT_COMMITTER_EMAIL: 'drill@localhost',
    },
  })
  return stdout
}
