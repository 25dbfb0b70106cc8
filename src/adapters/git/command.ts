import { spawn } from 'node:child_process'
import { ChorusError } from '../../core/mod.ts'
import { closedEnvironment, GUARDS } from './environment.ts'

export interface GitCommand {
  readonly cwd?: string | undefined
  /** The whole environment; the closed one when not given. */
  readonly environment?: Readonly<Record<string, string>> | undefined
  readonly input?: string | Uint8Array | undefined
  readonly timeoutMs?: number | undefined
  /** Of standard output; over it the program is ended. */
  readonly outputBytesMax?: number | undefined
}

export interface GitOutcome {
  /** `unstarted`: there is no git program, or no such working directory. */
  readonly end: 'exited' | 'timeout' | 'overflow' | 'unstarted'
  readonly code: number | null
  /** At most `outputBytesMax`. */
  readonly stdout: Buffer
  /** The last 16 KiB. */
  readonly stderr: string
}

const TIMEOUT_MS = 60_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const ERROR_BYTES_MAX = 16 * 1024
const GRACE_MS = 2_000
const TAKES_VALUE: ReadonlySet<string> = new Set(['-c', '-C', '--git-dir', '--work-tree'])

/** Runs git with the guards of environment.ts. Never rejects: how it ended is the answer. */
export const runGit = (args: readonly string[], command: GitCommand = {}): Promise<GitOutcome> =>
  runProgram('git', [...GUARDS, ...args], command)

/** As `runGit`, for a command whose failure the caller could not plan for: rejects with IO_FAILED. */
export const git = async (args: readonly string[], command: GitCommand = {}): Promise<Buffer> => {
  const outcome = await runGit(args, command)
  if (outcome.end === 'exited' && outcome.code === 0) return outcome.stdout
  throw commandError(args, outcome)
}

export const gitText = async (args: readonly string[], command: GitCommand = {}): Promise<string> =>
  (await git(args, command)).toString('utf8').trimEnd()

export const commandError = (args: readonly string[], outcome: GitOutcome): ChorusError => {
  const verb = args.find((arg, index) => !arg.startsWith('-') && !TAKES_VALUE.has(args[index - 1] ?? '')) ?? 'git'
  if (outcome.end === 'unstarted') {
    return new ChorusError('CONFIG_MISSING', `"git ${verb}" could not be started: ${outcome.stderr}; install git 2.39 or newer`)
  }
  if (outcome.end === 'overflow') return new ChorusError('LIMIT_EXCEEDED', `"git ${verb}" printed more than is accepted`)
  if (outcome.end === 'timeout') return new ChorusError('IO_FAILED', `"git ${verb}" did not end in time`)
  return new ChorusError('IO_FAILED', `"git ${verb}" ended with code ${outcome.code}: ${lastLines(outcome.stderr)}`)
}

/** The telling end of what git said, on one line. */
export const lastLines = (stderr: string): string =>
  stderr.trim().split('\n').filter((line) => !line.startsWith('hint:')).slice(-4).join(' | ').slice(-600)

export const runProgram = (program: string, args: readonly string[], command: GitCommand = {}): Promise<GitOutcome> =>
  new Promise((resolve) => {
    // A group of its own, so that the transport helpers which git starts end with it.
    const env = { ...(command.environment ?? closedEnvironment()) }
    const child = spawn(program, args, { cwd: command.cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    const outputBytesMax = command.outputBytesMax ?? OUTPUT_BYTES_MAX
    const chunks: Buffer[] = []
    let bytes = 0
    let stderr = Buffer.alloc(0)
    let end: GitOutcome['end'] = 'exited'
    let forced: NodeJS.Timeout | undefined

    const stop = (why: GitOutcome['end']): void => {
      if (end !== 'exited') return
      end = why
      signalGroup(child.pid, 'SIGTERM')
      forced = setTimeout(() => { signalGroup(child.pid, 'SIGKILL'); child.stdout.destroy(); child.stderr.destroy() }, GRACE_MS)
    }
    const timer = setTimeout(() => { stop('timeout') }, command.timeoutMs ?? TIMEOUT_MS)

    child.stdout.on('data', (chunk: Buffer) => {
      const room = outputBytesMax - bytes
      if (room > 0) chunks.push(chunk.subarray(0, room))
      bytes += chunk.byteLength
      if (bytes > outputBytesMax) stop('overflow')
    })
    child.stderr.on('data', (chunk: Buffer) => { stderr = Buffer.concat([stderr, chunk]).subarray(-ERROR_BYTES_MAX) })
    child.on('error', (error) => { end = 'unstarted'; stderr = Buffer.from(error.message) })
    child.on('close', (code) => {
      clearTimeout(timer)
      clearTimeout(forced)
      resolve({ end, code, stdout: Buffer.concat(chunks), stderr: stderr.toString('utf8') })
    })
    // A program that ends before it has read its input breaks the pipe; its exit code tells what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(command.input)
  })

const signalGroup = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended between the decision and the signal.
  }
}
