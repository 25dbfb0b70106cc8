import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '@libp2p/interface'
import { ChorusError, messageOf } from '../../core/mod.ts'
import type { NodeId } from '../../core/mod.ts'
import type { Host } from './host.ts'
import type { ResolvedOptions } from './options.ts'
import { RedialPlan } from './redial.ts'

/** Keeps the host connected: dials what is discovered, and sweeps over all known and all bootstrap peers. */
export class Reconnect {
  readonly #host: Host
  readonly #options: ResolvedOptions
  readonly #plan: RedialPlan
  readonly #bootstrap: readonly BootstrapPeer[]
  readonly #ended = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #sweeping = false

  constructor(host: Host, options: ResolvedOptions) {
    this.#host = host
    this.#options = options
    this.#plan = new RedialPlan({ intervalMs: options.sweepIntervalMs })
    this.#bootstrap = options.bootstrap.map(parseBootstrap)
  }

  /** Before the host starts: a discovery may come within milliseconds. */
  attach(): void {
    this.#host.addEventListener('peer:discovery', ({ detail }) => { void this.#dial(detail.id.toString(), detail.id) })
  }

  start(): void {
    this.#timer = setInterval(() => { void this.#sweep() }, this.#options.sweepIntervalMs)
    void this.#sweep()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#ended.abort()
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping || this.#ended.signal.aborted) return
    this.#sweeping = true
    try {
      const connected = new Set(this.#host.getPeers().map(String))
      await this.#hangUpStrangers(connected)
      const targets = new Map<string, PeerId | BootstrapPeer>()
      for (const peer of await this.#host.peerStore.all()) targets.set(peer.id.toString(), peer.id)
      // Last, so that a bootstrap peer is dialled at the address that the user gave.
      for (const peer of this.#bootstrap) targets.set(peer.node ?? peer.address.toString(), peer)
      const missing = [...targets].filter(([key, target]) => !connected.has(key) && !('address' in target && target.node !== undefined && connected.has(target.node)))
      for (const key of this.#plan.due(missing.map(([missingKey]) => missingKey).filter((key) => key !== this.#host.peerId.toString()), performance.now())) {
        const target = targets.get(key)
        if (target !== undefined) void this.#dial(key, target)
      }
    } catch (thrown) {
      // The next sweep is two seconds away; a broken peer store would show here each time.
      if (!this.#ended.signal.aborted) this.#options.logger.warn('reconnect sweep failed', { error: messageOf(thrown) })
    } finally {
      this.#sweeping = false
    }
  }

  async #dial(key: string, target: PeerId | BootstrapPeer): Promise<void> {
    if (this.#ended.signal.aborted || (!('address' in target) && !this.#options.admits(key as NodeId))) return
    this.#plan.dialled(key)
    try {
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(this.#options.dialTimeoutMs)])
      const connection = await this.#host.dial('address' in target ? target.address : target, { signal })
      if ('address' in target) target.node = connection.remotePeer.toString()
      this.#plan.succeeded(key)
    } catch (thrown) {
      // A peer that does not answer is the ordinary case; the next sweep tries it again.
      this.#options.logger.debug('dial failed', { peer: key, error: messageOf(thrown) })
      const hopeless = this.#plan.failed(key, performance.now())
      if (hopeless && !('address' in target)) await this.#host.peerStore.delete(target).catch(() => undefined)
    }
  }

  /** A member that was revoked while connected goes now, not when it next connects. */
  async #hangUpStrangers(connected: ReadonlySet<string>): Promise<void> {
    const strangers = this.#host.getPeers().filter((peer) => connected.has(peer.toString()) && !this.#options.admits(peer.toString() as NodeId))
    for (const peer of strangers) await this.#host.hangUp(peer, { signal: AbortSignal.timeout(1_000) })
  }
}

interface BootstrapPeer {
  readonly address: Multiaddr
  /** From the address, else learned at the first connection. */
  node: string | undefined
}

const parseBootstrap = (text: string): BootstrapPeer => {
  try {
    const address = multiaddr(text)
    return { address, node: address.getComponents().findLast((part) => part.name === 'p2p')?.value }
  } catch (thrown) {
    throw new ChorusError('CONFIG_INVALID', `network.bootstrap: a multiaddr like /ip4/192.168.1.5/tcp/4101/p2p/12D3KooW… expected, got ${JSON.stringify(text.slice(0, 200))}`, {
      setting: 'network.bootstrap', cause: thrown,
    })
  }
}
