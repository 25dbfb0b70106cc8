/**
 * What operators read. A constant message and structured data; error = a person must act, warn = may become
 * one, info = state changes. No secret and no text supplied by a peer or a task at info or above.
 */
export interface Logger {
  debug(message: string, data?: LogData): void
  info(message: string, data?: LogData): void
  warn(message: string, data?: LogData): void
  error(message: string, data?: LogData): void
  child(data: LogData): Logger
}
export type LogData = Readonly<Record<string, unknown>>
