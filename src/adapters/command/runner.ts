import { access } from 'node:fs/promises'
import path from 'node:path'
import { ChorusError, messageOf, truncate } from '../../core/mod.ts'
import type { AgentBench, AgentNeeds, AgentProbe, AgentReport, AgentRequest, AgentRunner, SandboxEnd, SandboxMount } from '../../ports/mod.ts'
import { tailOf } from './tail.ts'

export interface CommandOptions {
  /**
   * A list is program and arguments; `{prompt}` in an argument (not in the program) becomes the prompt. A text is run
   * by `sh -c`. In a shell's script `{prompt}` is refused, because the shell would run what a task's author wrote.
   * Either way the prompt is on standard input, in UTF-8, to its end.
   */
  readonly command: readonly string[] | string
  readonly environment?: Readonly<Record<string, string>>
  /** What the program needs to be found inside the sandbox. */
  readonly mounts?: readonly SandboxMount[]
  /** Set when the program talks to a model: it finds the proxy at 127.0.0.1 on this port. */
  readonly modelPort?: number
}

const PLACEHOLDER = '{prompt}'
/** Linux takes at most 128 KiB in one argument, a sandbox 100 KiB in a whole command. */
const ARGUMENT_BYTES_MAX = 64 * 1024
const SAID_CHARACTERS_MAX = 4_000
const TEXT_EVENTS_MAX = 500

/**
 * Any program that edits a work tree: it runs at /workspace in the sandbox and is told the prompt. Exit code 0 means
 * that it has finished, which is no success: the checks decide that.
 */
export class CommandRunner implements AgentRunner {
  readonly kind = 'command'
  readonly needs: AgentNeeds
  readonly #options: CommandOptions

  constructor(options: CommandOptions) {
    this.#options = options
    this.needs = { mounts: options.mounts ?? [], modelPort: options.modelPort }
    const problem = problemOf(options.command)
    if (problem !== undefined) throw new ChorusError('CONFIG_INVALID', problem, { setting: 'execution.command' })
  }

  /** Whether what is to be bound into the sandbox is there; the program itself is found (or not) only inside. */
  async probe(): Promise<AgentProbe> {
    for (const mount of this.needs.mounts) {
      try {
        await access(mount.source)
      } catch (thrown) {
        return { ready: false, reason: messageOf(thrown), fix: `make ${mount.source} readable, or correct the engine's mounts in the configuration` }
      }
    }
    return { ready: true }
  }

  async run(request: AgentRequest, bench: AgentBench): Promise<AgentReport> {
    const startedMs = performance.now()
    const prompt = promptOf(request)
    const { command } = this.#options
    if (typeof command !== 'string' && command.some((part) => part.includes(PLACEHOLDER)) && Buffer.byteLength(prompt) > ARGUMENT_BYTES_MAX) {
      return failed(`the prompt has ${Buffer.byteLength(prompt)} bytes, an argument holds ${ARGUMENT_BYTES_MAX}: read it from standard input instead of ${PLACEHOLDER}`)
    }
    if (bench.signal.aborted) return { ...failed('cancelled before it began'), outcome: 'cancelled' }
    const running = await bench.start(commandLine(command, prompt), {
      environment: { ...this.#options.environment, ...request.environment },
      timeoutMs: request.timeoutMs,
    })
    const onAbort = (): void => { void running.kill() }
    bench.signal.addEventListener('abort', onAbort, { once: true })
    // The sandbox has its own limit; ours covers what came before it too.
    let late = false
    const timer = setTimeout(() => { late = true; void running.kill() }, Math.max(1, request.timeoutMs - (performance.now() - startedMs)))
    let events = 0
    const output = tailOf(running.stdout, SAID_CHARACTERS_MAX, (text) => {
      events += 1
      if (events <= TEXT_EVENTS_MAX) bench.progress({ kind: 'text', text: truncate(text, 500) })
    })
    const errors = tailOf(running.stderr, SAID_CHARACTERS_MAX)
    running.stdin.on('error', () => { /* It ended without reading its prompt: allowed. */ })
    running.stdin.end(prompt)
    try {
      const end = await running.ended
      await Promise.all([output.done, errors.done])
      return reportOf(end, { late, cancelled: bench.signal.aborted, said: output.text(), errors: errors.text() })
    } finally {
      clearTimeout(timer)
      bench.signal.removeEventListener('abort', onAbort)
    }
  }
}

const problemOf = (command: readonly string[] | string): string | undefined => {
  if (typeof command === 'string') {
    if (command.trim() === '') return 'expected a command to run, got an empty text'
    return command.includes(PLACEHOLDER)
      ? `expected a shell command without ${PLACEHOLDER}: a shell would run the task's text. Read standard input, or give the command as a list`
      : undefined
  }
  const [program = '', ...args] = command
  if (program === '') return 'expected a program and its arguments, got an empty list'
  if (program.includes(PLACEHOLDER)) return `expected a program's name in the first place, got ${PLACEHOLDER}`
  const isShell = /^(ba|da|z|k|a)?sh$/.test(path.basename(program))
  const script = isShell ? args.find((_argument, index) => /^-[a-z]*c[a-z]*$/.test(args[index - 1] ?? '')) : undefined
  return script?.includes(PLACEHOLDER) === true
    ? `expected a shell command without ${PLACEHOLDER}: a shell would run the task's text. Read standard input, or use "$1" there and give ${PLACEHOLDER} as a further argument`
    : undefined
}

const commandLine = (command: readonly string[] | string, prompt: string): readonly string[] => {
  if (typeof command === 'string') return ['sh', '-c', command]
  // An argument ends at NUL for the kernel: one in the prompt would cut it, or be refused.
  return command.map((part) => part.replaceAll(PLACEHOLDER, () => prompt.replaceAll('\0', ' ')))
}

const promptOf = (request: AgentRequest): string =>
  request.feedback === undefined ? request.prompt : `${request.prompt}\n\nYour last change did not pass. The checks printed:\n\n${request.feedback}\n`

const failed = (detail: string): AgentReport => ({ outcome: 'failed', detail, said: '', commandsExecuted: 0, tokens: null, usage: [] })

const reportOf = (end: SandboxEnd, seen: { readonly late: boolean; readonly cancelled: boolean; readonly said: string; readonly errors: string }): AgentReport => {
  const report = (outcome: AgentReport['outcome'], detail: string): AgentReport =>
    ({ outcome, detail: truncate(detail, 1_000), said: truncate(seen.said, SAID_CHARACTERS_MAX), commandsExecuted: 1, tokens: null, usage: [end.usage] })
  if (seen.cancelled) return report('cancelled', 'cancelled')
  if (seen.late || end.outcome === 'timeout') return report('timeout', 'did not end within the time')
  switch (end.outcome) {
    case 'exited': return end.code === 0 ? report('finished', '') : report('failed', `exit code ${end.code ?? 'unknown'}: ${lastLine(seen.errors) || lastLine(seen.said)}`)
    case 'killed': return report('failed', 'was killed')
    case 'out-of-memory': return report('failed', 'was out of memory: raise sandbox.memory')
    case 'disk-full': return report('failed', 'wrote more than the workspace may hold: raise sandbox.disk')
  }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''
