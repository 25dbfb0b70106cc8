export { openLogger } from './logger.ts'
export type { LoggerOptions, LogLevel, OpenLogger } from './logger.ts'
