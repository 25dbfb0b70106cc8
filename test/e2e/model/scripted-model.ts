import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { installed } from '../agents/installed.ts'
import { opencodeTools } from './steps.ts'
import type { ModelScript, ToolNames } from './steps.ts'

export interface ScriptedModel {
  /** Without /v1. */
  readonly url: string
  /** The only key that is let in. It must never be seen inside a sandbox. */
  readonly key: string
  readonly name: string
  /** Every call that came, let in or not. */
  readonly calls: readonly ModelCall[]
  /** Idempotent. */
  stop(): Promise<void>
}

export interface ModelCall {
  readonly method: string
  readonly path: string
  /** Whether it carried the real key. */
  readonly authorized: boolean
  readonly status: number
}

const KEY = 'sk-real-0123456789abcdef'
const NAME = 'scripted-1'
const USAGE = { prompt_tokens: 120, completion_tokens: 30, total_tokens: 150 }

/**
 * A model server on a loopback port of its own that answers by script, behind a front that refuses every call
 * without the real key (401). What is no step of a script is refused (503), so that nothing passes by accident.
 */
export const startScriptedModel = async (scripts: readonly ModelScript[], tools: ToolNames = opencodeTools): Promise<ScriptedModel> => {
  const { LLMock } = await import(pathToFileURL(installed('@copilotkit/aimock/dist/index.js')).href) as { readonly LLMock: MockConstructor }
  const mock = new LLMock({ port: 0, host: '127.0.0.1', strict: true })
  for (const [index, script] of scripts.entries()) {
    for (const [at, step] of script.steps.entries()) {
      const response = step.kind === 'say' ? { content: step.text, usage: USAGE } : { toolCalls: [tools.call(step)], usage: USAGE }
      mock.on({ predicate: (call) => hasTools(call) && playOf(scripts, call) === index && answersOf(call) === at }, response)
    }
  }
  // Agents ask for a title of the session, without tools.
  mock.on({ predicate: (call) => !hasTools(call) }, { content: 'Repair', usage: USAGE })
  await mock.start()
  const calls: ModelCall[] = []
  const front = createServer((request, response) => forward(mock.url, calls, { request, response }))
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  let stopped: Promise<void> | undefined
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    key: KEY,
    name: NAME,
    calls,
    stop: () => {
      stopped ??= close(front).then(() => mock.stop())
      return stopped
    },
  }
}

interface MockRequest {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly tools?: readonly unknown[]
}
interface Mock {
  readonly url: string
  on(match: { readonly predicate: (call: MockRequest) => boolean }, response: object): void
  start(): Promise<unknown>
  stop(): Promise<void>
}
type MockConstructor = new (options: { readonly port: number; readonly host: string; readonly strict: boolean }) => Mock

const hasTools = (call: MockRequest): boolean => (call.tools ?? []).length > 0
/** How many steps have been answered: agents send the whole conversation each time. */
const answersOf = (call: MockRequest): number => call.messages.filter((message) => message.role === 'tool').length

const playOf = (scripts: readonly ModelScript[], call: MockRequest): number => {
  const prompt = call.messages.filter((message) => message.role === 'user').map((message) => textOf(message.content)).join('\n')
  return scripts.findIndex((script) => script.when?.(prompt) ?? true)
}

const textOf = (content: unknown): string => typeof content === 'string' ? content : JSON.stringify(content ?? '')

const forward = (upstream: string, calls: ModelCall[], { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse }): void => {
  const { method = 'GET', url: path = '/' } = request
  const authorized = request.headers.authorization === `Bearer ${KEY}`
  if (!authorized) {
    calls.push({ method, path, authorized, status: 401 })
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"invalid key"}}')
    return
  }
  const asked = httpRequest(upstream + path, { method, headers: { ...request.headers, host: new URL(upstream).host } }, (answer) => {
    calls.push({ method, path, authorized, status: answer.statusCode ?? 0 })
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  asked.on('error', () => { response.destroy() })
  request.pipe(asked)
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
