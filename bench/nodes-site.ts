import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { placesOf } from '../src/cli/places.ts'
import { writeSwarmAccess } from '../src/cli/swarm-key.ts'
import { formatPin, PIN_PATH } from '../src/node/pin.ts'
import { MeasuredProcess } from './process.ts'
import type { BenchContext } from './row.ts'

/** A line of `chorus up --json`. */
export interface NodeLine { readonly kind: string; readonly atMs: number; readonly member: string | undefined }

/** Places for nodes of one swarm on one small repository, and as many for bare peers. Both have state from an earlier start. */
export interface NodesSite {
  startNode(index: number, onLine?: (line: NodeLine) => void): Promise<MeasuredProcess>
  startBare(index: number): Promise<MeasuredProcess>
  close(): void
}

export const openNodesSite = async ({ scratch, program }: BenchContext, options: { readonly name: string; readonly nodes: number }): Promise<NodesSite> => {
  const folder = path.join(scratch, options.name)
  const seed = path.join(folder, 'seed')
  mkdirSync(path.join(seed, '.chorus', 'tasks'), { recursive: true })
  writeFileSync(path.join(seed, PIN_PATH), formatPin({ repository: 'bench', namespace: 'refs/chorus' }))
  writeFileSync(path.join(seed, 'README.md'), 'A repository without tasks: its nodes are idle.\n')
  const git = (...args: readonly string[]): void => {
    execFileSync('git', args, { cwd: seed, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'bench', GIT_AUTHOR_EMAIL: 'bench@localhost', GIT_COMMITTER_NAME: 'bench', GIT_COMMITTER_EMAIL: 'bench@localhost' } })
  }
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('commit', '-q', '-m', 'a repository')
  git('clone', '-q', '--bare', seed, path.join(folder, 'remote.git'))
  const swarmKey = randomBytes(32).toString('hex')
  const serviceTag = `_bench-${randomBytes(6).toString('hex')}._udp.local`
  const places = Array.from({ length: options.nodes }, (_, index) => {
    const home = path.join(folder, `node-${index}`)
    const [config, state] = [path.join(home, 'chorus.yaml'), path.join(home, 'state')]
    mkdirSync(state, { recursive: true, mode: 0o700 })
    writeFileSync(config, `agent:\n  id: bench-${index}\nrepositories:\n  - provider: local\n    url: ${path.join(folder, 'remote.git')}\nnetwork:\n  listen: [/ip4/127.0.0.1/tcp/0]\n`)
    writeSwarmAccess(state, { swarmKey, bootstrap: [] })
    return { config, state, scratchFolder: placesOf({ config, state }).scratchFolder, bare: path.join(folder, `bare-${index}`) }
  })
  const placeOf = (index: number) => {
    const place = places[index]
    if (place === undefined) throw new RangeError(`there are ${options.nodes} places`)
    return place
  }
  const site: NodesSite = {
    startNode: (index, onLine) => {
      const { config, state } = placeOf(index)
      return MeasuredProcess.start([program.launcher, 'up', '--json', '--config', config, '--state', state], {
        isReady: (line) => line.includes('"kind":"node_ready"'),
        onLine: (line) => { onLine?.(nodeLine(line)) },
        // Their cache of compiled code goes with the run.
        environment: { XDG_CACHE_HOME: path.join(scratch, 'cache') },
      })
    },
    startBare: (index) => MeasuredProcess.start([program.node, path.join(import.meta.dirname, 'baselines/bare-peer.ts'), placeOf(index).bare, serviceTag], { isReady: (line) => line === 'ready' }),
    close: () => { for (const { scratchFolder } of places) rmSync(scratchFolder, { recursive: true, force: true }) },
  }
  // Also when the run is broken off.
  process.once('exit', site.close)
  try {
    // The first start makes keys, folders and copies; it is nobody's measure.
    for (let index = 0; index < options.nodes; index += 1) for (const start of [site.startNode, site.startBare]) await (await start(index)).stop()
    return site
  } catch (thrown) {
    site.close()
    throw thrown
  }
}

const nodeLine = (text: string): NodeLine => {
  const { kind, at, member } = JSON.parse(text) as { readonly kind?: string; readonly at?: string; readonly member?: string }
  return { kind: kind ?? '', atMs: Date.parse(at ?? ''), member }
}
