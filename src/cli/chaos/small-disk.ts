import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { ChorusError, messageOf } from '../../core/mod.ts'

const SIZE = '192m'
const BLOCK = Buffer.alloc(1024 * 1024)
const BALLAST = 'ballast'

/** A file system of its own, in memory, for one folder, so that it can be full without harm to anything else. Linux, root. */
export class SmallDisk {
  readonly #folder: string

  /** The folder must be empty. */
  constructor(folder: string) { this.#folder = folder }

  mount(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'chorus-chaos', this.#folder], { stdio: ['ignore', 'ignore', 'pipe'] })
    } catch (cause) {
      throw new ChorusError('IO_FAILED', `no small disk could be mounted at ${this.#folder}: ${messageOf(cause)}`, { cause })
    }
  }

  /** To the last byte. */
  fill(): void {
    const file = openSync(path.join(this.#folder, BALLAST), 'w')
    try {
      for (let size = BLOCK.byteLength; size >= 1; ) {
        try { writeSync(file, BLOCK, 0, size) } catch { size = Math.floor(size / 16) }
      }
    } finally {
      closeSync(file)
    }
  }

  makeRoom(): void { rmSync(path.join(this.#folder, BALLAST), { force: true }) }

  /** Idempotent. A process that still has files open keeps its own view of it until it ends. */
  unmount(): void { if (isMounted(this.#folder)) execFileSync('umount', ['--lazy', this.#folder], { stdio: 'ignore' }) }
}

const isMounted = (folder: string): boolean =>
  existsSync('/proc/self/mounts') && readFileSync('/proc/self/mounts', 'utf8').split('\n').some((line) => line.split(' ')[1] === folder)
