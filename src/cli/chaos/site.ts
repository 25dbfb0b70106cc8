import { existsSync, realpathSync, rmSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { BubblewrapSandbox } from '../../adapters/bubblewrap/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import { instanceOf } from '../bootstrap.ts'
import { placesOf } from '../places.ts'
import { startGitServer } from './git-server.ts'
import { Namespaces, clearOldNamespaces, namespacesMissing } from './namespaces.ts'
import { SmallDisk } from './small-disk.ts'
import { layNode, layRepository, nodeFolder, quickNodeFolder, repositoryUrl } from './stage.ts'
import type { Stage, StageOptions } from './stage.ts'

/** Everything that a drill puts up, and takes down again: repository, network, disks, git server. */
export interface Site {
  readonly stage: Stage
  /** Undefined without root or elsewhere than on Linux; `withoutCuts` says why. */
  readonly namespaces: Namespaces | undefined
  readonly withoutCuts: string | undefined
  /** By node: those whose state folder is on a small disk. */
  readonly disks: ReadonlyMap<number, SmallDisk>
  enter(index: number): readonly string[]
  readonly environment: (index: number) => Readonly<Record<string, string>>
  /** Synchronous, so that a signal can still have it done. Idempotent. */
  clear(options: { readonly keep: boolean }): void
  /** What killed nodes could not clear away. */
  reap(): Promise<void>
}

/** `made` is called as soon as there is something to clear away, with what does so. */
export const laySite = async (options: StageOptions, made: (clear: Site['clear']) => void): Promise<Site> => {
  const withoutCuts = namespacesMissing()
  clearOldNamespaces()
  const laid = await layRepository(options)
  const namespaces = withoutCuts === undefined ? new Namespaces(options.nodes) : undefined
  const disks = new Map<number, SmallDisk>()
  const stops: (() => void)[] = []
  const scratch: string[] = []
  const served = path.dirname(laid.remote)
  const clear = ({ keep }: { readonly keep: boolean }): void => {
    for (const stop of stops.splice(0).reverse()) stop()
    // What is kept for people must be where they look for it: on the disk, not on one in memory that goes.
    for (const [index, disk] of disks) { if (keep) rescue(path.join(nodeFolder(laid, index), 'state')); disk.unmount() }
    disks.clear()
    namespaces?.clear()
    // What is in memory goes in any case; of it the repository is worth keeping.
    const quick = laid.quickFolder === laid.folder ? [] : [laid.quickFolder]
    if (keep && quick.length > 0 && existsSync(served)) copyTo(served, path.join(laid.folder, path.basename(served)))
    for (const folder of [...keep ? [] : [laid.folder], ...quick, ...scratch]) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  made(clear)
  try {
    namespaces?.lay()
    const place = namespaces?.repository ?? { host: '127.0.0.1', enter: [] }
    const server = await startGitServer({ root: served, host: place.host, enter: place.enter })
    stops.push(() => { server.stop() })
    if (namespaces !== undefined) {
      const disk = new SmallDisk(path.join(nodeFolder(laid, options.nodes - 1), 'state'))
      disk.mount()
      disks.set(options.nodes - 1, disk)
    }
    const all = namespaces === undefined
      ? (await freePorts(options.nodes)).map((port) => `/ip4/127.0.0.1/tcp/${port}`)
      : Array.from({ length: options.nodes }, (_, index) => `/ip4/${namespaces.node(index).host}/tcp/4001`)
    const swarmKey = randomBytes(32).toString('hex')
    const nodes = all.map((listen, index) => layNode(laid, index, { options, swarmKey, addresses: { url: repositoryUrl(place.host, server.port), listen, all } }))
    scratch.push(...nodes.map((node) => placesOf({ config: node.configFile, state: node.stateFolder }).scratchFolder))
    const cache = path.join(laid.folder, 'compiled')
    // Compiled once for all starts; a process that is killed would not write it.
    spawnSync(process.execPath, [entry(), '--version'], { env: { ...process.env, NODE_COMPILE_CACHE: cache }, stdio: 'ignore' })
    return {
      stage: { ...laid, nodes }, namespaces, withoutCuts, disks, clear,
      enter: (index) => namespaces?.node(index).enter ?? [],
      environment: (index) => ({ HOME: nodes[index]?.home ?? laid.folder, TMPDIR: quickNodeFolder(laid, index, 'tmp'), NODE_COMPILE_CACHE: cache, no_proxy: '*', NO_PROXY: '*' }),
      reap: async () => { for (const node of nodes) await new BubblewrapSandbox({ instance: instanceOf(realpathSync(node.stateFolder)) }).reap() },
    }
  } catch (thrown) {
    clear({ keep: false })
    throw thrown
  }
}

const entry = (): string => {
  const [, program] = process.argv
  if (program === undefined) throw new ChorusError('INTERNAL', 'the path of the running program is not known')
  return program
}

/** Of a folder that goes, beside itself. */
const rescue = (folder: string): void => { copyTo(folder, `${folder}.kept`) }

/** To another disk. */
const copyTo = (folder: string, copy: string): void => { spawnSync('cp', ['-a', folder, copy], { stdio: 'ignore' }) }

/** Ports that are free now. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<net.Server>((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => { resolve(server) })
  })))
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve) })))
  return ports
}
