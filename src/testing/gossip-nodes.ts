import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Libp2pGossip } from '../adapters/libp2p/mod.ts'
import type { Libp2pOptions } from '../adapters/libp2p/mod.ts'
import type { Verdict } from '../ports/mod.ts'
import { quietLogger } from './gossip-kit.ts'

/** Real nodes on 127.0.0.1, in this process or in others, and their end after each test. */

const running: Libp2pGossip[] = []
const children: ChildProcess[] = []

/** Not started; alone, since discovery is off and nobody is known, unless told otherwise. */
export const makeNode = (options: Partial<Libp2pOptions> = {}): Libp2pGossip => {
  const node = new Libp2pGossip({
    keySeed: randomBytes(32), swarmKey: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false, sweepIntervalMs: 200, logger: quietLogger, ...options,
  })
  running.push(node)
  return node
}

export const beginNode = async (options: Partial<Libp2pOptions> = {}): Promise<Libp2pGossip> => {
  const node = makeNode(options)
  await node.start()
  return node
}

/** A node in a process of its own, to be killed. Resolves when it listens. */
export const beginProcess = async (spec: { readonly keySeed: Uint8Array; readonly swarmKey: Uint8Array; readonly port: number }): Promise<ChildProcess> => {
  const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')
  const script = fileURLToPath(new URL('./gossip-process.ts', import.meta.url))
  const started = spawn(process.execPath, [script, hex(spec.keySeed), hex(spec.swarmKey), String(spec.port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(started)
  for await (const line of createInterface({ input: started.stdout })) if (line === 'listening') return started
  throw new Error('the child process ended before it listened')
}

/** For afterEach. */
export const endNodes = async (): Promise<void> => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(running.splice(0).map((node) => node.stop()))
}

/** Everything the node hears on the topic, as text, answered by `judge`. */
export const collect = (node: Libp2pGossip, judge: (text: string) => Verdict = () => 'accept', topic = 'one'): string[] => {
  const heard: string[] = []
  node.subscribe(topic, (message) => {
    const text = new TextDecoder().decode(message.bytes)
    heard.push(text)
    return judge(text)
  })
  return heard
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Free a moment ago: for nodes that must come back to the same place. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
