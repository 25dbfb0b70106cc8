import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Libp2pGossip } from '../../../src/adapters/libp2p/mod.ts'
import { KeySigner, SystemEntropy } from '../../../src/adapters/system/mod.ts'
import { canonicalJson } from '../../../src/core/mod.ts'
import type { Logger } from '../../../src/ports/mod.ts'
import { TOPICS, encode, signedBytes } from '../../../src/wire/mod.ts'
import type { Address, JudgementReason, MessageData } from '../../../src/wire/mod.ts'
import type { HostileCase } from './case.ts'

/** A peer that holds the swarm's key and does with it what it likes. */
interface Attacker {
  readonly signer: KeySigner
  publish(bytes: Uint8Array, topic?: string): Promise<void>
  /** A well-formed, signed message; then changed and signed again, if asked. */
  message(more?: { readonly data?: Partial<MessageData<'availability_broadcast'>>; readonly address?: Address; readonly by?: KeySigner; readonly clockMs?: number; readonly change?: (envelope: Record<string, unknown>) => Record<string, unknown> }): Uint8Array
}

export interface GossipCase extends HostileCase {
  readonly area: 'gossip'
  /** What the node must count at least once more. */
  readonly counter: JudgementReason
  readonly send: (attacker: Attacker) => Promise<void>
}

const counted = (name: string, does: string, counter: JudgementReason, send: GossipCase['send']): GossipCase =>
  ({ area: 'gossip', name, does, counter, send, ends: counter === 'delivered' ? 'heard, and believed no further than “look sooner”' : `refused, counted as \`${counter}\`` })

const LARGE = 512 * 1024

export const gossipCases: readonly GossipCase[] = [
  counted('gossip-garbage', 'random bytes', 'not-json', (by) => by.publish(randomBytes(1_000))),
  counted('gossip-nested', 'brackets, 60,000 deep', 'not-json', (by) => by.publish(Buffer.from(`${'['.repeat(30_000)}${']'.repeat(30_000)}`))),
  counted('gossip-oversize', 'a signed message of 512 KiB', 'too-large', (by) => by.publish(by.message({ change: (envelope) => ({ ...envelope, more: 'x'.repeat(LARGE) }) }))),
  counted('gossip-form', 'an envelope without most of its members, and with `__proto__`', 'envelope-invalid', (by) => by.publish(Buffer.from('{"version":1,"__proto__":{"type":"x"},"constructor":{},"id":"1"}'))),
  counted('gossip-version', 'a message of another version', 'version-unknown', (by) => by.publish(by.message({ change: (envelope) => ({ ...envelope, version: 99 }) }))),
  counted('gossip-signature', 'a message whose text was changed after it was signed', 'signature-invalid', (by) => by.publish(Buffer.from(Buffer.from(by.message()).toString('utf8').replace('"max_tasks":3', '"max_tasks":9')))),
  counted('gossip-replay', 'the same message again', 'replayed', async (by) => {
    const bytes = by.message()
    for (let times = 0; times < 3; times += 1) await by.publish(bytes)
  }),
  counted('gossip-late', 'a message of ten minutes ago', 'expired', (by) => by.publish(by.message({ clockMs: Date.now() - 600_000 }))),
  counted('gossip-future', 'a message of tomorrow', 'from-the-future', (by) => by.publish(by.message({ clockMs: Date.now() + 86_400_000 }))),
  counted('gossip-foreign', 'a message that another node has signed, as if it were its own', 'author-mismatch', (by) => by.publish(by.message({ by: new KeySigner(randomBytes(32)) }))),
  counted('gossip-in-name', 'a message in the name of another node, under its own signature', 'author-mismatch', (by) => by.publish(by.message({ data: { node_id: new KeySigner(randomBytes(32)).node } }))),
  counted('gossip-topic', 'a message on another topic than it was signed for', 'topic-mismatch', (by) => by.publish(by.message(), TOPICS.discussion)),
  counted('gossip-data', 'negative and huge numbers, and texts of 50,000 characters', 'data-invalid', (by) => by.publish(by.message({ change: (envelope) => ({ ...envelope, data: { ...envelope['data'] as object, max_tasks: -1, status: 'x'.repeat(50_000) } }) }))),
  counted('gossip-flood', '1,500 messages at once', 'rate-limited', async (by) => {
    for (let sent = 0; sent < 1_500; sent += 1) await by.publish(by.message())
  }),
  counted('gossip-lies', 'it leads, has 1,000 free slots and cannot reach the node', 'delivered', (by) => by.publish(by.message({ data: { max_tasks: 1_000 } }))),
]

/** Each from a peer of its own, one after another: what one did to its standing is not the next one's. */
export const attackByGossip = async (cases: readonly GossipCase[], about: { readonly address: string; readonly state: string; readonly counters: () => Promise<Readonly<Record<string, number>>> }): Promise<ReadonlyMap<string, readonly string[]>> => {
  const swarmKey = Buffer.from(readFileSync(path.join(about.state, 'swarm.key'), 'utf8').trim(), 'hex')
  const found = new Map<string, readonly string[]>()
  for (const one of cases) {
    const before = (await about.counters())[one.counter] ?? 0
    const seed = randomBytes(32)
    const gossip = new Libp2pGossip({ keySeed: seed, swarmKey, logger: SILENT, listen: [], bootstrap: [about.address], mdns: false, messageBytesMax: 4 * LARGE })
    await gossip.start()
    try {
      await one.send(attackerOf(gossip, new KeySigner(seed)))
      const deadline = performance.now() + 15_000
      let now = before
      while (now <= before && performance.now() < deadline) now = (await about.counters())[one.counter] ?? 0
      found.set(one.name, now > before ? [] : [`the node counted no ${one.counter}`])
    } catch (thrown) {
      found.set(one.name, [String(thrown)])
    } finally {
      await gossip.stop()
    }
  }
  return found
}

const attackerOf = (gossip: Libp2pGossip, signer: KeySigner): Attacker => ({
  signer,
  publish: async (bytes, topic = TOPICS.coordination) => {
    const deadline = performance.now() + 20_000
    while (await gossip.publish(topic, bytes) === 0) {
      if (performance.now() > deadline) throw new Error('no node heard it')
      await delay(100)
    }
  },
  message: ({ data = {}, address = {}, by = signer, clockMs = Date.now(), change } = {}) => {
    const seconds = Math.floor(clockMs / 1_000)
    const draft = { ...address, type: 'availability_broadcast' as const, data: { node_id: by.node, available_for_work: true, current_tasks: 0, max_tasks: 3, last_activity: seconds, status: 'ready' as const, timestamp: seconds, ...data } }
    const { bytes } = encode(draft, { signer: by, clock: { wallMs: () => clockMs }, entropy: new SystemEntropy() })
    if (change === undefined) return bytes
    const { signature: _, ...changed } = change(JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>)
    return Buffer.from(canonicalJson({ ...changed, signature: by.sign(signedBytes(changed)) }))
  },
})

const nothing = (): void => undefined
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT }
