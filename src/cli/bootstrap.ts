import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AcpRunner, opencode } from '../adapters/acp/mod.ts'
import type { AcpPreset } from '../adapters/acp/mod.ts'
import { BubblewrapSandbox } from '../adapters/bubblewrap/mod.ts'
import { CommandRunner } from '../adapters/command/mod.ts'
import { HttpEgress } from '../adapters/egress/mod.ts'
import { GitRefStore, GitRepository, GitSourceTree, GitWorkspaces } from '../adapters/git/mod.ts'
import type { FolderOwner } from '../adapters/git/mod.ts'
import { headFile, openHypercoreLog, signedHeadPath } from '../adapters/hypercore/mod.ts'
import { Libp2pGossip } from '../adapters/libp2p/mod.ts'
import { openLogger } from '../adapters/pino/mod.ts'
import { RepairRunner } from '../adapters/repair/mod.ts'
import { SecretlintScanner } from '../adapters/secretlint/mod.ts'
import { DiskSetupCache } from '../adapters/setup-cache/mod.ts'
import { SystemClock, SystemEntropy, openStateFolder, writeFileDurably } from '../adapters/system/mod.ts'
import type { StateFolder } from '../adapters/system/mod.ts'
import { ChorusError } from '../core/mod.ts'
import { parseConfig } from '../node/config.ts'
import type { ChorusConfig, RepositoryConfig } from '../node/config.ts'
import { ChorusNode } from '../node/node.ts'
import { openProviders } from '../node/providers.ts'
import { repositoryNameOf } from '../node/repository-name.ts'
import type { RepositoryParts } from '../node/repository.ts'
import type { AgentRunner, Egress, Logger } from '../ports/mod.ts'
import { version } from './program.ts'
import { readConfigFile } from './config-file.ts'
import type { Places } from './places.ts'
import { ensureSwarmAccess } from './swarm-key.ts'
import { PROVIDERS } from './tasks.ts'

export interface BuiltNode {
  readonly node: ChorusNode
  readonly config: ChorusConfig
  readonly logger: Logger
  readonly logFile: string
  /** After the node stopped: closes the log and frees the state folder. */
  close(): Promise<void>
}

export const loadConfig = (configFile: string): ChorusConfig =>
  parseConfig(readConfigFile(configFile), { env: process.env, file: configFile })

/** The only place that builds adapters for a node: reads the environment, opens files, and hands ports on. */
export const buildNode = async (places: Places): Promise<BuiltNode> => {
  const config = loadConfig(places.configFile)
  const entropy = new SystemEntropy()
  const logFile = path.join(places.stateFolder, 'chorus.log')
  const logger = openLogger({ level: config.log.level, destination: { file: logFile } })
  const state = await openStateFolder(places.stateFolder, { entropy, logger })
  const opened: (() => Promise<void>)[] = [() => state.release()]
  const close = async (): Promise<void> => { for (const closing of opened.splice(0).reverse()) await closing() }
  try {
    const logFolder = path.join(state.path, 'log')
    const store = await openHypercoreLog({ folder: logFolder })
    opened.push(() => store.close())
    const access = ensureSwarmAccess(state.path)
    const modelKey = config.execution.model?.keyEnv === undefined ? undefined : process.env[config.execution.model.keyEnv]
    const sandbox = new BubblewrapSandbox({ instance: instanceOf(state.path) })
    const clock = new SystemClock()
    const egress = makeEgress(config, { modelKey, folder: await emptyGates(places) })
    const gossip = new Libp2pGossip({
      keySeed: state.identity.seed, swarmKey: Buffer.from(access.swarmKey, 'hex'), logger,
      listen: config.network.listen, bootstrap: [...config.network.bootstrap, ...access.bootstrap],
      mdns: config.network.mdns ? {} : false,
    })
    const specs = []
    for (const settings of config.repositories) specs.push(await openRepository(settings, { places, state, egress, opened }))
    const providers = await openProviders(specs, { factories: PROVIDERS, clock, logger })
    const [failed] = providers.failed
    if (providers.opened.length === 0 && failed !== undefined) throw failed.error
    const repositories: RepositoryParts[] = providers.opened.map(({ spec, provider }) => ({ ...spec.parts, provider }))
    const pauseFile = path.join(state.path, 'paused')
    const node = new ChorusNode({
      version: version(), config, clock, entropy, signer: state.identity.signer, logger, gossip,
      log: { store, head: headFile(signedHeadPath(logFolder)) },
      scanner: new SecretlintScanner(), redactionKey: redactionKey(state),
      knownSecrets: [{ name: 'swarm-key', secret: access.swarmKey }, ...(modelKey === undefined ? [] : [{ name: 'model-key', secret: modelKey }])],
      sandbox, runner: makeRunner(config), repositories,
      pause: {
        read: () => Promise.resolve(existsSync(pauseFile)),
        write: async (paused) => { await (paused ? writeFileDurably(pauseFile, '', 0o600) : rm(pauseFile, { force: true })) },
      },
    })
    return { node, config, logger, logFile, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

interface OpenParts {
  readonly places: Places
  readonly state: StateFolder
  readonly egress: Egress
  readonly opened: (() => Promise<void>)[]
}

const openRepository = async (config: RepositoryConfig, { places, state, egress, opened }: OpenParts) => {
  const remote = remoteOf(config, places)
  const name = createHash('sha256').update(remote).digest('hex').slice(0, 16)
  const folder = path.join(state.path, 'repositories', name)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const repository = new GitRepository({ folder: path.join(folder, 'git'), remote, branch: config.branch, userConfig: isNetworked(remote) })
  await repository.start()
  opened.push(() => repository.stop())
  const source = new GitSourceTree(repository)
  const work = path.join(places.scratchFolder, 'work', name)
  await makeSandboxFolder(work)
  const cache = path.join(places.scratchFolder, 'cache')
  await makeSandboxFolder(cache)
  const setupCache = new DiskSetupCache(cache)
  await setupCache.reap()
  const idFile = path.join(folder, 'id')
  const parts: Omit<RepositoryParts, 'provider'> = {
    settings: config, sources: source, egress,
    refs: new GitRefStore(repository),
    workspaces: new GitWorkspaces({ repository, folder: work, branch: config.branch, owner: sandboxOwner() }),
    setupCache,
    seenId: {
      read: async () => existsSync(idFile) ? (await readFile(idFile, 'utf8')).trim() : undefined,
      write: (id) => writeFile(idFile, `${id}\n`, { mode: 0o600 }),
    },
  }
  return { config, repository: repositoryNameOf(remote), source, parts }
}

/** Whom the sandbox's programs run as, when we are root: nobody else on this machine. */
const sandboxOwner = (): FolderOwner | undefined => process.getuid?.() === 0 ? { uid: SANDBOX_UID, gid: SANDBOX_UID } : undefined
const SANDBOX_UID = 10_001

/** What lies in it is the repository's content: for the sandbox's user (and us), not for others of this machine. */
const makeSandboxFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o711 })
  await chmod(folder, 0o700)
  const owner = sandboxOwner()
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid)
}

