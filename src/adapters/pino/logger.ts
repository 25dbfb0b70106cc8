import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import type { DestinationStream, Logger as Pino } from 'pino'
import type { LogData, Logger } from '../../ports/mod.ts'
import { presentable } from './presentable.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  readonly level: LogLevel
  /** A file (appended to, its folder made), standard error, or a stream of one's own. */
  readonly destination: { readonly file: string } | { readonly stream: DestinationStream } | 'stderr'
  /** In every line. */
  readonly base?: LogData
}

export interface OpenLogger extends Logger {
  /** Writes out what is buffered; lines after it are still written. */
  flush(): void
}

/** One JSON object a line: `level` (a word), `time` (ISO 8601), `msg`, and the data. Standard output is never used. */
export const openLogger = (options: LoggerOptions): OpenLogger => {
  const { destination } = options
  const stream = destination === 'stderr' ? pino.destination({ fd: 2, sync: true })
    : 'file' in destination ? pino.destination({ dest: destination.file, mkdir: true, append: true, sync: true, mode: 0o600 })
      : destination.stream
  // A full disk costs log lines, not the node: what must not be lost is in the audit log, which refuses by itself.
  if (stream instanceof EventEmitter) stream.on('error', () => undefined)
  const base = options.base === undefined ? null : presentable(options.base)
  const target = pino({ level: options.level, base, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, stream)
  return wrap(target)
}

const wrap = (target: Pino): OpenLogger => ({
  debug: (message, data) => write(target, 'debug', message, data),
  info: (message, data) => write(target, 'info', message, data),
  warn: (message, data) => write(target, 'warn', message, data),
  error: (message, data) => write(target, 'error', message, data),
  child: (data) => wrap(target.child(presentable(data))),
  flush: () => target.flush(),
})

const write = (target: Pino, level: 'debug' | 'info' | 'warn' | 'error', message: string, data: LogData | undefined): void => {
  if (!target.isLevelEnabled(level)) return
  if (data === undefined) target[level](message)
  else target[level](presentable(data), message)
}
