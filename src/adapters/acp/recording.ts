import type { SessionUpdate, ToolCallUpdate } from '@agentclientprotocol/sdk'
import { truncate } from '../../core/mod.ts'
import type { AgentProgress } from '../../ports/mod.ts'

const SAID_CHARACTERS_MAX = 4_000
const TOOLS_MAX = 2_000
const EVENTS_MAX = 5_000
/** One progress event for so many signs of life: a model's thoughts come word by word. */
const SIGNS_PER_EVENT = 50
const TITLE_BYTES_MAX = 200
const TEXT_BYTES_MAX = 500

/** What an agent did and said, in bounds, whatever it sends. */
export class Recording {
  readonly #commands = new Set<string>()
  readonly #tools = new Set<string>()
  readonly #progress: (event: AgentProgress) => void
  #said = ''
  #events = 0
  #signs = 0

  constructor(progress: (event: AgentProgress) => void) {
    this.#progress = progress
  }

  /** Its last words. */
  get said(): string { return this.#said }
  /** Shell commands that it reported or asked leave for; a lower bound, since it may run others silently. */
  get commandsExecuted(): number { return this.#commands.size }

  update(update: SessionUpdate): void {
    const kind = update.sessionUpdate
    if (kind === 'agent_message_chunk') {
      if (update.content.type === 'text') this.#say(update.content.text)
    } else if (kind === 'tool_call' || kind === 'tool_call_update') {
      this.tool(update)
    } else {
      this.alive()
    }
  }

  /** Thoughts, plans, usage and what later versions add: it is at work, and that is all that is told of it. */
  alive(): void {
    if (this.#signs % SIGNS_PER_EVENT === 0) this.#report({ kind: 'step', text: 'thinking' })
    this.#signs += 1
  }

  /** From an update or from a request for permission: some agents tell of a tool only there. */
  tool(call: Pick<ToolCallUpdate, 'toolCallId' | 'kind' | 'title'>): void {
    if (call.kind === 'execute' && this.#commands.size < TOOLS_MAX) this.#commands.add(call.toolCallId.slice(0, TITLE_BYTES_MAX))
    const title = call.title ?? ''
    const key = `${call.toolCallId.slice(0, TITLE_BYTES_MAX)} ${title.slice(0, TITLE_BYTES_MAX)}`
    if (title === '' || this.#tools.has(key) || this.#tools.size >= TOOLS_MAX) return
    this.#tools.add(key)
    this.#report({ kind: 'tool', title: truncate(title, TITLE_BYTES_MAX) })
  }

  #say(text: string): void {
    this.#said = (this.#said + text.slice(-SAID_CHARACTERS_MAX)).slice(-SAID_CHARACTERS_MAX)
    this.#report({ kind: 'text', text: truncate(text, TEXT_BYTES_MAX) })
  }

  #report(event: AgentProgress): void {
    this.#events += 1
    if (this.#events <= EVENTS_MAX) this.#progress(event)
  }
}
