/**
 * A coding agent that speaks the Agent Client Protocol and does what its first argument says, for tests of the
 * client. Written by hand against the protocol, not with the client's library, and runs as a program of its own:
 * `node scripted-acp-agent.ts <behaviour> [file]`. It writes `fixed` into the file, below its session's folder.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

type Json = Readonly<Record<string, unknown>>

const [behaviour = 'normal', file = 'work.txt'] = process.argv.slice(2)
let folder = ''
let prompt = ''
let promptId: unknown
const send = (message: Json): void => { process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`) }
const update = (body: Json): void => send({ method: 'session/update', params: { sessionId: 's1', update: body } })
const say = (text: string): void => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })
const tool = (toolCallId: string, kind: string, title: string): void => update({ sessionUpdate: 'tool_call', toolCallId, kind, title, status: 'completed' })
const stop = (stopReason: string, more: Json = {}): void => send({ id: promptId, result: { stopReason, ...more } })
const fix = (): void => writeFileSync(path.join(folder, file), 'fixed')

const turn = (): void => {
  switch (behaviour) {
    case 'normal':
      say('Running the tests. ')
      tool('t1', 'execute', 'node --test')
      fix()
      tool('t2', 'edit', file)
      say('Done.')
      stop('end_turn')
      // The last updates and the answer leave together: a client that reads them apart loses some.
      return
    case 'lie': say('All tests pass.'); stop('end_turn'); return
    case 'echo': writeFileSync(path.join(folder, file), prompt); stop('end_turn'); return
    case 'usage': stop('end_turn', { usage: { inputTokens: 12, outputTokens: 3, totalTokens: 15 } }); return
    case 'refuse': stop('refusal'); return
    case 'tired': fix(); stop('max_turn_requests'); return
    case 'permission':
    case 'permission-always':
    case 'permission-reject-only': {
      const kind = { 'permission': 'allow_once', 'permission-always': 'allow_always', 'permission-reject-only': 'reject_always' }[behaviour]
      send({
        id: 'p1', method: 'session/request_permission',
        params: { sessionId: 's1', toolCall: { toolCallId: 't1', kind: 'execute', title: 'rm -rf build' }, options: [{ optionId: 'no', kind: 'reject_once', name: 'No' }, { optionId: 'yes', kind, name: 'Yes' }] },
      })
      return
    }
    case 'client-files': send({ id: 'f1', method: 'fs/read_text_file', params: { sessionId: 's1', path: '/etc/passwd' } }); return
    case 'die': process.stderr.write('out of ideas\n'); process.exit(7); break
    case 'finish-and-die': fix(); say('Bye.'); stop('end_turn'); setImmediate(() => process.exit(0)); return
    case 'hang': spawn('sleep', ['600'], { stdio: 'ignore' }); say('Thinking'); setInterval(() => undefined, 60_000); return
    case 'stubborn':
      process.on('SIGTERM', () => undefined)
      say('Never')
      setInterval(() => undefined, 60_000)
      return
    case 'hungry': for (const held: Buffer[] = []; ;) held.push(Buffer.alloc(16 * 1024 * 1024, 1)); break
    case 'flood': flood(); return
    case 'long-line': process.stdout.write('x'.repeat(64 * 1024 * 1024)); return
    case 'garbage':
      process.stdout.write('not json\n[]\n42\n{}\n{"jsonrpc":"2.0","id":99,"result":{}}\n')
      send({ method: 'no/such/notification' })
      update({ sessionUpdate: 'no such kind' })
      update({ sessionUpdate: 'tool_call', toolCallId: 7, title: [] })
      update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 5 } })
      send({ id: 'x1', method: 'no/such/request' })
      fix()
      stop('end_turn')
      return
    default: send({ id: promptId, error: { code: -32603, message: `no such behaviour: ${behaviour}` } })
  }
}

const flood = (): void => {
  while (process.stdout.writableLength < 1024 * 1024) say('spam '.repeat(200))
  process.stdout.once('drain', flood)
}

const receive = (message: Json): void => {
  const params = (message['params'] ?? {}) as Json
  const id = message['id']
  switch (message['method']) {
    case 'initialize':
      if (behaviour === 'hang-at-initialize') return
      send({ id, result: { protocolVersion: behaviour === 'old' ? 0 : 1, agentCapabilities: {}, authMethods: [], agentInfo: { name: 'scripted', version: '1' }, received: params } })
      return
    case 'session/new':
      if (behaviour === 'hang-at-session') return
      folder = String(params['cwd'])
      send({ id, result: { sessionId: 's1' } })
      return
    case 'session/prompt':
      promptId = id
      prompt = ((params['prompt'] ?? []) as readonly Json[]).map((block) => String(block['text'])).join('')
      turn()
      return
    case 'session/cancel':
      if (behaviour === 'hang') { writeFileSync(path.join(folder, file), 'cancelled'); stop('cancelled') }
      return
    default:
      if (id === 'p1') {
        const outcome = ((message['result'] ?? {}) as Json)['outcome'] as Json
        if (outcome['optionId'] === 'yes') fix()
        say(JSON.stringify(outcome))
        stop('end_turn')
      }
      if (id === 'f1') { say(message['error'] === undefined ? 'was given a file' : 'was given no file'); stop('end_turn') }
  }
}

createInterface({ input: process.stdin }).on('line', (line) => receive(JSON.parse(line) as Json)).on('close', () => { if (behaviour !== 'stubborn') process.exit(0) })
