import { pipeline, Readable, Transform, Writable } from 'node:stream'
import type { PermissionOption, StopReason } from '@agentclientprotocol/sdk'
import { ChorusError } from '../../core/mod.ts'
import type { SandboxProcess } from '../../ports/mod.ts'
import { gated } from './message-gate.ts'
import type { Recording } from './recording.ts'

/** What is accepted from an agent before it counts as flooding. */
export interface ConversationLimits {
  readonly messageBytesMax: number
  readonly bytesMax: number
  readonly messagesMax: number
}

export const CONVERSATION_LIMITS: ConversationLimits = { messageBytesMax: 8 * 1024 * 1024, bytesMax: 64 * 1024 * 1024, messagesMax: 200_000 }

export interface Conversation {
  /** Settles when the agent has ended its turn; rejects when it broke off, broke the protocol or a limit. */
  readonly turn: Promise<StopReason>
  /** Asks the agent to stop; harmless at any time. */
  cancel(): void
  close(): void
}

/** Where the clone is inside every sandbox. */
const DIRECTORY = '/workspace'

/**
 * One session with one prompt over a process's standard input and output (Agent Client Protocol, version 1). Neither
 * files nor terminals are offered: the agent works inside its sandbox by itself. Permissions are granted once each,
 * since the sandbox and the later checks are the judges.
 */
export const converse = async (
  running: SandboxProcess,
  prompt: string,
  options: { readonly recording: Recording; readonly directory?: string; readonly limits?: ConversationLimits },
): Promise<Conversation> => {
  const { recording, limits = CONVERSATION_LIMITS, directory = DIRECTORY } = options
  // Loaded here and not at the top: it brings 18 MB that a node without such an agent never needs.
  const acp = await import('@agentclientprotocol/sdk')
  const app = acp.client({ name: 'chorus' }).onRequest(acp.methods.client.session.requestPermission, ({ params }) => {
    recording.tool(params.toolCall)
    const optionId = choose(params.options)
    return { outcome: optionId === undefined ? { outcome: 'cancelled' as const } : { outcome: 'selected' as const, optionId } }
  })
  const input = Readable.toWeb(metered(running.stdout, limits.bytesMax)) as ReadableStream<Uint8Array>
  running.stdin.on('error', () => { /* The agent is gone: the turn below says so. */ })
  const output = Writable.toWeb(running.stdin) as WritableStream<Uint8Array>
  const wire = acp.ndJsonStream(output, input, { maxMessageBytes: limits.messageBytesMax })
  const connection = app.connect(gated(wire, { messagesMax: limits.messagesMax, onDropped: () => recording.alive() }))
  let sessionId: string | undefined
  const talk = async (): Promise<StopReason> => {
    const { agent } = connection
    const hello = await agent.request(acp.methods.agent.initialize, {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo: { name: 'chorus', version: '1' },
    })
    if (hello.protocolVersion !== acp.PROTOCOL_VERSION) {
      throw new ChorusError('ENGINE_UNAVAILABLE', `expected an agent that speaks ACP version ${acp.PROTOCOL_VERSION}, got version ${hello.protocolVersion}`)
    }
    const session = await agent.buildSession({ cwd: directory, mcpServers: [] }).start()
    sessionId = session.sessionId
    try {
      // Its failure comes through nextUpdate() too, in order with the updates before it.
      session.prompt(prompt).catch(() => { /* told by nextUpdate() */ })
      for (;;) {
        const message = await session.nextUpdate()
        if (message.kind === 'stop') return message.stopReason
        recording.update(message.update)
      }
    } finally {
      session.dispose()
    }
  }
  return {
    turn: talk(),
    cancel: () => {
      if (sessionId === undefined) return
      connection.agent.notify(acp.methods.agent.session.cancel, { sessionId }).catch(() => { /* It is killed next. */ })
    },
    close: () => connection.close(),
  }
}

/** Leave for this once, else for always, else none. */
export const choose = (options: readonly PermissionOption[]): string | undefined =>
  (options.find((option) => option.kind === 'allow_once') ?? options.find((option) => option.kind === 'allow_always'))?.optionId

/** Passes bytes on until there are too many. */
const metered = (source: Readable, bytesMax: number): Readable => {
  let bytes = 0
  const meter = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length
      if (bytes > bytesMax) done(new ChorusError('LIMIT_EXCEEDED', `the agent wrote more than ${bytesMax} bytes`))
      else done(null, chunk)
    },
  })
  return pipeline(source, meter, () => { /* The reader of the meter sees the failure. */ })
}
