import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { ChorusError, messageOf } from '../../core/mod.ts'

/** Where a process runs and how others reach it. */
export interface Place {
  readonly host: string
  /** What comes before a command line to run it there. */
  readonly enter: readonly string[]
}

/** What of a node's network is cut: everything, only the way to other nodes, or only the way to the repository. */
export type Cut = 'all' | 'mesh' | 'git'

/** In the namespace, to the address. */
type Route = readonly [namespace: string, address: string]

const NAMES = '/var/run/netns'
const PREFIX = 'chorus-chaos-'
const NODES_MAX = 100

/** Why no namespaces can be made here; undefined when they can. */
export const namespacesMissing = (): string | undefined => {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  for (const [program, args] of [['ip', ['-V']], ['nsenter', ['--version']]] as const) {
    try { execFileSync(program, args, { stdio: 'ignore' }) } catch { return `the program ${program} is missing` }
  }
  return undefined
}

/**
 * One network namespace per node and one with a bridge between them, where the repository is served. The bridge is in a
 * namespace of its own: in the host's, a firewall for containers drops what it carries. Nothing leads out of them.
 */
export class Namespaces {
  readonly #prefix: string
  readonly #count: number
  /** Routes into nothing that each cut has laid, by node. */
  readonly #cuts = new Map<number, readonly Route[]>()

  constructor(count: number, owner: number = process.pid) {
    if (count > NODES_MAX) throw new ChorusError('USAGE', `at most ${NODES_MAX} nodes`, { setting: '--nodes' })
    this.#count = count
    this.#prefix = `${PREFIX}${owner}-`
  }

  get repository(): Place { return { host: address(254), enter: this.#enter(this.#switch) } }
  node(index: number): Place { return { host: address(index + 1), enter: this.#enter(this.#name(index)) } }

  /** Takes back what it made when it fails. */
  lay(): void {
    try {
      ip('netns', 'add', this.#switch)
      const inSwitch = (...args: readonly string[]): void => { ip('-n', this.#switch, ...args) }
      inSwitch('link', 'set', 'lo', 'up')
      inSwitch('link', 'add', 'br0', 'type', 'bridge')
      inSwitch('addr', 'add', `${address(254)}/24`, 'dev', 'br0')
      inSwitch('link', 'set', 'br0', 'up')
      for (let index = 0; index < this.#count; index += 1) {
        const name = this.#name(index)
        ip('netns', 'add', name)
        inSwitch('link', 'add', `v${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
        inSwitch('link', 'set', `v${index}`, 'master', 'br0')
        inSwitch('link', 'set', `v${index}`, 'up')
        ip('-n', name, 'link', 'set', 'lo', 'up')
        ip('-n', name, 'addr', 'add', `${address(index + 1)}/24`, 'dev', 'eth0')
        ip('-n', name, 'link', 'set', 'eth0', 'up')
      }
    } catch (cause) {
      this.clear()
      throw new ChorusError('NETWORK_UNAVAILABLE', `network namespaces could not be made: ${messageOf(cause)}`, { cause })
    }
  }

  /** From now on packets of that kind are lost without a word, as when a cable is pulled. */
  cut(index: number, cut: Cut): void {
    if (this.#cuts.has(index)) return
    const routes = cut === 'all' ? [] : this.#routesBeyond(index, cut)
    const there = this.#routesOf(index)
    this.#cuts.set(index, routes)
    if (cut === 'all') ip('-n', this.#switch, 'link', 'set', `v${index}`, 'down')
    for (const [name, to] of routes) if (!there.has(`${name} ${to}`)) ip('-n', name, 'route', 'add', 'blackhole', to)
  }

  /** Idempotent. */
  heal(index: number): void {
    const routes = this.#cuts.get(index)
    if (routes === undefined) return
    const others = this.#routesOf(index)
    this.#cuts.delete(index)
    ip('-n', this.#switch, 'link', 'set', `v${index}`, 'up')
    for (const [name, to] of routes) if (!others.has(`${name} ${to}`)) ip('-n', name, 'route', 'del', 'blackhole', to)
  }

  /** Idempotent; runs to its end whatever is in the way. */
  clear(): void { removeAll((name) => name.startsWith(this.#prefix)) }

  /** On both sides: one alone would still let answers find their way. */
  #routesBeyond(index: number, cut: 'mesh' | 'git'): readonly Route[] {
    const own = `${address(index + 1)}/32`
    if (cut === 'git') return [[this.#name(index), `${address(254)}/32`], [this.#switch, own]]
    return Array.from({ length: this.#count }, (_, other) => other).filter((other) => other !== index)
      .flatMap((other): readonly Route[] => [[this.#name(index), `${address(other + 1)}/32`], [this.#name(other), own]])
  }

  /** What the cuts of all others have laid: two nodes that are both cut off from the mesh share some. */
  #routesOf(index: number): ReadonlySet<string> {
    return new Set([...this.#cuts].filter(([other]) => other !== index).flatMap(([, routes]) => routes.map(([name, to]) => `${name} ${to}`)))
  }

  get #switch(): string { return `${this.#prefix}switch` }
  #name(index: number): string { return `${this.#prefix}${index}` }
  /** nsenter becomes the command, and leaves its mounts alone (`ip netns exec` hides the control groups). */
  #enter(name: string): readonly string[] { return ['nsenter', `--net=${NAMES}/${name}`, '--'] }
}

/** Removes the namespaces of drills whose process has ended without doing so. */
export const clearOldNamespaces = (): void => {
  removeAll((name) => {
    const owner = /^chorus-chaos-(\d+)-/.exec(name)?.[1]
    return owner !== undefined && !existsSync(`/proc/${owner}`)
  })
}

const removeAll = (wanted: (name: string) => boolean): void => {
  for (const name of existsSync(NAMES) ? readdirSync(NAMES) : []) {
    if (!name.startsWith(PREFIX) || !wanted(name)) continue
    // The rest must go all the same; one that stays is found by the next drill.
    try {
      // Programs that a killed node has left there: a namespace lives as long as anybody is in it.
      for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n').filter((line) => line !== '')) end(Number(pid))
      ip('netns', 'del', name)
    } catch { continue }
  }
}

const end = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** A range for documentation of benchmarks (RFC 2544): nothing else on the machine has it. */
const address = (last: number): string => `198.18.77.${last}`

const ip = (...args: readonly string[]): void => { execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' }) }