/** A path is meant relative to the configuration's folder. */
export const remoteOf = (settings: RepositoryConfig, places: Pick<Places, 'configFile'>): string => {
  if (settings.path !== undefined) return path.resolve(path.dirname(places.configFile), settings.path)
  if (settings.url === undefined) throw new ChorusError('CONFIG_INVALID', 'a repository needs a path or a url', { setting: 'repositories' })
  return isNetworked(settings.url) || settings.url.startsWith('file:') ? settings.url : path.resolve(path.dirname(places.configFile), settings.url)
}

/** Over a network the person's own git credentials hold; a path needs none. */
const isNetworked = (remote: string): boolean => /^(?:https?|ssh|git):\/\//.test(remote) || /^[\w.-]+@[\w.-]+:/.test(remote)

/** What a killed node left there goes with its next start. Others may walk through: the sandbox's user comes this way. */
const emptyGates = async (places: Places): Promise<string> => {
  const folder = path.join(places.scratchFolder, 'gates')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o711 })
  await chmod(folder, 0o711)
  return folder
}

const makeEgress = (config: ChorusConfig, { modelKey, folder }: { readonly modelKey: string | undefined; readonly folder: string }): Egress => {
  const { model } = config.execution
  return new HttpEgress({
    registry: process.env.npm_config_registry, owner: sandboxOwner(), folder,
    model: model === undefined ? undefined : { endpoint: model.endpoint, key: modelKey },
  })
}

export const makeRunner = (config: ChorusConfig): AgentRunner => {
  const { execution } = config
  switch (execution.engine) {
    case 'repair': return new RepairRunner()
    case 'command': return new CommandRunner({ command: execution.command ?? [], ...(execution.model === undefined ? {} : { modelPort: MODEL_PORT }) })
    case 'acp': return new AcpRunner({ preset: acpPreset(config) })
  }
}

const MODEL_PORT = 8080

const acpPreset = (config: ChorusConfig): AcpPreset => {
  const { execution } = config
  if (execution.preset === undefined) {
    return { name: 'acp', command: execution.command ?? [], binary: undefined, mounts: [], environment: {}, modelPort: execution.model === undefined ? undefined : MODEL_PORT }
  }
  if (execution.model === undefined) throw new ChorusError('CONFIG_INVALID', 'a coding agent needs a model', { setting: 'execution.model' })
  const binary = execution.binary ?? findProgram('opencode')
  if (binary === undefined) throw new ChorusError('ENGINE_UNAVAILABLE', 'opencode was not found on PATH', { setting: 'execution.binary' })
  return opencode({ binary, model: { name: execution.model.name } })
}

export const findProgram = (name: string): string | undefined =>
  (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '').map((folder) => path.join(folder, name)).find((file) => existsSync(file))

/** Names this node's resource groups; changes with the folder. */
export const instanceOf = (stateFolder: string): string => createHash('sha256').update(stateFolder).digest('hex').slice(0, 12)

/** For keyed hashes of redacted secrets; derived, so that it needs no file of its own. */
const redactionKey = (state: StateFolder): Uint8Array => createHash('sha256').update('chorus-redaction\n').update(state.identity.seed).digest()
