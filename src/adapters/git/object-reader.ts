import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { assert, ChorusError, isOid } from '../../core/mod.ts'
import type { Oid } from '../../core/mod.ts'
import { closedEnvironment, GUARDS } from './environment.ts'

export interface GitObject {
  readonly type: string
  readonly bytes: number
  /** Undefined when larger than asked for. */
  readonly body: Buffer | undefined
}

const ANSWER_TIMEOUT_MS = 30_000

/**
 * Reads objects of one repository through one long-lived `git cat-file --batch-command` (git 2.36): under a
 * millisecond each. Calls may overlap; they are answered one after the other. The program is started when first
 * needed and never keeps the process alive.
 */
export class ObjectReader {
  readonly #gitDir: string
  #child: ChildProcessWithoutNullStreams | undefined
  #pending: Buffer[] = []
  #pendingBytes = 0
  #wake: (() => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(gitDir: string) {
    this.#gitDir = gitDir
  }

  /** Undefined when the object is not here. */
  read(oid: Oid, options: { readonly bytesMax: number }): Promise<GitObject | undefined> {
    assert(isOid(oid), 'an object is read by its id')
    const answer = this.#turn.then(() => this.#read(oid, options.bytesMax))
    // The next caller waits for this one, whatever became of it.
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  async has(oid: Oid): Promise<boolean> {
    return await this.read(oid, { bytesMax: 0 }) !== undefined
  }

  async stop(): Promise<void> {
    await this.#turn
    this.#drop()
  }

  async #read(oid: Oid, bytesMax: number): Promise<GitObject | undefined> {
    const deadline = setTimeout(() => { this.#drop() }, ANSWER_TIMEOUT_MS)
    try {
      const head = await this.#ask(`info ${oid}\n`)
      if (head.endsWith(' missing')) return undefined
      const [, type = '', size = ''] = head.split(' ')
      const bytes = Number(size)
      if (!Number.isSafeInteger(bytes) || type === '') throw new Error(`an object header expected, got ${JSON.stringify(head.slice(0, 80))}`)
      if (bytes > bytesMax) return { type, bytes, body: undefined }
      await this.#ask(`contents ${oid}\n`)
      const body = await this.#take(bytes)
      await this.#take(1)
      return { type, bytes, body }
    } catch (cause) {
      this.#drop()
      throw new ChorusError('IO_FAILED', `object ${oid} could not be read from ${this.#gitDir}`, { cause })
    } finally {
      clearTimeout(deadline)
    }
  }

  async #ask(line: string): Promise<string> {
    this.#started().stdin.write(line)
    for (;;) {
      const all = Buffer.concat(this.#pending)
      const end = all.indexOf(10)
      if (end >= 0) {
        this.#keep(all.subarray(end + 1))
        return all.toString('latin1', 0, end)
      }
      if (all.byteLength > 4096) throw new Error('a line expected')
      await this.#more()
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#pendingBytes < count) await this.#more()
    const all = Buffer.concat(this.#pending)
    this.#keep(all.subarray(count))
    return all.subarray(0, count)
  }

  #keep(rest: Buffer): void {
    this.#pending = rest.byteLength === 0 ? [] : [rest]
    this.#pendingBytes = rest.byteLength
  }

  async #more(): Promise<void> {
    if (this.#child === undefined) throw new Error('git cat-file ended')
    await new Promise<void>((resolve) => { this.#wake = resolve })
    if (this.#child === undefined) throw new Error('git cat-file ended')
  }

  #started(): ChildProcessWithoutNullStreams {
    if (this.#child !== undefined) return this.#child
    const args = [...GUARDS, '--git-dir', this.#gitDir, 'cat-file', '--batch-command']
    const child = spawn('git', args, { env: closedEnvironment(), stdio: 'pipe', detached: true })
    this.#keep(Buffer.alloc(0))
    child.stdout.on('data', (chunk: Buffer) => {
      if (this.#child !== child) return
      this.#pending.push(chunk)
      this.#pendingBytes += chunk.byteLength
      this.#wake?.()
    })
    const ended = (): void => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#wake?.()
    }
    child.on('error', ended)
    child.on('close', ended)
    child.stdin.on('error', ended)
    child.stderr.resume()
    // It must not keep the node alive: a pending read does that by its timer.
    child.unref()
    for (const stream of [child.stdin, child.stdout, child.stderr]) if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
    this.#child = child
    return child
  }

  #drop(): void {
    const child = this.#child
    this.#child = undefined
    child?.kill()
    this.#wake?.()
  }
}
