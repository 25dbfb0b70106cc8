import type { Command } from 'commander'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { ChorusError } from '../../core/mod.ts'
import { PIN_PATH, formatPin, parsePin } from '../../node/pin.ts'
import { parseConfig } from '../../node/config.ts'
import { commitFiles, openUserRepository, readOnDefaultBranch, workTreeFile, writeFiles } from '../../adapters/user-repository/mod.ts'
import type { OwnCommit, UserRepository } from '../../adapters/user-repository/mod.ts'
import { encodeJoinToken, parseJoinToken } from '../../wire/mod.ts'
import { askNode } from '../../surfaces/control/mod.ts'
import type { NodeStatus } from '../../node/status.ts'
import { CONFIG_NAME, placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'
import { ensureSwarmAccess, readSwarmAccess, writeSwarmAccess } from '../swarm-key.ts'

/** `init`, `join`, `member invite`: how a repository and a machine come into a swarm. */
export const addSwarmCommands = (program: Command, context: CommandContext): void => {
  program.command('init').description('prepare this repository and this machine: chorus.yaml, the claim pin, the swarm key')
    .option('--no-commit', 'only write the files, and leave the commit to you')
    .action(context.run(async ({ console: out, global, options }) => {
      const repository = await openUserRepository(process.cwd())
      const files = await missingFiles(repository)
      const commit = files.size === 0 ? undefined : options.commit === false
        ? (await writeFiles(repository, files), undefined) : await commitFiles(repository, files, 'chorus: prepare the repository')
      const configFile = path.join(repository.root, CONFIG_NAME)
      // A branch that is not checked out has the file in its commit only: the node needs one to read.
      if ((await workTreeFile(repository, CONFIG_NAME)) === undefined) await writeFiles(repository, new Map([[CONFIG_NAME, files.get(CONFIG_NAME) ?? (await readOnDefaultBranch(repository, CONFIG_NAME)) ?? '']]))
      const { stateFolder } = placesOf({ ...global, config: configFile })
      const access = ensureSwarmAccess(stateFolder)
      out.result(
        { files: [...files.keys()], commit: commit?.commit ?? null, branch: repository.defaultBranch, pushed: commit?.push?.done ?? null, state: stateFolder, swarmKey: access.created ? 'made' : 'kept' },
        [
          files.size === 0 ? 'this repository is prepared already' : describeCommit(commit, [...files.keys()]),
          `state of this node: ${stateFolder}`,
          access.created ? 'a new swarm key was made; bring other machines in with `chorus member invite`' : 'the swarm key was there already',
          'next: `chorus task add "what to do" --check "command that is red now"`, then `chorus up`',
        ].join('\n'),
      )
    }))

  program.command('join <token>').description('bring this machine into a swarm, with the token of `chorus member invite`')
    .action(context.run(async ({ console: out, global, args }) => {
      const token = parseJoinToken(args[0] ?? '')
      const { stateFolder } = placesOf(global)
      const before = readSwarmAccess(stateFolder)
      writeSwarmAccess(stateFolder, token)
      const changed = before !== undefined && before.swarmKey !== token.swarmKey
      out.result({ joined: true, bootstrap: token.bootstrap, replacedKey: changed },
        `joined: ${token.bootstrap.length} known addresses${changed ? '; the swarm key that was here is replaced' : ''}. Start with \`chorus up\``)
      await Promise.resolve()
    }))

  const member = program.command('member').description('who belongs to the swarm')
  member.command('invite').description('print a join token: it holds the swarm key, so give it only to machines of yours')
    .action(context.run(async ({ console: out, global }) => {
      const { stateFolder, controlSocket } = placesOf(global)
      const access = readSwarmAccess(stateFolder)
      if (access === undefined) throw new ChorusError('STATE_INVALID', 'this machine is in no swarm: run `chorus init` or `chorus join <token>` first')
      const bootstrap = await addressesOf(controlSocket) ?? access.bootstrap
      const token = encodeJoinToken({ swarmKey: access.swarmKey, bootstrap: bootstrap.slice(0, 16) })
      out.result({ token, bootstrap }, token)
    }))
}

/** Where the running node can be dialled from other machines; undefined when none runs. */
const addressesOf = async (controlSocket: string): Promise<readonly string[] | undefined> => {
  try {
    const status = await askNode(controlSocket, 'status') as NodeStatus
    const outside = status.addresses.filter((address) => !address.startsWith('/ip4/127.') && !address.startsWith('/ip6/::1/'))
    // A machine without a network can still have several nodes.
    return outside.length > 0 ? outside : status.addresses
  } catch (thrown) {
    if (thrown instanceof ChorusError && thrown.code === 'NOT_FOUND') return undefined
    throw thrown
  }
}

const missingFiles = async (repository: UserRepository): Promise<ReadonlyMap<string, string>> => {
  const files = new Map<string, string>()
  const config = (await readOnDefaultBranch(repository, CONFIG_NAME)) ?? (await workTreeFile(repository, CONFIG_NAME))
  if (config === undefined) files.set(CONFIG_NAME, configTemplate(repository))
  // A configuration of the user's own is used as it is, if it can be.
  else parseConfig(config, { env: {}, file: CONFIG_NAME })
  const pin = await readOnDefaultBranch(repository, PIN_PATH)
  if (pin === undefined) files.set(PIN_PATH, formatPin({ repository: randomUUID(), namespace: 'refs/chorus' }))
  else {
    const parsed = parsePin(pin)
    if (!parsed.ok) throw new ChorusError('REPOSITORY_INVALID', parsed.reason)
  }
  return files
}

export const describeCommit = (commit: OwnCommit | undefined, files: readonly string[]): string => {
  const names = files.join(', ')
  if (commit === undefined) return `wrote ${names}; not committed: commit and push them yourself, nodes read the default branch`
  const pushed = commit.push === undefined ? 'there is no remote to push to'
    : commit.push.done ? 'pushed to origin' : `NOT pushed (${commit.push.reason.split('\n')[0] ?? ''}): push ${commit.branch} yourself`
  return `committed ${names} to ${commit.branch} as ${commit.commit.slice(0, 12)}; ${pushed}`
}

const configTemplate = (repository: UserRepository): string => [
  '# Chorus: see docs/configuration.md. Every key has a default and an environment variable (CHORUS_AGENT_ROLE, ...).',
  'agent:',
  '  role: developer',
  '  expertise: []',
  '  max_tasks: 1',
  '',
  'repositories:',
  '  - provider: local',
  repository.origin === undefined ? '    path: .' : `    url: ${JSON.stringify(repository.origin)}`,
  '    # branch: results wait on chorus/<task> for you. merge: proved results go to the default branch.',
  '    delivery: branch',
  '',
  '# The commands that must be green; found by themselves for npm, make, pytest, go and cargo.',
  '# checks: [npm test]',
  '',
  '# Without a model a search over small edits works on tasks with a failing check. A coding agent and a model:',
  '# execution:',
  '#   preset: opencode',
  '#   model: {name: qwen3-coder, endpoint: "http://127.0.0.1:11434/v1"}',
  '',
].join('\n')
