import { fileURLToPath } from 'node:url'
import { ChorusError } from '../../core/mod.ts'

/** Where a repository's truth lives. */
export interface Remote {
  /** What git is told. */
  readonly url: string
  /** Absolute path when it is on this machine's file system. */
  readonly path: string | undefined
  /** For people and logs: without credentials. */
  readonly shown: string
}

/** Absolute path, file:, ssh:, git:, http(s): or `user@host:path`. Anything that could name a program is refused. */
export const parseRemote = (text: string): Remote => {
  if (text.length > 1000 || text.startsWith('-') || text.includes('::') || /[\u0000-\u001f]/.test(text)) throw refusal(text)
  if (text.startsWith('/')) return { url: text, path: text, shown: text }
  if (text.startsWith('file://')) {
    const path = filePath(text)
    return { url: text, path, shown: path }
  }
  if (/^(https?|ssh|git):\/\/./.test(text)) return { url: text, path: undefined, shown: withoutSecret(text) }
  if (/^(?:[\w.-]+@)?[\w.-]+:(?!\/\/)./.test(text)) return { url: text, path: undefined, shown: text }
  throw refusal(text)
}

/** Takes the password out of every URL in a text that git printed. */
export const withoutSecret = (text: string): string => text.replace(/(\w+:\/\/)[^/\s@]*@/g, '$1')

const filePath = (text: string): string => {
  try {
    return fileURLToPath(text)
  } catch (cause) {
    throw new ChorusError('CONFIG_INVALID', `a file URL with an absolute path expected, got ${JSON.stringify(text)}`, { cause })
  }
}

const refusal = (text: string): ChorusError =>
  new ChorusError('CONFIG_INVALID', `a repository is an absolute path, a file:, ssh:, git: or http(s): URL, or user@host:path; got ${
    JSON.stringify(withoutSecret(text).slice(0, 120))}`)
