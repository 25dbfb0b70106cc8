import type { AnyMessage, Stream } from '@agentclientprotocol/sdk'
import { ChorusError } from '../../core/mod.ts'

export interface GateOptions {
  readonly messagesMax: number
  /** Called for every message that is let go: a sign of life, nothing else. */
  readonly onDropped: () => void
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Stands between the wire and the protocol library, which prints what it cannot read on this process's own standard
 * error and keeps every field it is sent. Passed on are answers to what was asked, requests, and the updates that
 * are used, made anew from the fields that are used; everything else is counted and let go.
 */
export const gated = (stream: Stream, options: GateOptions): Stream => {
  const asked = new Set<unknown>()
  let messages = 0
  const inward = new TransformStream<AnyMessage, AnyMessage>({
    transform: (message, controller) => {
      messages += 1
      if (messages > options.messagesMax) {
        controller.error(new ChorusError('LIMIT_EXCEEDED', `the agent sent more than ${options.messagesMax} messages`))
        return
      }
      const passed = admit(message as unknown as Fields, asked)
      if (passed === undefined) options.onDropped()
      else controller.enqueue(passed)
    },
  })
  const outward = new TransformStream<AnyMessage, AnyMessage>({
    transform: (message, controller) => {
      if ('method' in message && 'id' in message) asked.add(message.id)
      controller.enqueue(message)
    },
  })
  // Both fail when the agent goes away; the reader of the other end is told, and that is the turn's failure.
  stream.readable.pipeTo(inward.writable).catch(() => { /* told by `inward.readable` */ })
  outward.readable.pipeTo(stream.writable).catch(() => { /* a write to a dead agent: its end is told elsewhere */ })
  return { readable: inward.readable, writable: outward.writable }
}

const admit = (message: Fields, asked: Set<unknown>): AnyMessage | undefined => {
  const { id, method } = message
  if (typeof method !== 'string') {
    // An answer counts once, and only to a question.
    return asked.delete(id) && ('result' in message || isFields(message['error'])) ? message as unknown as AnyMessage : undefined
  }
  if (typeof id === 'string' || typeof id === 'number') return message as unknown as AnyMessage
  if (method !== 'session/update' || !isFields(message['params'])) return undefined
  const { sessionId, update } = message['params']
  if (typeof sessionId !== 'string' || !isFields(update)) return undefined
  const kept = keep(update)
  return kept === undefined ? undefined : { jsonrpc: '2.0', method, params: { sessionId, update: kept } }
}

const TOOL_KINDS = new Set(['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'switch_mode', 'other'])

const keep = (update: Fields): Fields | undefined => {
  const { sessionUpdate, content, toolCallId, title, kind } = update
  switch (sessionUpdate) {
    case 'agent_message_chunk': {
      if (!isFields(content) || content['type'] !== 'text' || typeof content['text'] !== 'string') return undefined
      return { sessionUpdate, content: { type: 'text', text: content['text'] } }
    }
    case 'tool_call':
    case 'tool_call_update': {
      if (typeof toolCallId !== 'string') return undefined
      return {
        sessionUpdate: 'tool_call_update',
        toolCallId,
        ...typeof title === 'string' ? { title } : {},
        ...typeof kind === 'string' && TOOL_KINDS.has(kind) ? { kind } : {},
      }
    }
    default: return undefined
  }
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
