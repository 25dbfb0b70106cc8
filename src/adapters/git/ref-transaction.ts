import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { RefUpdate } from '../../ports/mod.ts'
import { lastLines } from './command.ts'
import { closedEnvironment, GUARDS } from './environment.ts'

const NOTHING = '0'.repeat(40)
const ANSWER_TIMEOUT_MS = 20_000

/**
 * One prepared transaction over refs (git-update-ref(1), --stdin): `prepare` locks every ref and compares it with what
 * was expected, `commit` moves them. When this process dies git reads the end of its input and aborts.
 */
export class RefTransaction {
  readonly #worktree: string
  #child: ChildProcessWithoutNullStreams | undefined
  #said = ''
  #complained = ''
  #ended: Promise<void> = Promise.resolve()

  constructor(worktree: string) {
    this.#worktree = worktree
  }

  /** Undefined when every ref is locked and as expected; else why not, and nothing is held. */
  async prepare(updates: readonly RefUpdate[]): Promise<string | undefined> {
    const args = [...GUARDS, '-C', this.#worktree, 'update-ref', '-m', 'chorus: deliver', '--stdin']
    const child = spawn('git', args, { env: closedEnvironment(), stdio: 'pipe', detached: true })
    this.#child = child
    child.stdout.on('data', (chunk: Buffer) => { this.#said = (this.#said + chunk.toString('latin1')).slice(-4096) })
    child.stderr.on('data', (chunk: Buffer) => { this.#complained = (this.#complained + chunk.toString('utf8')).slice(-4096) })
    child.stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => { child.on('close', () => { resolve() }); child.on('error', () => { resolve() }) })
    const lines = updates.map(({ ref, from, to }) => to === null ? `delete ${ref} ${from ?? NOTHING}` : `update ${ref} ${to} ${from ?? NOTHING}`)
    if (await this.#say(`start\n${lines.join('\n')}\nprepare\n`, 'prepare: ok')) return undefined
    await this.end()
    return lastLines(this.#complained) || 'the refs could not be locked'
  }

  /** Undefined when the refs have moved; else they may or may not have. */
  async commit(): Promise<string | undefined> {
    if (await this.#say('commit\n', 'commit: ok')) return undefined
    await this.end()
    return `the prepared refs were not confirmed: ${lastLines(this.#complained)}`
  }

  /** Lets go of what was not committed. Idempotent. */
  async end(): Promise<void> {
    this.#child?.stdin.end()
    await this.#ended
  }

  async #say(lines: string, answer: string): Promise<boolean> {
    const child = this.#child
    if (child === undefined) return false
    return new Promise((resolve) => {
      const settle = (told: boolean): void => {
        clearTimeout(timer)
        child.stdout.off('data', look)
        child.off('close', look)
        child.off('error', look)
        resolve(told)
      }
      const look = (): void => {
        if (this.#said.includes(answer)) settle(true)
        else if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) settle(false)
      }
      const timer = setTimeout(() => { child.kill(); settle(false) }, ANSWER_TIMEOUT_MS)
      child.stdout.on('data', look)
      child.on('close', look)
      child.on('error', look)
      child.stdin.write(lines)
    })
  }
}
