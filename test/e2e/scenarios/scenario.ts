import { spawn } from 'node:child_process'
import path from 'node:path'

export interface ScenarioContext {
  /** The checkout. */
  readonly root: string
  /** Folder with the coding agents' node_modules. */
  readonly agents: string
  readonly say: (text: string) => void
}

export interface Scenario {
  /** Only when asked for by its name. */
  readonly onDemand?: true
  readonly name: string
  /** Rejects when what it promises did not happen. */
  run(context: ScenarioContext): Promise<void>
}

export interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** The command line as a user runs it. */
export const chorus = (context: ScenarioContext, args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {}): Promise<Ended> =>
  run(process.execPath, [path.join(context.root, 'bin/chorus.js'), ...args], options)

export const run = (program: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString('utf8') })
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString('utf8') })
    const timer = setTimeout(() => { child.kill('SIGKILL') }, options.timeoutMs ?? 180_000)
    child.once('error', reject)
    child.once('close', (code) => { clearTimeout(timer); resolve({ code, stdout, stderr }) })
  })

/** The last line of output as JSON. */
export const lastJson = (ended: Ended): Record<string, unknown> => {
  const line = ended.stdout.trim().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch (cause) {
    throw new Error(`a JSON object as the last line expected, got ${JSON.stringify(line.slice(0, 300))}\n${ended.stderr.slice(-2000)}`, { cause })
  }
}

export const expect = (condition: boolean, message: string): void => {
  if (!condition) throw new Error(message)
}

/** Asks again until it says yes; rejects with what it last saw. */
export const until = async <T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 90_000): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s`)
    await new Promise((resolve) => { setTimeout(resolve, 250) })
  }
}
